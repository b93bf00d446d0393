#include "opt/opt.h"
#include "opt/rewrite.h"

/* What stands for a field of the gradient below the pool: while only the winner of a channel
 * has anything of that channel, one number a channel; behind a convolution, all channels at
 * every winner. */
typedef struct Sparse {
    Val own, all;
} Sparse;

typedef struct Winners {
    GraphBuilder b;
    const Graph *dense;
    Val arg, pooled; /* the sites of the winners, and the field that has them  */
    Sparse *field;   /* [nodes of the dense graph]                             */
    Val *sum;        /* [nodes of the dense graph] gradients of parameters     */
    bool gone;       /* there is something that cannot be had at winners alone */
} Winners;

static const Window winner = {.kernel = {1}, .stride = {1}};
static const Window site = {
    .kernel = {1, 1, 1, 1},
      .stride = {1, 1, 1, 1}
};

static const Node *node_of(const Winners *z, Val v)
{
    return graph_node(&z->b.g, v);
}

static Val add(Winners *z, Val like, Node n)
{
    const Node *old = node_of(z, like);
    n.name = old->name[0] && old->param < 0
                 ? arena_printf(z->b.arena, "%s.won", old->name)
                 : old->name;
    n.span = old->span;
    n.param = old->param;
    return graph_add(&z->b, n);
}

static bool one_site(const Winners *z, const Window *w)
{
    return window_is_one_site(w, node_of(z, z->pooled)->shape.rank);
}

/* ---- values of the forward pass ---- */

/* Multiply-adds in the time that it takes to pick a number, lane by lane. */
enum { PICK_COST = 48 };

static Val at_winners(Winners *z, Val v);

static Val pick(Winners *z, Val x, const Window *w)
{
    if (one_site(z, w))
        return at_winners(z, x);
    return add(z, x,
               (Node){
                   .op = OP_PICK, .arg = {x, z->arg},
                        .window = *w
    });
}

/* What the convolution reads is there for the gradient of its weights. */
static bool is_cheap(const Winners *z, const Node *conv)
{
    return conv->op == OP_CONV && z->b.g.param[node_of(z, conv->arg[1])->param].count <=
                                      (int64_t)PICK_COST * conv->shape.channels;
}

/* Made again, if that takes less than picking it. */
static Val at_winners(Winners *z, Val v)
{
    const Node n = *node_of(z, v);
    Node made = {
        .op = OP_PICK, .arg = {v, z->arg},
             .window = site
    };
    if (is_cheap(z, &n))
        made = (Node){
            .op = OP_CONV,
            .arg = {pick(z, n.arg[0], &n.window), n.arg[1], n.arg[2]},
            .window = winner
        };
    else if (n.op == OP_LEAKY_RELU && is_cheap(z, node_of(z, n.arg[0])))
        made = (Node){.op = n.op, .arg = {at_winners(z, n.arg[0])}, .slope = n.slope};
    return add(z, v, made);
}

/* ---- gradients ---- */

static Val pick_dy(Winners *z, Val dy)
{
    return add(z, dy,
               (Node){
                   .op = OP_PICK_DY, .arg = {z->field[dy.i].own, z->arg}
    });
}

/* While a channel is its own winner's alone, y there is what the pool has found. */
static void convert_point(Winners *z, Val v, const Node *n)
{
    const Sparse *dy = &z->field[n->arg[0].i];
    Node dx = {.op = n->op, .arg = {dy->all}, .slope = n->slope};
    if (dy->all.i) {
        dx.arg[1] = at_winners(z, n->arg[1]);
        z->field[v.i].all = add(z, v, dx);
    } else if (n->arg[1].i == z->pooled.i) {
        dx.arg[0] = dy->own;
        dx.arg[1] = add(z, v, (Node){.op = OP_GLOBAL_MAX, .arg = {z->pooled}});
        z->field[v.i].own = add(z, v, dx);
    } else {
        z->gone = true;
    }
}

static void convert_conv_dx(Winners *z, Val v, const Node *n)
{
    const Sparse *dy = &z->field[n->arg[0].i];
    Node dx = {
        .op = OP_CONV_DX, .arg = {dy->all, n->arg[1]},
             .window = winner
    };
    if (!one_site(z, &n->window)) {
        z->gone = true;
        return;
    }
    if (!dy->all.i) {
        dx.op = OP_PICK_DX;
        dx.arg[0] = pick_dy(z, n->arg[0]);
    }
    dx.shape = node_of(z, dx.arg[0])->shape;
    dx.shape.channels = n->shape.channels;
    z->field[v.i].all = add(z, v, dx);
}

static void convert_conv_dw(Winners *z, Val v, const Node *n)
{
    const Sparse *dy = &z->field[n->arg[0].i];
    Node dw = {.op = OP_CONV_DW, .arg = {dy->all}, .window = winner};
    if (!dy->all.i) {
        dw.op = OP_PICK_DW;
        dw.arg[0] = pick_dy(z, n->arg[0]);
    }
    dw.arg[1] = pick(z, n->arg[1], &n->window);
    z->sum[v.i] = add(z, v, dw);
}

static void convert_conv_db(Winners *z, Val v, const Node *n)
{
    const Sparse *dy = &z->field[n->arg[0].i];
    z->sum[v.i] =
        add(z, v, (Node){.op = OP_CONV_DB, .arg = {dy->all.i ? dy->all : dy->own}});
}

static bool is_below(const Winners *z, Val v)
{
    return z->field[v.i].own.i || z->field[v.i].all.i || z->sum[v.i].i;
}

static bool is_point(Op op)
{
    return op == OP_LEAKY_RELU_DX || op == OP_SIGMOID_DX || op == OP_TANH_DX;
}

static void convert(Winners *z, Val v)
{
    const Node *n = graph_node(z->dense, v);
    bool dy = is_below(z, n->arg[0]);
    if (n->op == OP_SPREAD_MAX) {
        z->gone |= z->arg.i != 0; /* a second one */
        z->arg = n->arg[1];
        z->pooled = graph_node(z->dense, z->arg)->arg[0];
        z->field[v.i].own = n->arg[0];
    } else if (dy && is_point(n->op) && !is_below(z, n->arg[1])) {
        convert_point(z, v, n);
    } else if (dy && n->op == OP_CONV_DX) {
        convert_conv_dx(z, v, n);
    } else if (dy && n->op == OP_CONV_DW) {
        convert_conv_dw(z, v, n);
    } else if (dy && n->op == OP_CONV_DB) {
        convert_conv_db(z, v, n);
    } else {
        z->gone |= dy || is_below(z, n->arg[1]);
    }
}

Graph *opt_winners(const Graph *g, Arena *a)
{
    Winners z = {.dense = g,
                 .field = NEW_ARRAY(a, Sparse, g->nodes),
                 .sum = NEW_ARRAY(a, Val, g->nodes)};
    graph_continue(&z.b, g, a);
    for (uint32_t i = 1; i < g->nodes && !z.gone; i++)
        convert(&z, (Val){i});
    if (z.gone || !z.arg.i || g->dx.i)
        return NULL;
    z.b.g.dparam = NEW_ARRAY(a, Val, g->params);
    for (int p = 0; p < g->params; p++) {
        Val dense = g->dparam[p];
        z.b.g.dparam[p] = z.sum[dense.i].i ? z.sum[dense.i] : dense;
    }
    return opt_run(graph_end(&z.b), a);
}
