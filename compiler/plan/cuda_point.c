#include "plan/cuda.h"

/* One number of the root: channel `c` at site `s`. */
typedef struct Spot {
    const CudaStep *step;
    const Node *node;
    const Ix *s, *c;
} Spot;

static int window_taps(const Node *pool)
{
    return cuda_taps(pool, &pool->shape);
}

static int ways(const Node *pool)
{
    int n = 1;
    for (int k = 0; k < pool->shape.rank; k++)
        n *= (pool->window.kernel[k] + pool->window.stride[k] - 1) /
             pool->window.stride[k];
    return n;
}

static const Ix *entry(Cuda *z, BufId table, int row, const Spot *at)
{
    Build *b = z->b;
    const Ix *sites = cuda_sites(z, at->step->value);
    const Ix *site = cuda_site(z, at->step->value, at->s);
    return ix_table(b, table, ix_add(b, ix_scale(b, sites, row), site));
}

/* A value at this channel, at any site. */
static const Vx *read(Cuda *z, const Spot *at, Ptr p, Val v, const Ix *site)
{
    return vx_load(z->b, p, NULL, cuda_there(z, v, site, at->c));
}

static Ptr point(Cuda *z, Val v, const char *name)
{
    Ptr p = ptr_new(z->b, name);
    put_point(z->b, p, NULL, cuda_buffer(z, v), ix(z->b, 0));
    return p;
}

static void make_mean(Cuda *z, const Spot *at, Reg y)
{
    Build *b = z->b;
    const Node *n = at->node;
    bool pool = n->op == OP_AVG_POOL;
    BufId table =
        cuda_table(z, pool ? NEAR_FORWARD : COVER, n, n->arg[0], at->step->value);
    Ptr x = point(z, n->arg[0], "x");
    const Vx *sum = NULL;
    for (int k = 0; k < (pool ? window_taps(n) : ways(n)); k++) {
        const Vx *next = read(z, at, x, n->arg[0], entry(z, table, k, at));
        sum = sum ? vx_op(b, VX_ADD, sum, next) : next;
    }
    put_declare(b, y, NULL, NULL,
                vx_op(b, VX_DIV, sum, vx_const(b, (double)window_taps(n))));
}

/* The first largest of the window wins: later ones must be greater. */
static void make_max(Cuda *z, const Spot *at, Reg y)
{
    Build *b = z->b;
    const Node *n = at->node;
    Val arg = z->steps->arg_of[at->step->value.i];
    BufId table = cuda_table(z, NEAR_FORWARD, n, n->arg[0], at->step->value);
    Ptr x = point(z, n->arg[0], "x");
    const Vx *max = vx_reg(b, y, NULL, NULL);
    put_declare(b, y, NULL, NULL, read(z, at, x, n->arg[0], entry(z, table, 0, at)));
    Reg where = reg_new(b, "where"), next = reg_new(b, "next");
    if (arg.i)
        put_declare(b, where, NULL, NULL, vx_zero(b));
    for (int k = 1; k < window_taps(n); k++) {
        const Vx *here = vx_reg(b, next, ix(b, k), NULL);
        put_declare(b, next, ix(b, k), NULL,
                    read(z, at, x, n->arg[0], entry(z, table, k, at)));
        if (arg.i)
            put_set(b, where, NULL, NULL,
                    vx_op4(b, VX_GT, here, max, vx_const(b, k),
                           vx_reg(b, where, NULL, NULL)));
        put_set(b, y, NULL, NULL, vx_op4(b, VX_GT, here, max, here, max));
    }
    if (!arg.i)
        return;
    Ptr to = point(z, arg, "arg");
    put_store(b, to, NULL, cuda_here(z, arg, at->s, at->c),
              vx_reg(b, where, NULL, NULL));
}

static void make_unmax(Cuda *z, const Spot *at, Reg y)
{
    Build *b = z->b;
    const Node *n = at->node;
    BufId cover = cuda_table(z, COVER, n, n->arg[0], at->step->value);
    BufId cover_tap = cuda_table(z, COVER_TAP, n, n->arg[0], at->step->value);
    Ptr x = point(z, n->arg[0], "x"), arg = point(z, n->arg[1], "arg");
    const Vx *sum = NULL;
    for (int k = 0; k < ways(n); k++) {
        const Ix *there = entry(z, cover, k, at);
        const Vx *tap = vx_index(b, entry(z, cover_tap, k, at));
        const Vx *dy = vx_op4(b, VX_EQ, read(z, at, arg, n->arg[1], there), tap,
                              read(z, at, x, n->arg[0], there), vx_zero(b));
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

static void make_root(Cuda *z, const Spot *at, Reg y)
{
    Build *b = z->b;
    const Node *n = at->node;
    if (at->step->load) {
        Ptr x = point(z, at->step->value, "x");
        put_declare(b, y, NULL, NULL,
                    vx_load(b, x, NULL, cuda_here(z, at->step->value, at->s, at->c)));
        return;
    }
    switch (n->op) {
    case OP_AVG_POOL:
    case OP_AVG_UNPOOL: make_mean(z, at, y); return;
    case OP_MAX_POOL: make_max(z, at, y); return;
    case OP_MAX_UNPOOL: make_unmax(z, at, y); return;
    case OP_SPREAD:
    case OP_SPREAD_AVG: {
        const Vx *x = read(z, at, point(z, n->arg[0], "x"), n->arg[0], NULL);
        const Vx *sites = vx_index(b, cuda_sites(z, at->step->value));
        put_declare(b, y, NULL, NULL,
                    n->op == OP_SPREAD ? x : vx_op(b, VX_DIV, x, sites));
        return;
    }
    case OP_SPREAD_MAX: {
        Ptr x = point(z, n->arg[0], "x"), arg = point(z, n->arg[1], "arg");
        put_declare(b, y, NULL, NULL,
                    vx_op4(b, VX_EQ, read(z, at, arg, n->arg[1], NULL),
                           vx_index(b, cuda_site(z, at->step->value, at->s)),
                           read(z, at, x, n->arg[0], NULL), vx_zero(b)));
        return;
    }
    /* Phases of their own, what is made along with another, and what only a CPU does. */
    case OP_MAX_ARG:
    case OP_PICK_DX:
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

void cuda_point(Cuda *z, const CudaStep *step)
{
    Build *b = z->b;
    Spot at = {.step = step, .node = graph_node(z->g, step->value)};
    const Ix *channels = ix(b, at.node->shape.channels);
    const Ix *count = ix_mul(b, cuda_tile(z, step->value), channels);
    Var i = put_loop(b, LOOP_THREADS, "item", ix(b, 0), count, 1);
    const Ix *item = ix_var(b, i);
    bool single = at.node->shape.rank == 0;
    at.s = single ? ix(b, 0) : cuda_quotient(z, "s", item, channels);
    at.c = single ? item : cuda_rest(z, "c", item, at.s, channels);
    CudaTile t = {.y = reg_new(b, "y"),
                  .channels = 1,
                  .sites = 1,
                  .channel = at.c,
                  .site = {at.s}};
    make_root(z, &at, t.y);
    cuda_chain(z, step, &t);
    put_end(b);
}
