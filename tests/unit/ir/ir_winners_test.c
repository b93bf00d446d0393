/* Gradients made from the winners of a global maximum alone, against those made at all sites. */
#include <math.h>

#include "cmocka_all.h"
#include "grad/grad.h"
#include "ir/eval.h"
#include "opt/opt.h"
#include "random_graph.h"

enum { BATCH = 3 };

/* ---- networks: a few layers, a global maximum, one more layer, MSE ---- */

typedef struct Layer {
    Op op;
    int out, kernel, stride;
    Boundary boundary;
    double slope;
    bool bias;
} Layer;

static Val add_tensor(GraphBuilder *b, Param p)
{
    p.name = arena_printf(b->arena, "p%d", b->g.params);
    return graph_add(b, (Node){.op = OP_PARAM, .param = graph_add_param(b, p)});
}

static Val add_conv(GraphBuilder *b, Val x, const Layer *l)
{
    const Shape in = graph_node(&b->g, x)->shape;
    Node n = {.op = OP_CONV, .arg = {x}};
    Param w = {
        .rank = 2 + in.rank, .dim = {l->out, in.channels}
    };
    for (int d = 0; d < in.rank; d++) {
        w.dim[2 + d] = n.window.kernel[d] = l->kernel;
        n.window.stride[d] = l->stride;
        n.window.boundary[d] = l->boundary;
        n.window.before[d] = l->boundary == BOUNDARY_NONE ? 0 : (l->kernel - 1) / 2;
    }
    n.arg[1] = add_tensor(b, w);
    if (l->bias)
        n.arg[2] = add_tensor(b, (Param){.rank = 1, .dim = {l->out}});
    return graph_add(b, n);
}

static Val add_layer(GraphBuilder *b, Val x, const Layer *l)
{
    if (l->op == OP_CONV)
        return add_conv(b, x, l);
    Node n = {.op = l->op, .arg = {x}, .slope = l->slope};
    for (int d = 0; d < b->g.rank; d++) {
        n.window.kernel[d] = l->kernel;
        n.window.stride[d] = l->stride;
        n.window.boundary[d] = BOUNDARY_NONE;
    }
    return graph_add(b, n);
}

static const Graph *network(const Layer *layer, int layers, int rank, Arena *a)
{
    GraphBuilder b;
    graph_begin(&b, a);
    b.g.name = "chain";
    b.g.rank = rank;
    Shape in = {.channels = 3, .rank = rank};
    for (int d = 0; d < rank; d++)
        in.extent[d] = extent_axis(d);
    Val v = b.g.input = graph_add(&b, (Node){.op = OP_INPUT, .shape = in, .name = "x"});
    for (int i = 0; i < layers; i++)
        v = add_layer(&b, v, &layer[i]);
    v = graph_add(&b, (Node){.op = OP_GLOBAL_MAX, .arg = {v}});
    b.g.output = add_conv(&b, v, &(Layer){.out = 2});
    b.g.loss = LOSS_MSE;
    return graph_end(&b);
}

/* ---- both gradients of one graph ---- */

static int64_t count_of(const Graph *g, Val v, const int64_t *lattice)
{
    const Shape *s = &graph_node(g, v)->shape;
    return BATCH * s->channels * shape_sites(s, lattice);
}

/* Of integers and without rounding, equal; else to a few roundings of the terms. */
static void check_same(const Graph *dense, const Graph *few, const EvalInput *in,
                       double tolerance, const char *what, Arena *a)
{
    const Eval *e = graph_eval(dense, in, a), *f = graph_eval(few, in, a);
    for (int p = 0; p < dense->params; p++) {
        const uint32_t i = dense->dparam[p].i, j = few->dparam[p].i;
        for (int64_t k = 0; k < dense->param[p].count; k++)
            if (!(fabs(e->value[i][k] - f->value[j][k]) <=
                  tolerance * e->magnitude[i][k]))
                fail_msg("%s: d%s[%d] is %.17g, of the winners %.17g", what,
                         dense->param[p].name, (int)k, e->value[i][k], f->value[j][k]);
    }
}

/* The gradient at the winners of a network, if it has that form. */
static const Graph *check_network(const Graph *g, const int64_t *lattice, uint64_t seed,
                                  const char *what, Arena *a)
{
    const Graph *dense = opt_run(grad_reverse(opt_reorder(g, a), GRAD_LOSS, a), a);
    const Graph *few = opt_winners(dense, a);
    if (!few)
        return NULL;
    assert_true(graph_verify(few, stderr));
    for (uint32_t i = 1; i < few->nodes; i++)
        assert_true(few->node[i].op != OP_SPREAD_MAX);
    const int64_t numbers = count_of(g, g->input, lattice),
                  outputs = count_of(g, g->output, lattice);
    double *x = NEW_ARRAY(a, double, numbers), *t = NEW_ARRAY(a, double, outputs),
           *w = NEW_ARRAY(a, double, g->param_count);
    const EvalInput in = {lattice, BATCH, x, w, t, NULL};
    random_reals(seed, x, numbers);
    random_reals(seed + 1, w, g->param_count);
    random_reals(seed + 2, t, outputs);
    check_same(dense, few, &in, 1e-14, what, a);
    random_integers(seed, 1, x, numbers); /* many equal maxima */
    random_integers(seed + 1, 1, w, g->param_count);
    random_integers(seed + 2, 1, t, outputs);
    check_same(dense, few, &in, 1e-14, what, a);
    return few;
}

/* ---- */

static const Layer conv1 = {
    .op = OP_CONV, .out = 5, .kernel = 2, .stride = 1, .bias = true};
static const Layer padded = {
    .op = OP_CONV, .out = 5, .kernel = 3, .stride = 2, .boundary = BOUNDARY_ZERO};
static const Layer inside = {.op = OP_CONV,
                             .out = 4,
                             .kernel = 2,
                             .stride = 1,
                             .boundary = BOUNDARY_NONE,
                             .bias = true};
static const Layer pointwise = {
    .op = OP_CONV, .out = 7, .kernel = 1, .stride = 1, .bias = true};
static const Layer many = {.op = OP_CONV, .out = 60, .kernel = 1, .stride = 1};
static const Layer strided = {.op = OP_CONV, .out = 5, .kernel = 1, .stride = 2};
static const Layer leaky = {.op = OP_LEAKY_RELU, .slope = 0.25};
static const Layer relu = {.op = OP_LEAKY_RELU};
static const Layer tanh_ = {.op = OP_TANH}, sigmoid = {.op = OP_SIGMOID};
static const Layer pool = {.op = OP_MAX_POOL, .kernel = 2, .stride = 1};

enum { LAYERS = 7 };

/* ... and whether they have such a gradient. */
static const struct {
    Layer layer[LAYERS];
    bool has;
} chain[] = {
    {{conv1},                                                   true },
    {{conv1, leaky},                                            true },
    {{conv1, relu},                                             true },
    {{conv1, tanh_},                                            true },
    {{conv1, leaky, pointwise, leaky},                          true },
    {{padded, leaky, pointwise, relu},                          true },
    {{inside, sigmoid, pointwise, tanh_},                       true },
    {{strided, leaky, pointwise},                               true },
    {{pointwise, leaky, pointwise, leaky, pointwise, leaky},    true },
    {{padded, tanh_, pointwise, relu, pointwise, sigmoid},      true },
    {{padded, leaky, many, leaky, pointwise, leaky, pointwise}, true },
    {{conv1, leaky, conv1, leaky},                              false},
    {{conv1, leaky, strided, leaky},                            false},
    {{conv1, leaky, pool, pointwise},                           false},
    {{conv1, tanh_, sigmoid},                                   false}, /* y of two sites */
};

static void chains_have_both_gradients(void **state)
{
    (void)state;
    static const int64_t lattice[][2] = {
        {4, 5},
        {3, 2},
        {7, 4}
    };
    for (size_t i = 0; i < countof(chain); i++)
        for (int rank = 1; rank <= 2; rank++)
            for (size_t k = 0; k < countof(lattice); k++) {
                Arena *a = arena_new();
                int layers = 0;
                while (layers < LAYERS && chain[i].layer[layers].op)
                    layers++;
                const char *what = arena_printf(a, "chain %d", (int)i);
                const Graph *g = network(chain[i].layer, layers, rank, a);
                const Graph *few = check_network(g, lattice[k], 10 * i + k, what, a);
                if (!few == chain[i].has)
                    fail_msg("%s has %s", what, few ? "one" : "none");
                arena_free(a);
            }
}

static int count_ops(const Graph *g, Op op)
{
    int count = 0;
    for (uint32_t i = 1; i < g->nodes; i++)
        count += g->node[i].op == op;
    return count;
}

/* Only the input is picked, and narrow layers are made again; wide ones are picked. */
static void cheap_values_are_made_again(void **state)
{
    (void)state;
    Arena *a = arena_new();
    static const int64_t lattice[] = {4, 4};
    const Layer narrow[] = {conv1, leaky, pointwise, leaky};
    const Graph *few = check_network(network(narrow, 4, 2, a), lattice, 1, "narrow", a);
    assert_non_null(few);
    assert_int_equal(count_ops(few, OP_PICK), 1);
    const Layer wide[] = {conv1, leaky, many, leaky, pointwise, leaky, pointwise};
    few = check_network(network(wide, 7, 2, a), lattice, 1, "wide", a);
    assert_non_null(few);
    assert_int_equal(count_ops(few, OP_PICK), 2);
    arena_free(a);
}

/* A pool without parameters below it, and no pool at all. */
static void others_have_none(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const Graph *g = network(NULL, 0, 2, a);
    assert_null(opt_winners(opt_run(grad_reverse(g, GRAD_LOSS, a), a), a));
    g = network(&conv1, 1, 0, a);
    assert_null(opt_winners(opt_run(grad_reverse(g, GRAD_LOSS, a), a), a));
    g = network(&conv1, 1, 2, a);
    assert_null(opt_winners(opt_run(grad_reverse(g, GRAD_VJP, a), a), a));
    arena_free(a);
}

static void random_networks_have_both(void **state)
{
    (void)state;
    int found = 0;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        Arena *a = arena_new();
        int64_t lattice[AXES_MAX];
        const Graph *g = random_graph(seed, (RandomOptions){.rank_max = 3}, a, lattice);
        const char *what = arena_printf(a, "seed %d", (int)seed);
        found +=
            g->loss != LOSS_NONE && check_network(g, lattice, seed, what, a) != NULL;
        arena_free(a);
    }
    if (found < 30)
        fail_msg("only %d networks with winners", found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_have_both_gradients),
        cmocka_unit_test(cheap_values_are_made_again),
        cmocka_unit_test(others_have_none),
        cmocka_unit_test(random_networks_have_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
