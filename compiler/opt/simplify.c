#include "opt/rewrite.h"

static const Node *operand(const Rewrite *r, const Node *n, int k)
{
    return graph_node(&r->b.g, n->arg[k]);
}

static bool shape_equal(const Shape *a, const Shape *b)
{
    return a->channels == b->channels && shape_same_lattice(a, b);
}

/* RESHAPE: one undoes the other, and neither does anything to a vector. */
static bool is_reshaped_back(const Rewrite *r, const Node *n, Op inverse)
{
    const Node *x = operand(r, n, 0);
    return x->op == inverse && shape_equal(&operand(r, x, 0)->shape, &n->shape);
}

static Val same_reshape(const Rewrite *r, const Node *n, Op inverse)
{
    if (n->shape.rank == 0 && operand(r, n, 0)->shape.rank == 0)
        return n->arg[0];
    return is_reshaped_back(r, n, inverse) ? operand(r, n, 0)->arg[0] : (Val){0};
}

/* slope (0 x) is 0 x: a second LeakyReLU behind a ReLU changes no bit. */
static bool is_after_relu(const Rewrite *r, const Node *n)
{
    const Node *x = operand(r, n, 0);
    return x->op == OP_LEAKY_RELU && x->slope == 0;
}

/* A value that exists and equals n bit for bit, or none. */
static Val same_value(const Rewrite *r, const Node *n)
{
    const Val x = n->arg[0], none = {0};
    switch (n->op) {
    case OP_LEAKY_RELU: return n->slope == 1 || is_after_relu(r, n) ? x : none;
    case OP_LEAKY_RELU_DX: return n->slope == 1 ? x : none;
    case OP_AVG_POOL:
    case OP_MAX_POOL:
    case OP_AVG_UNPOOL:
    case OP_MAX_UNPOOL: return window_is_one_site(&n->window, n->shape.rank) ? x : none;
    case OP_GLOBAL_SUM:
    case OP_GLOBAL_AVG:
    case OP_GLOBAL_MAX: return operand(r, n, 0)->shape.rank == 0 ? x : none;
    case OP_SPREAD:
    case OP_SPREAD_AVG:
    case OP_SPREAD_MAX: return n->shape.rank == 0 ? x : none;
    case OP_FLATTEN: return same_reshape(r, n, OP_UNFLATTEN);
    case OP_UNFLATTEN: return same_reshape(r, n, OP_FLATTEN);
    case OP_NONE:
    case OP_INPUT:
    case OP_PARAM:
    case OP_TARGET:
    case OP_SEED:
    case OP_CONV:
    case OP_CONV_DX:
    case OP_CONV_DW:
    case OP_CONV_DB:
    case OP_PICK:
    case OP_PICK_DY:
    case OP_PICK_DX:
    case OP_PICK_DW:
    case OP_MAX_ARG:
    case OP_GLOBAL_ARG:
    case OP_SIGMOID:
    case OP_SIGMOID_DX:
    case OP_TANH:
    case OP_TANH_DX:
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_MSE:
    case OP_MSE_DX:
    case OP_BCE:
    case OP_BCE_DX: return none;
    case OP_COUNT: break;
    }
    unreachable();
}

/* A single tap never leaves the lattice, whatever the boundary is called. */
static void settle_boundary(Node *n)
{
    if (n->op != OP_CONV && n->op != OP_CONV_DX && n->op != OP_CONV_DW &&
        n->op != OP_PICK)
        return;
    for (int d = 0; d < AXES_MAX; d++)
        if (n->window.kernel[d] == 1)
            n->window.boundary[d] = BOUNDARY_CIRCULAR;
}

static bool is_one_tap(const Node *n)
{
    int taps = 1;
    for (int d = 0; d < n->shape.rank; d++)
        taps *= n->window.kernel[d];
    return taps == 1;
}

/* The largest of one site is its mean, and nobody has to remember where it was. */
static void settle_maximum(Node *n)
{
    if (n->op == OP_MAX_POOL && is_one_tap(n))
        n->op = OP_AVG_POOL;
    if (n->op == OP_MAX_UNPOOL && is_one_tap(n)) {
        n->op = OP_AVG_UNPOOL;
        n->arg[1] = (Val){0};
    }
}

/* Replaces operators that do nothing by their operand, and some by simpler ones.
 * Needs: topological order.  Keeps: every value, bit for bit; nodes may become unused. */
Graph *opt_simplify(const Graph *g, Arena *a)
{
    Rewrite r;
    rewrite_begin(&r, g, a);
    for (uint32_t i = 1; i < g->nodes; i++) {
        Node n = rewrite_node(&r, i);
        settle_boundary(&n);
        settle_maximum(&n);
        Val same = same_value(&r, &n);
        r.to[i] = same.i ? same : graph_add(&r.b, n);
    }
    return rewrite_end(&r);
}
