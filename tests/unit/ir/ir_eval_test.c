/* The oracle against formulas written out anew, node by node, on random networks with
 * their gradients.  Each formula here works on coordinates, where the oracle works on
 * tables of sites, and gathers where the oracle scatters. */
#include <math.h>

#include "cmocka_all.h"
#include "grad/grad.h"
#include "ir/eval.h"
#include "opt/opt.h"
#include "random_graph.h"

enum { SEEDS = 400, SEEDS_OF_WINNERS = 8000, BATCH = 2 };

static const RandomOptions everything = {.rank_max = 4, .branches = 2};
static const RandomOptions chains = {.rank_max = 4}; /* of which many have winners */

/* A field as the test sees it. */
typedef struct View {
    const double *value;
    int64_t channels, sites, extent[AXES_MAX];
    int rank;
} View;

typedef struct Case {
    const Graph *g;
    const Eval *e;
    const int64_t *lattice;
} Case;

static View view(const Case *c, Val v)
{
    const Shape *s = &graph_node(c->g, v)->shape;
    View f = {.value = c->e->value[v.i], .channels = s->channels, .rank = s->rank};
    f.sites = 1;
    for (int d = 0; d < s->rank; d++)
        f.sites *= f.extent[d] = extent_value(s->extent[d], c->lattice);
    return f;
}

static double at(const View *f, int64_t n, int64_t channel, int64_t site)
{
    return f->value[(n * f->channels + channel) * f->sites + site];
}

/* The coordinate of a row-major number on one axis. */
static int64_t coordinate(const int64_t *extent, int rank, int64_t number, int axis)
{
    for (int d = rank - 1; d > axis; d--)
        number /= extent[d];
    return number % extent[axis];
}

static int64_t taps_of(const Window *w, int rank)
{
    int64_t taps = 1;
    for (int d = 0; d < rank; d++)
        taps *= w->kernel[d];
    return taps;
}

/* Does site p of the small lattice see site q of the big one through tap k? */
static bool sees(const Window *w, const View *big, const View *small, int64_t p,
                 int64_t k, int64_t q)
{
    int64_t kernel[AXES_MAX];
    for (int d = 0; d < big->rank; d++)
        kernel[d] = w->kernel[d];
    for (int d = 0; d < big->rank; d++) {
        int64_t from = coordinate(small->extent, small->rank, p, d) * w->stride[d] -
                       w->before[d] + coordinate(kernel, big->rank, k, d);
        int64_t apart = from - coordinate(big->extent, big->rank, q, d);
        bool wraps = w->boundary[d] == BOUNDARY_CIRCULAR;
        if (wraps ? apart % big->extent[d] != 0 : apart != 0)
            return false;
    }
    return true;
}

/* ---- one formula an operator ----------------------------------------------------- */

static double conv_at(const Case *c, const Node *m, int64_t n, int64_t o, int64_t p)
{
    View x = view(c, m->arg[0]);
    View y = {.rank = x.rank, .channels = m->shape.channels};
    for (int d = 0; d < x.rank; d++)
        y.extent[d] = extent_value(m->shape.extent[d], c->lattice);
    const double *w = c->e->value[m->arg[1].i];
    int64_t taps = taps_of(&m->window, x.rank);
    double sum = m->arg[2].i ? c->e->value[m->arg[2].i][o] : 0;
    for (int64_t q = 0; q < x.sites; q++)
        for (int64_t k = 0; k < taps; k++)
            for (int64_t i = 0; i < x.channels && sees(&m->window, &x, &y, p, k, q);
                 i++)
                sum += w[(o * x.channels + i) * taps + k] * at(&x, n, i, q);
    return sum;
}

static double conv_dx_at(const Case *c, const Node *m, int64_t n, int64_t i, int64_t q)
{
    View dy = view(c, m->arg[0]), dx = {.rank = dy.rank, .channels = m->shape.channels};
    for (int d = 0; d < dx.rank; d++)
        dx.extent[d] = extent_value(m->shape.extent[d], c->lattice);
    const double *w = c->e->value[m->arg[1].i];
    int64_t taps = taps_of(&m->window, dx.rank);
    double sum = 0;
    for (int64_t p = 0; p < dy.sites; p++)
        for (int64_t k = 0; k < taps; k++)
            for (int64_t o = 0; o < dy.channels && sees(&m->window, &dx, &dy, p, k, q);
                 o++)
                sum += w[(o * dx.channels + i) * taps + k] * at(&dy, n, o, p);
    return sum;
}

static double conv_dw_at(const Case *c, const Node *m, int64_t number)
{
    View dy = view(c, m->arg[0]), x = view(c, m->arg[1]);
    int64_t taps = taps_of(&m->window, x.rank), k = number % taps;
    int64_t i = number / taps % x.channels, o = number / taps / x.channels;
    double sum = 0;
    for (int64_t p = 0; p < dy.sites; p++)
        for (int64_t q = 0; q < x.sites; q++)
            for (int64_t n = 0; n < BATCH && sees(&m->window, &x, &dy, p, k, q); n++)
                sum += at(&dy, n, o, p) * at(&x, n, i, q);
    return sum;
}

static double conv_db_at(const Case *c, const Node *m, int64_t o)
{
    View dy = view(c, m->arg[0]);
    double sum = 0;
    for (int64_t n = 0; n < BATCH; n++)
        for (int64_t p = 0; p < dy.sites; p++)
            sum += at(&dy, n, o, p);
    return sum;
}

/* Mean, maximum, or number of the maximum, over the sites that p sees. */
static double pool_at(const Case *c, const Node *m, int64_t n, int64_t f, int64_t p)
{
    View x = view(c, m->arg[0]), y = {.rank = x.rank};
    for (int d = 0; d < x.rank; d++)
        y.extent[d] = extent_value(m->shape.extent[d], c->lattice);
    int64_t taps = taps_of(&m->window, x.rank);
    double sum = 0, largest = -INFINITY, arg = -1;
    for (int64_t k = taps - 1; k >= 0; k--)
        for (int64_t q = 0; q < x.sites; q++)
            if (sees(&m->window, &x, &y, p, k, q)) {
                double v = at(&x, n, f, q);
                sum += v;
                arg = v >= largest ? (double)k : arg;
                largest = fmax(largest, v);
            }
    return m->op == OP_AVG_POOL   ? sum / (double)taps
           : m->op == OP_MAX_POOL ? largest
                                  : arg;
}

static double unpool_at(const Case *c, const Node *m, int64_t n, int64_t f, int64_t q)
{
    View dy = view(c, m->arg[0]), dx = {.rank = dy.rank};
    for (int d = 0; d < dx.rank; d++)
        dx.extent[d] = extent_value(m->shape.extent[d], c->lattice);
    int64_t taps = taps_of(&m->window, dx.rank);
    double sum = 0;
    for (int64_t p = 0; p < dy.sites; p++)
        for (int64_t k = 0; k < taps; k++)
            if (sees(&m->window, &dx, &dy, p, k, q)) {
                if (m->op == OP_AVG_UNPOOL) {
                    sum += at(&dy, n, f, p) / (double)taps;
                } else {
                    View arg = view(c, m->arg[1]);
                    sum += at(&arg, n, f, p) == (double)k ? at(&dy, n, f, p) : 0;
                }
            }
    return sum;
}

static double global_at(const Case *c, const Node *m, int64_t n, int64_t f)
{
    View x = view(c, m->arg[0]);
    double sum = 0, largest = -INFINITY, arg = -1;
    for (int64_t q = x.sites - 1; q >= 0; q--) {
        double v = at(&x, n, f, q);
        sum += v;
        arg = v >= largest ? (double)q : arg;
        largest = fmax(largest, v);
    }
    return m->op == OP_GLOBAL_SUM   ? sum
           : m->op == OP_GLOBAL_AVG ? sum / (double)x.sites
           : m->op == OP_GLOBAL_MAX ? largest
                                    : arg;
}

static double spread_at(const Case *c, const Node *m, int64_t n, int64_t f, int64_t q)
{
    View dy = view(c, m->arg[0]);
    double v = at(&dy, n, f, 0);
    if (m->op == OP_SPREAD)
        return v;
    if (m->op == OP_SPREAD_AVG)
        return v / (double)shape_sites(&m->shape, c->lattice);
    View arg = view(c, m->arg[1]);
    return at(&arg, n, f, 0) == (double)q ? v : 0;
}

/* What a tap sees from the site that won. */
static double pick_at(const Case *c, const Node *m, int64_t n, int64_t f, int64_t p)
{
    View x = view(c, m->arg[0]), arg = view(c, m->arg[1]);
    View pooled = view(c, graph_node(c->g, m->arg[1])->arg[0]);
    int64_t taps = taps_of(&m->window, x.rank), won = (int64_t)at(&arg, n, p, 0);
    double sum = 0;
    for (int64_t q = 0; q < x.sites; q++)
        if (sees(&m->window, &x, &pooled, won, f % taps, q))
            sum += at(&x, n, f / taps, q);
    return sum;
}

static double pick_dx_at(const Case *c, const Node *m, int64_t n, int64_t i, int64_t p)
{
    View dy = view(c, m->arg[0]);
    return c->e->value[m->arg[1].i][p * m->shape.channels + i] * at(&dy, n, 0, p);
}

static double pick_dw_at(const Case *c, const Node *m, int64_t number)
{
    View dy = view(c, m->arg[0]), x = view(c, m->arg[1]);
    int64_t i = number % x.channels, p = number / x.channels;
    double sum = 0;
    for (int64_t n = 0; n < BATCH; n++)
        sum += at(&dy, n, 0, p) * at(&x, n, i, p);
    return sum;
}

static double loss_at(const Case *c, const Node *m, int64_t n)
{
    View y = view(c, m->arg[0]), t = view(c, m->arg[1]);
    double sum = 0;
    for (int64_t i = 0; i < y.channels * y.sites; i++) {
        double a = y.value[n * y.channels * y.sites + i];
        double b = t.value[n * t.channels * t.sites + i];
        sum += m->op == OP_MSE ? pow(a - b, 2)
                               : b * log1p(exp(-a)) + (1 - b) * (a + log1p(exp(-a)));
    }
    return sum;
}

/* a, b: the same element of both operands. */
static double point_at(const Node *m, double a, double b)
{
    switch ((int)m->op) {
    case OP_LEAKY_RELU: return fmax(a, 0) + m->slope * fmin(a, 0);
    case OP_LEAKY_RELU_DX: return a * (b > 0) + m->slope * a * (b <= 0);
    case OP_SIGMOID: return 1 / (1 + exp(-a));
    case OP_SIGMOID_DX: return a * (b - b * b);
    case OP_TANH: return copysign(expm1(-2 * fabs(a)) / (1 + exp(-2 * fabs(a))), a);
    case OP_TANH_DX: return a * (1 - b) * (1 + b);
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_FLATTEN:
    case OP_UNFLATTEN:
    case OP_PICK_DY: return a;
    case OP_MSE_DX: return 2 * a - 2 * b;
    case OP_BCE_DX: return 1 / (1 + exp(-a)) - b;
    }
    unreachable();
}

static double expected(const Case *c, const Node *m, int64_t number)
{
    int64_t sites = m->param < 0 ? shape_sites(&m->shape, c->lattice) : 1;
    int64_t channels = m->param < 0 ? m->shape.channels : 1;
    int64_t site = number % sites, f = number / sites % channels;
    int64_t n = number / sites / channels;
    switch ((int)m->op) {
    case OP_CONV: return conv_at(c, m, n, f, site);
    case OP_CONV_DX: return conv_dx_at(c, m, n, f, site);
    case OP_CONV_DW: return conv_dw_at(c, m, number);
    case OP_CONV_DB: return conv_db_at(c, m, number);
    case OP_PICK: return pick_at(c, m, n, f, site);
    case OP_PICK_DX: return pick_dx_at(c, m, n, f, site);
    case OP_PICK_DW: return pick_dw_at(c, m, number);
    case OP_AVG_POOL:
    case OP_MAX_POOL:
    case OP_MAX_ARG: return pool_at(c, m, n, f, site);
    case OP_AVG_UNPOOL:
    case OP_MAX_UNPOOL: return unpool_at(c, m, n, f, site);
    case OP_GLOBAL_SUM:
    case OP_GLOBAL_AVG:
    case OP_GLOBAL_MAX:
    case OP_GLOBAL_ARG: return global_at(c, m, n, f);
    case OP_SPREAD:
    case OP_SPREAD_AVG:
    case OP_SPREAD_MAX: return spread_at(c, m, n, f, site);
    case OP_MSE:
    case OP_BCE: return loss_at(c, m, n);
    }
    const double *a = c->e->value[m->arg[0].i], *b = c->e->value[m->arg[1].i];
    return point_at(m, a[number], b ? b[number] : 0);
}

/* ---- the test -------------------------------------------------------------------- */

static int64_t count_of(const Case *c, const Node *m)
{
    if (m->param >= 0)
        return c->g->param[m->param].count;
    return BATCH * m->shape.channels * shape_sites(&m->shape, c->lattice);
}

static double *reals(Arena *a, uint64_t seed, int64_t n)
{
    double *x = NEW_ARRAY(a, double, n);
    random_reals(seed, x, n);
    return x;
}

/* Values of order 1, however wide the layers are. */
static double *scaled_params(Arena *a, const Graph *g, uint64_t seed)
{
    double *w = reals(a, seed, g->param_count);
    for (int p = 0; p < g->params; p++)
        for (int64_t i = 0; i < g->param[p].count; i++)
            w[g->param[p].offset + i] /= sqrt(g->param[p].fan_in);
    return w;
}

/* At most 60 elements of each node, spread over it. */
static void check_node(const Case *c, uint32_t i, uint64_t seed)
{
    const Node *m = &c->g->node[i];
    int64_t count = count_of(c, m), step = count / 60 + 1;
    for (int64_t k = (int64_t)(seed % (uint64_t)step); k < count; k += step) {
        double want = expected(c, m, k), got = c->e->value[i][k];
        double bound = 1e-14 * c->e->magnitude[i][k] + 1e-300;
        if (!(fabs(got - want) <= 20 * bound))
            fail_msg("seed %d: %%%u %s[%ld] is %.17g, not %.17g (bound %g)", (int)seed,
                     i, op_info[m->op].name, (long)k, got, want, 20 * bound);
    }
}

/* Every node of a gradient. */
static void check_graph(const Graph *g, const int64_t *lattice, uint64_t seed,
                        int *seen, Arena *a)
{
    assert_true(graph_verify(g, stderr));
    const Shape *in = &graph_node(g, g->input)->shape;
    const Shape *out = &graph_node(g, g->output)->shape;
    int64_t outputs = BATCH * out->channels * shape_sites(out, lattice);
    EvalInput input = {.extent = lattice, .batch = BATCH};
    input.x = reals(a, seed, BATCH * in->channels * shape_sites(in, lattice));
    input.params = scaled_params(a, g, seed + 1);
    input.target = input.seed = reals(a, seed + 2, outputs);
    Case c = {g, graph_eval(g, &input, a), lattice};
    for (uint32_t i = 1; i < g->nodes; i++)
        if (op_info[g->node[i].op].class != LEAF) {
            seen[g->node[i].op]++;
            check_node(&c, i, seed);
        }
}

static void every_operator_means_its_formula(void **state)
{
    (void)state;
    int seen[OP_COUNT] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        Arena *a = arena_new();
        int64_t lattice[AXES_MAX];
        Graph *forward = random_graph(seed, everything, a, lattice);
        bool loss = forward->loss != LOSS_NONE && seed % 2;
        Graph *g = grad_reverse(forward, loss ? GRAD_LOSS : GRAD_VJP, a);
        check_graph(g, lattice, seed, seen, a);
        arena_free(a);
    }
    for (uint64_t seed = SEEDS; seed < SEEDS_OF_WINNERS; seed++) {
        Arena *a = arena_new();
        int64_t lattice[AXES_MAX];
        Graph *g = random_graph(seed, chains, a, lattice);
        if (g->loss != LOSS_NONE)
            g = opt_winners(opt_run(grad_reverse(g, GRAD_LOSS, a), a), a);
        if (g && g->loss_value.i)
            check_graph(g, lattice, seed, seen, a);
        arena_free(a);
    }
    for (int op = 1; op < OP_COUNT; op++)
        if (op_info[op].class != LEAF && seen[op] < 10)
            fail_msg("%s came up %d times", op_info[op].name, seen[op]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_means_its_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
