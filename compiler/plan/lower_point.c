#include "plan/lower.h"
#include "plan/value.h"

/* What the root reads: one pointer for every site it looks at. */
typedef struct Reads {
    Ptr x, arg, w;
    int count;                /* taps or ways; 1 for a plain load */
    const Ix *site;           /* in the tile                      */
    const Ix *channel, *lane; /* that are made                    */
} Reads;

static int ways(const Node *pool)
{
    int n = 1;
    for (int k = 0; k < pool->shape.rank; k++)
        n *= (pool->window.kernel[k] + pool->window.stride[k] - 1) /
             pool->window.stride[k];
    return n;
}

static const Ix *table_entry(Lower *l, BufId table, int row, const Ix *site,
                             int lattice)
{
    Build *b = l->b;
    const Ix *at = ix_add(b, ix_scale(b, ix_sites(b, lattice), row), site);
    return ix_table(b, table, at);
}

/* Points at what a window or an adjoint of a window reads. */
static void point_at_window(Lower *l, const Node *n, Val v, GeometryKind kind, Reads *r)
{
    Build *b = l->b;
    Val x = n->arg[0];
    BufId table = lower_table(l, kind, n, x, v);
    const Ix *site = ix_add(b, l->site, r->site);
    for (int k = 0; k < r->count; k++) {
        const Ix *there = table_entry(l, table, k, site, lower_lattice(l, v));
        put_point(b, r->x, ix_element(ix(b, k), r->count), lower_buffer(l, x),
                  lower_index(l, x, there, ix(b, 0), ix(b, 0)));
        if (n->op == OP_MAX_UNPOOL)
            put_point(b, r->arg, ix_element(ix(b, k), r->count),
                      lower_buffer(l, n->arg[1]),
                      lower_index(l, n->arg[1], there, ix(b, 0), ix(b, 0)));
    }
}

/* A value without sites, in the lanes of all parts. */
static BufId shared_buffer(Lower *l, Val v)
{
    const Buffer *own = plan_buffer(l->b->p, lower_buffer(l, v));
    return lower_near(l, arena_printf(l->b->arena, "%s_all", own->name), own->channels,
                      1);
}

void lower_share(Lower *l, const Step *step)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, step->root);
    bool mean = n->op == OP_SPREAD_AVG;
    if (step->load || !(mean || n->op == OP_SPREAD || n->op == OP_SPREAD_MAX))
        return;
    const Ix *sites = ix_sites(b, lower_lattice(l, step->root));
    put_call(b, mean ? "share_mean" : "share", mean ? 5 : 4,
             (CallArg[]){arg_parts(), arg_buf(b, lower_buffer(l, n->arg[0]), NULL),
                         arg_buf(b, shared_buffer(l, n->arg[0]), NULL),
                         arg_int(b, n->shape.channels), arg_ix(sites)});
}

/* Of a winner its dy, and the weights that lead to it from all channels below. */
static void point_at_winner(Lower *l, const Node *n, Reads *r)
{
    Build *b = l->b;
    const Ix *p = ix_add(b, l->site, r->site);
    int param = graph_node(l->g, n->arg[1])->param;
    int count = (int)l->g->param[param].count;
    int64_t weights = build_packing(
        b, (Packing){.param = param, .out = 1, .in = count, .taps = 1, .stride_in = 1});
    r->w = ptr_new(b, "w");
    put_point(b, r->x, NULL, lower_buffer(l, n->arg[0]),
              lower_index(l, n->arg[0], p, ix(b, 0), ix(b, 0)));
    put_point(b, r->w, NULL, build_packed(b),
              ix_add(b, ix(b, weights), ix_scale(b, p, n->shape.channels)));
}

static Reads reads_of(Lower *l, const Step *step, const Ix *site)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, step->root);
    Reads r = {.count = 1, .site = site};
    if (step->load)
        return r;
    r.x = ptr_new(b, "x");
    if (n->op == OP_AVG_POOL || n->op == OP_MAX_POOL) {
        r.count = lower_taps(n);
        point_at_window(l, n, step->root, NEAR_FORWARD, &r);
    } else if (n->op == OP_AVG_UNPOOL || n->op == OP_MAX_UNPOOL) {
        r.count = ways(n);
        r.arg = ptr_new(b, "arg");
        point_at_window(l, n, step->root, COVER, &r);
    } else if (n->op == OP_PICK_DX) {
        point_at_winner(l, n, &r);
    } else {
        put_point(b, r.x, NULL, shared_buffer(l, n->arg[0]), ix(b, 0));
        if (n->op == OP_SPREAD_MAX) {
            r.arg = ptr_new(b, "arg");
            put_point(b, r.arg, NULL, lower_buffer(l, n->arg[1]), ix(b, 0));
        }
    }
    return r;
}

static const Vx *read(Lower *l, const Reads *r, Ptr p, int k, const Ix *at)
{
    return vx_load(l->b, p, ix_element(ix(l->b, k), r->count), at);
}

/* The mean over a window, and dy / window at every site that a window covers. */
static void make_mean(Lower *l, const Node *n, const Reads *r, Reg y, const Ix *at)
{
    Build *b = l->b;
    const Vx *sum = read(l, r, r->x, 0, at);
    for (int k = 1; k < r->count; k++)
        sum = vx_op(b, VX_ADD, sum, read(l, r, r->x, k, at));
    put_declare(b, y, NULL, NULL, value_mean(b, sum, lower_taps(n)));
}

static void make_max(Lower *l, const Step *step, const Reads *r, Reg y, const Ix *at)
{
    Build *b = l->b;
    const Vx *max = vx_reg(b, y, NULL, NULL);
    put_declare(b, y, NULL, NULL, read(l, r, r->x, 0, at));
    Reg where = {0}, next = reg_new(b, "next");
    if (step->arg.i) {
        where = reg_new(b, "where");
        put_declare(b, where, NULL, NULL, vx_zero(b));
    }
    for (int k = 1; k < r->count; k++) {
        const Vx *x = vx_reg(b, next, ix(b, k), NULL);
        put_declare(b, next, ix(b, k), NULL, read(l, r, r->x, k, at));
        if (step->arg.i)
            put_set(
                b, where, NULL, NULL,
                vx_op4(b, VX_GT, x, max, vx_const(b, k), vx_reg(b, where, NULL, NULL)));
        put_set(b, y, NULL, NULL, vx_op(b, VX_MAX, x, max));
    }
    if (step->arg.i)
        put_store(b, l->ptr[step->arg.i], NULL,
                  ix_add(b, at, lower_index(l, step->arg, r->site, ix(b, 0), ix(b, 0))),
                  vx_reg(b, where, NULL, NULL));
}

static void make_unmax(Lower *l, const Step *step, const Reads *r, Reg y, const Ix *at)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, step->root);
    BufId table = lower_table(l, COVER_TAP, n, n->arg[0], step->root);
    const Ix *site = ix_add(b, l->site, r->site);
    const Vx *sum = NULL;
    for (int k = 0; k < r->count; k++) {
        const Ix *tap = table_entry(l, table, k, site, lower_lattice(l, step->root));
        const Vx *dy = vx_op4(b, VX_EQ, read(l, r, r->arg, k, at), vx_index(b, tap),
                              read(l, r, r->x, k, at), vx_zero(b));
        sum = sum ? vx_op(b, VX_ADD, sum, dy) : dy;
    }
    put_declare(b, y, NULL, NULL, sum);
}

/* The case labels of the classes that are no roots of a walk without convolution. */
#define CASE_LEAF(id)     case OP_##id:
#define CASE_CONTRACT(id) case OP_##id:
#define CASE_POINT(id)    case OP_##id:
#define CASE_RESHAPE(id)  case OP_##id:
#define CASE_LOSS(id)     case OP_##id:
#define CASE_WINDOW(id)
#define CASE_GLOBAL(id)

static void make_root(Lower *l, const Step *step, const Reads *r, Reg y, const Ix *at)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, step->root);
    const Ix *here = ix_add(b, l->site, r->site);
    if (step->load) {
        const Ix *local = lower_index(l, step->root, r->site, ix(b, 0), ix(b, 0));
        put_declare(b, y, NULL, NULL,
                    vx_load(b, l->ptr[step->root.i], NULL, ix_add(b, local, at)));
        return;
    }
    switch (n->op) {
    case OP_AVG_POOL:
    case OP_AVG_UNPOOL: make_mean(l, n, r, y, at); return;
    case OP_MAX_POOL: make_max(l, step, r, y, at); return;
    case OP_MAX_UNPOOL: make_unmax(l, step, r, y, at); return;
    case OP_SPREAD:
    case OP_SPREAD_AVG:
        put_declare(b, y, NULL, NULL, vx_load(b, r->x, NULL, at));
        return;
    case OP_SPREAD_MAX:
        put_declare(b, y, NULL, NULL,
                    vx_op4(b, VX_EQ, vx_load(b, r->arg, NULL, at), vx_index(b, here),
                           vx_load(b, r->x, NULL, at), vx_zero(b)));
        return;
    case OP_PICK_DX:
        put_declare(b, y, NULL, NULL,
                    vx_op(b, VX_MUL, vx_broadcast(b, r->w, r->channel),
                          vx_load(b, r->x, NULL, r->lane)));
        return;
    /* Sinks, and what is made along with another. */
    case OP_MAX_ARG:
    case OP_GLOBAL_SUM:
    case OP_GLOBAL_AVG:
    case OP_GLOBAL_MAX:
    case OP_GLOBAL_ARG:
#define OP(id, name, operands, class) CASE_##class(id)
#include "ir/ops.def"
#undef OP
    case OP_NONE:
    case OP_COUNT: break;
    }
    unreachable();
}

void lower_pointwise(Lower *l, const Step *step)
{
    Build *b = l->b;
    if (l->near.i) {
        lower_spread(l, step);
        return;
    }
    Var s = put_for(b, "k", ix(b, 0), ix(b, l->tile.sites), 1);
    Reads r = reads_of(l, step, ix_var(b, s));
    int channels = graph_node(l->g, step->root)->shape.channels;
    Var c = put_for(b, "c", ix(b, 0), ix(b, channels), 1);
    Var lane = put_lanes(b);
    r.channel = ix_var(b, c);
    r.lane = ix_var(b, lane);
    const Ix *at = ix_add(b, ix_scale(b, ix_var(b, c), LANES), ix_var(b, lane));
    Made m = {.y = reg_new(b, "y"),
              .channels = 1,
              .sites = 1,
              .channel = ix_var(b, c),
              .site = ix_var(b, s),
              .lane = ix_var(b, lane)};
    make_root(l, step, &r, m.y, at);
    lower_chain(l, step, &m);
    put_end(b);
    put_end(b);
    put_end(b);
}
