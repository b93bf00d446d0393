#include <assert.h>

#include "grad/grad.h"

/* Walks the forward nodes from the output back.  When a node is reached every one of its
 * users has already added its share, so that its adjoint is complete. */
typedef struct Reverse {
    GraphBuilder b;
    Val *adjoint; /* [forward nodes] */
    bool *wanted; /* [forward nodes]: leads from something whose adjoint is asked for */
    Arena *arena;
} Reverse;

static const Node *node_of(const Reverse *r, Val v)
{
    return graph_node(&r->b.g, v);
}

static const char *adjoint_name(Reverse *r, Val v)
{
    const char *name = node_of(r, v)->name;
    return name[0] ? arena_printf(r->arena, "d%s", name) : "";
}

static Node operation(Op op, Val a, Val b)
{
    Node n = {.op = op};
    n.arg[0] = a;
    n.arg[1] = b;
    return n;
}

/* A node of the gradient, named and placed as the adjoint of v. */
static Val add_for(Reverse *r, Val v, Node node)
{
    node.name = adjoint_name(r, v);
    node.span = node_of(r, v)->span;
    return graph_add(&r->b, node);
}

/* Adds `share` to the adjoint of v. */
static void contribute_value(Reverse *r, Val v, Val share)
{
    if (!r->wanted[v.i])
        return;
    Val *sum = &r->adjoint[v.i];
    *sum = sum->i ? add_for(r, v, operation(OP_ADD, *sum, share)) : share;
}

static void contribute(Reverse *r, Val v, Node node)
{
    if (r->wanted[v.i])
        contribute_value(r, v, add_for(r, v, node));
}

/* ---- one function an operator: node y = n, adjoint dy -> shares of its operands -- */

static void adjoint_conv(Reverse *r, const Node *n, Val dy)
{
    Val x = n->arg[0], w = n->arg[1], bias = n->arg[2], none = {0};
    Node dw = operation(OP_CONV_DW, dy, x), db = operation(OP_CONV_DB, dy, none);
    Node dx = operation(OP_CONV_DX, dy, w);
    dw.param = node_of(r, w)->param;
    db.param = node_of(r, bias)->param;
    dx.shape = node_of(r, x)->shape;
    dw.window = dx.window = n->window;
    contribute(r, w, dw);
    contribute(r, bias, db);
    contribute(r, x, dx);
}

/* dy takes the shape of the operand again: what it came through a window from (UNPOOL),
 * the sites that were summed (SPREAD), the field that was flattened. */
static void adjoint_reshape(Reverse *r, const Node *n, Val dy, Op op)
{
    Node dx = operation(op, dy, (Val){0});
    dx.shape = node_of(r, n->arg[0])->shape;
    dx.window = n->window;
    contribute(r, n->arg[0], dx);
}

/* dx at the site that won, which a node of its own remembers. */
static void adjoint_max(Reverse *r, const Node *n, Val dy, Op arg_op, Op unpool_op)
{
    Val x = n->arg[0];
    if (!r->wanted[x.i])
        return;
    Node arg = operation(arg_op, x, (Val){0});
    arg.name = n->name[0] ? arena_printf(r->arena, "%s.arg", n->name) : "";
    arg.span = n->span;
    arg.window = n->window;
    Node dx = operation(unpool_op, dy, graph_add(&r->b, arg));
    dx.shape = node_of(r, x)->shape;
    dx.window = n->window;
    contribute(r, x, dx);
}

/* Functions whose derivative is one of their value. */
static void adjoint_point(Reverse *r, const Node *n, Val dy, Val y, Op op)
{
    Node dx = operation(op, dy, y);
    dx.slope = n->slope;
    contribute(r, n->arg[0], dx);
}

static void adjoint_add(Reverse *r, const Node *n, Val dy)
{
    contribute_value(r, n->arg[0], dy);
    contribute_value(r, n->arg[1], dy);
}

static void adjoint_sub(Reverse *r, const Node *n, Val dy)
{
    contribute_value(r, n->arg[0], dy);
    if (!r->wanted[n->arg[1].i])
        return;
    /* -dy as dy - 2 dy, which is exact in binary. */
    Val twice = add_for(r, n->arg[1], operation(OP_ADD, dy, dy));
    contribute(r, n->arg[1], operation(OP_SUB, dy, twice));
}

static void adjoint_mul(Reverse *r, const Node *n, Val dy)
{
    contribute(r, n->arg[0], operation(OP_MUL, dy, n->arg[1]));
    contribute(r, n->arg[1], operation(OP_MUL, dy, n->arg[0]));
}

static void adjoint_of(Reverse *r, Val y, Val dy)
{
    /* A copy: adding nodes moves the array. */
    const Node copy = *node_of(r, y), *n = &copy;
    switch (n->op) {
    case OP_INPUT:
    case OP_PARAM: break;
    case OP_CONV: adjoint_conv(r, n, dy); break;
    case OP_AVG_POOL: adjoint_reshape(r, n, dy, OP_AVG_UNPOOL); break;
    case OP_MAX_POOL: adjoint_max(r, n, dy, OP_MAX_ARG, OP_MAX_UNPOOL); break;
    case OP_GLOBAL_SUM: adjoint_reshape(r, n, dy, OP_SPREAD); break;
    case OP_GLOBAL_AVG: adjoint_reshape(r, n, dy, OP_SPREAD_AVG); break;
    case OP_GLOBAL_MAX: adjoint_max(r, n, dy, OP_GLOBAL_ARG, OP_SPREAD_MAX); break;
    case OP_LEAKY_RELU: adjoint_point(r, n, dy, y, OP_LEAKY_RELU_DX); break;
    case OP_SIGMOID: adjoint_point(r, n, dy, y, OP_SIGMOID_DX); break;
    case OP_TANH: adjoint_point(r, n, dy, y, OP_TANH_DX); break;
    case OP_ADD: adjoint_add(r, n, dy); break;
    case OP_SUB: adjoint_sub(r, n, dy); break;
    case OP_MUL: adjoint_mul(r, n, dy); break;
    case OP_FLATTEN: adjoint_reshape(r, n, dy, OP_UNFLATTEN); break;
    case OP_NONE:
    case OP_TARGET:
    case OP_SEED:
    case OP_CONV_DX:
    case OP_CONV_DW:
    case OP_CONV_DB:
    case OP_PICK:
    case OP_PICK_DY:
    case OP_PICK_DX:
    case OP_PICK_DW:
    case OP_MAX_ARG:
    case OP_AVG_UNPOOL:
    case OP_MAX_UNPOOL:
    case OP_GLOBAL_ARG:
    case OP_SPREAD:
    case OP_SPREAD_AVG:
    case OP_SPREAD_MAX:
    case OP_LEAKY_RELU_DX:
    case OP_SIGMOID_DX:
    case OP_TANH_DX:
    case OP_UNFLATTEN:
    case OP_MSE:
    case OP_MSE_DX:
    case OP_BCE:
    case OP_BCE_DX:
    case OP_COUNT: unreachable(); /* no forward graph has one */
    }
}

/* ---- the whole ------------------------------------------------------------------- */

static void mark_wanted(Reverse *r, const Graph *g, bool input_too)
{
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        r->wanted[i] = n->op == OP_PARAM || (n->op == OP_INPUT && input_too);
        for (int k = 0; k < op_info[n->op].operands; k++)
            r->wanted[i] |= r->wanted[n->arg[k].i];
    }
}

/* Value and derivative of the loss; the derivative of BCE is taken by the logit, where it
 * is sigmoid(s) - t and cannot overflow. */
static void seed_with_loss(Reverse *r, const Graph *g)
{
    bool bce = g->loss == LOSS_BCE;
    Val y = bce ? g->logit : g->output;
    Shape shape = graph_node(g, g->output)->shape;
    Val t = graph_add(&r->b, (Node){.op = OP_TARGET, .shape = shape, .name = "target"});
    Node loss = operation(bce ? OP_BCE : OP_MSE, y, t);
    loss.name = "loss";
    r->b.g.loss_value = graph_add(&r->b, loss);
    contribute(r, y, operation(bce ? OP_BCE_DX : OP_MSE_DX, y, t));
}

static void seed_with_dy(Reverse *r, const Graph *g)
{
    Shape shape = graph_node(g, g->output)->shape;
    contribute(r, g->output, (Node){.op = OP_SEED, .shape = shape});
}

static void collect_dparam(Reverse *r, const Graph *g)
{
    Graph *out = &r->b.g;
    out->dparam = NEW_ARRAY(r->arena, Val, g->params);
    for (uint32_t i = 1; i < g->nodes; i++) {
        Val share = r->adjoint[i];
        if (g->node[i].op != OP_PARAM || !share.i)
            continue;
        Val *sum = &out->dparam[g->node[i].param];
        *sum = sum->i ? add_for(r, (Val){i}, operation(OP_ADD, *sum, share)) : share;
    }
}

Graph *grad_reverse(const Graph *g, GradKind kind, Arena *a)
{
    assert(kind == GRAD_VJP || g->loss != LOSS_NONE);
    Reverse r = {.arena = a};
    graph_continue(&r.b, g, a);
    r.adjoint = NEW_ARRAY(a, Val, g->nodes);
    r.wanted = NEW_ARRAY(a, bool, g->nodes);
    mark_wanted(&r, g, kind == GRAD_VJP);
    if (kind == GRAD_LOSS)
        seed_with_loss(&r, g);
    else
        seed_with_dy(&r, g);
    for (uint32_t i = g->nodes - 1; i > 0; i--)
        if (r.adjoint[i].i)
            adjoint_of(&r, (Val){i}, r.adjoint[i]);
    collect_dparam(&r, g);
    r.b.g.dx = kind == GRAD_VJP ? r.adjoint[g->input.i] : (Val){0};
    Graph *out = graph_end(&r.b);
    assert(graph_verify(out, stderr));
    return out;
}
