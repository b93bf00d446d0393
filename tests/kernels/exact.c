#include "exact.h"

#include <math.h>

#include "ir/eval_impl.h"

/* Halvings of a division by n, or -1. */
static int halvings(int64_t n)
{
    int bits = 0;
    for (; n > 1 && n % 2 == 0; n /= 2)
        bits++;
    return n == 1 ? bits : -1;
}

static int64_t window_size(const Node *n, int rank)
{
    int64_t size = 1;
    for (int d = 0; d < rank; d++)
        size *= n->window.kernel[d];
    return size;
}

static int64_t sites_of(const Graph *g, Val v, const int64_t *extent)
{
    return shape_sites(&graph_node(g, v)->shape, extent);
}

static bool is_curved(Op op)
{
    return op == OP_SIGMOID || op == OP_SIGMOID_DX || op == OP_TANH ||
           op == OP_TANH_DX || op == OP_BCE || op == OP_BCE_DX;
}

/* What the operator itself adds to the halvings of its operands, or -1. */
static int own_bits(const Graph *g, const Node *n, const int64_t *extent)
{
    Op op = n->op;
    if (is_curved(op))
        return -1;
    if (op == OP_LEAKY_RELU || op == OP_LEAKY_RELU_DX)
        return n->slope == 0.5 ? 1 : n->slope == 0 ? 0 : -1;
    if (op == OP_AVG_POOL || op == OP_AVG_UNPOOL)
        return halvings(window_size(n, n->shape.rank));
    if (op == OP_GLOBAL_AVG)
        return halvings(sites_of(g, n->arg[0], extent));
    if (op == OP_SPREAD_AVG)
        return halvings(shape_sites(&n->shape, extent));
    return 0;
}

static bool is_index(Op op)
{
    return op == OP_MAX_ARG || op == OP_GLOBAL_ARG;
}

/* The smallest b for which all values are multiples of 2^-b. */
static int value_bits(const Field *f)
{
    int bits = 0;
    for (int64_t i = 0; i < field_count(f); i++)
        while (bits < 60 && ldexp(f->value[i], bits) != floor(ldexp(f->value[i], bits)))
            bits++;
    return bits;
}

/* Products add the bits of their factors; everything else has those of its finest. */
static int operand_bits(const Graph *g, const Node *n, const int *bits)
{
    int sum = 0, most = 0;
    for (int k = 0; k < OPERANDS_MAX && n->arg[k].i; k++) {
        if (is_index(graph_node(g, n->arg[k])->op))
            continue;
        int b = bits[n->arg[k].i];
        sum += b;
        most = b > most ? b : most;
    }
    bool product = n->op == OP_CONV_DW || n->op == OP_MUL;
    return product ? sum : most;
}

/* Node v with its operands as they are, not as magnitudes: what the oracle then
 * accumulates is sum |term|. */
static Field field_of(const Graph *g, uint32_t v, const Eval *e, const int64_t *extent,
                      int64_t batch, Arena *a)
{
    const Node *n = &g->node[v];
    Field f = {.batch = 1, .channels = 1, .value = e->value[v]};
    if (n->param >= 0) {
        f.sites = g->param[n->param].count;
    } else {
        f.batch = batch;
        f.channels = n->shape.channels;
        f.rank = n->shape.rank;
        f.sites = shape_sites(&n->shape, extent);
        for (int d = 0; d < f.rank; d++)
            f.extent[d] = extent_value(n->shape.extent[d], extent);
    }
    f.magnitude = NEW_ARRAY(a, double, field_count(&f));
    for (int64_t i = 0; i < field_count(&f); i++)
        f.magnitude[i] = fabs(f.value[i]);
    return f;
}

typedef void Sum(Step *s);

/* Operators that add; all others give one number for one number. */
static Sum *sum_of(Op op)
{
    static Sum *const sum[OP_COUNT] = {[OP_CONV] = eval_conv,
                                       [OP_CONV_DX] = eval_conv_dx,
                                       [OP_CONV_DW] = eval_conv_dw,
                                       [OP_CONV_DB] = eval_conv_db,
                                       [OP_AVG_POOL] = eval_avg_pool,
                                       [OP_GLOBAL_SUM] = eval_global_sum,
                                       [OP_GLOBAL_AVG] = eval_global_avg,
                                       [OP_AVG_UNPOOL] = eval_avg_unpool};
    return sum[op];
}

/* sum |terms| of the node, the largest of all its elements. */
static double largest_sum(const Graph *g, uint32_t v, const Eval *e,
                          const int64_t *extent, int64_t batch, Field *out, Arena *a)
{
    Step s = {.node = &g->node[v], .scratch = a, .out = *out};
    if (sum_of(s.node->op)) {
        int64_t count = field_count(&s.out);
        s.out.value = NEW_ARRAY(a, double, count);
        s.out.magnitude = NEW_ARRAY(a, double, count);
        for (int k = 0; k < OPERANDS_MAX && s.node->arg[k].i; k++)
            s.arg[k] = field_of(g, s.node->arg[k].i, e, extent, batch, a);
        sum_of(s.node->op)(&s);
    }
    double largest = 0;
    for (int64_t i = 0; i < field_count(&s.out); i++)
        largest = fmax(largest, s.out.magnitude[i]);
    return largest;
}

bool eval_is_exact(const Graph *g, const Eval *e, const int64_t *extent, int64_t batch,
                   int digits)
{
    Arena *a = arena_new();
    int *bits = NEW_ARRAY(a, int, g->nodes); /* of the values, which are exact so far */
    bool exact = true;
    for (uint32_t v = 1; v < g->nodes && exact; v++) {
        const Node *n = &g->node[v];
        /* The loss is added up in double, whatever the model calculates in. */
        if (is_index(n->op) || n->op == OP_MSE)
            continue;
        Arena *scratch = arena_new();
        int own = own_bits(g, n, extent), terms = operand_bits(g, n, bits) + own;
        Field out = field_of(g, v, e, extent, batch, scratch);
        bits[v] = value_bits(&out);
        terms = terms > bits[v] ? terms : bits[v];
        exact = own >= 0 && largest_sum(g, v, e, extent, batch, &out, scratch) <=
                                ldexp(1, digits - terms);
        arena_free(scratch);
    }
    arena_free(a);
    return exact;
}
