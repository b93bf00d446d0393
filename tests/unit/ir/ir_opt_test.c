/* The optimiser: no result changes, what does nothing is gone. */
#include <math.h>
#include <string.h>

#include "cmocka_all.h"
#include "grad/grad.h"
#include "ir/eval.h"
#include "opt/opt.h"
#include "random_graph.h"

enum { SEEDS = 500, BATCH = 2 };

static const RandomOptions everything = {.rank_max = 3, .branches = 1};

static double *reals(Arena *a, uint64_t seed, int64_t n)
{
    double *x = NEW_ARRAY(a, double, n);
    random_reals(seed, x, n);
    return x;
}

static int64_t count_of(const Graph *g, Val v, const int64_t *lattice)
{
    const Node *n = graph_node(g, v);
    return n->param >= 0 ? g->param[n->param].count
                         : BATCH * n->shape.channels * shape_sites(&n->shape, lattice);
}

/* Equal numbers; the sign of a zero may differ. */
static void check_same(const Graph *g, const double *a, const double *b, Val v,
                       const int64_t *lattice, uint64_t seed)
{
    for (int64_t i = 0; v.i && i < count_of(g, v, lattice); i++)
        if (!(a[i] == b[i]))
            fail_msg("seed %d, %s: %.17g became %.17g", (int)seed,
                     op_info[graph_node(g, v)->op].name, a[i], b[i]);
}

static void check_graph(const Graph *g, const int64_t *lattice, uint64_t seed, Arena *a)
{
    Graph *o = opt_run(g, a);
    assert_true(graph_verify(o, stderr));
    assert_true(o->nodes <= g->nodes);
    assert_int_equal(o->params, g->params);
    assert_memory_equal(o->param, g->param, sizeof(Param) * (size_t)g->params);
    int64_t outputs = count_of(g, g->output, lattice);
    double *given = reals(a, seed + 2, outputs);
    EvalInput in = {lattice,
                    BATCH,
                    reals(a, seed, count_of(g, g->input, lattice)),
                    reals(a, seed + 1, g->param_count),
                    given,
                    given};
    const Eval *e = graph_eval(g, &in, a), *f = graph_eval(o, &in, a);
    const Val from[] = {g->output, g->loss_value, g->dx};
    const Val to[] = {o->output, o->loss_value, o->dx};
    for (size_t i = 0; i < countof(from); i++) {
        assert_int_equal(from[i].i == 0, to[i].i == 0);
        check_same(g, e->value[from[i].i], f->value[to[i].i], from[i], lattice, seed);
    }
    for (int p = 0; g->dparam && p < g->params; p++)
        check_same(g, e->value[g->dparam[p].i], f->value[o->dparam[p].i], g->dparam[p],
                   lattice, seed);
}

static void values_stay(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        Arena *a = arena_new();
        int64_t lattice[AXES_MAX];
        Graph *g = random_graph(seed, everything, a, lattice);
        check_graph(g, lattice, seed, a);
        check_graph(grad_reverse(g, GRAD_VJP, a), lattice, seed, a);
        if (g->loss != LOSS_NONE)
            check_graph(grad_reverse(g, GRAD_LOSS, a), lattice, seed, a);
        arena_free(a);
    }
}

/* ---- each rule ------------------------------------------------------------------- */

typedef struct Build {
    Arena *a;
    GraphBuilder b;
} Build;

static Build begin(Shape in)
{
    Build s = {.a = arena_new()};
    graph_begin(&s.b, s.a);
    s.b.g.name = "rule";
    s.b.g.rank = in.rank;
    s.b.g.input = graph_add(&s.b, (Node){.op = OP_INPUT, .shape = in, .name = "x"});
    return s;
}

/* Nodes that are left when y is the output. */
static uint32_t left(Build *s, Val y)
{
    s->b.g.output = y;
    Graph *g = graph_end(&s->b);
    assert_true(graph_verify(g, stderr));
    Graph *o = opt_run(g, s->a);
    assert_true(graph_verify(o, stderr));
    uint32_t nodes = o->nodes - 1;
    arena_free(s->a);
    return nodes;
}

static uint32_t left_of_sum(Build *s, Val a, Val b)
{
    return left(s, graph_add(&s->b, (Node){
                                        .op = OP_ADD, .arg = {a, b}
    }));
}

static const Shape field = {
    .channels = 3, .rank = 2, .extent = {{-1, 4, 1}, {-1, 5, 1}}
};
static const Shape square = {
    .channels = 3, .rank = 2, .extent = {{-1, 5, 1}, {-1, 5, 1}}
};
static const Shape vector = {.channels = 3};

static uint32_t left_of(Shape in, Node n)
{
    Build s = begin(in);
    n.arg[0] = s.b.g.input;
    return left(&s, graph_add(&s.b, n));
}

static Window pool(int kernel, int stride)
{
    return (Window){
        .kernel = {kernel,        kernel       },
        .stride = {stride,        stride       },
        .boundary = {BOUNDARY_NONE, BOUNDARY_NONE}
    };
}

static void what_does_nothing_goes(void **state)
{
    (void)state;
    assert_int_equal(left_of(field, (Node){.op = OP_LEAKY_RELU, .slope = 1}), 1);
    assert_int_equal(left_of(field, (Node){.op = OP_LEAKY_RELU, .slope = 0.5}), 2);
    assert_int_equal(left_of(field, (Node){.op = OP_AVG_POOL, .window = pool(1, 1)}),
                     1);
    assert_int_equal(left_of(field, (Node){.op = OP_AVG_POOL, .window = pool(1, 2)}),
                     2);
    assert_int_equal(left_of(field, (Node){.op = OP_MAX_POOL, .window = pool(1, 1)}),
                     1);
    assert_int_equal(left_of(field, (Node){.op = OP_MAX_POOL, .window = pool(2, 1)}),
                     2);
    for (Op op = OP_GLOBAL_SUM; op <= OP_GLOBAL_MAX; op++) {
        assert_int_equal(left_of(vector, (Node){.op = op}), 1);
        assert_int_equal(left_of(field, (Node){.op = op}), 2);
    }
    assert_int_equal(left_of(vector, (Node){.op = OP_FLATTEN}), 1);
    assert_int_equal(left_of(field, (Node){.op = OP_FLATTEN}), 2);
}

static void second_relu_goes(void **state)
{
    (void)state;
    for (int slope = 0; slope <= 1; slope++) {
        Build s = begin(field);
        Val x = graph_add(
            &s.b,
            (Node){.op = OP_LEAKY_RELU, .arg = {s.b.g.input}, .slope = 0.5 * slope});
        x = graph_add(&s.b, (Node){.op = OP_LEAKY_RELU, .arg = {x}, .slope = 0.3});
        assert_int_equal(left(&s, x), slope ? 3 : 2);
    }
}

static void flatten_and_back_cancel(void **state)
{
    (void)state;
    for (int same = 0; same <= 1; same++) {
        Build s = begin(field);
        Val y = graph_add(&s.b, (Node){.op = OP_FLATTEN, .arg = {s.b.g.input}});
        Shape back = field;
        if (!same)
            back.extent[0] = field.extent[1], back.extent[1] = field.extent[0];
        y = graph_add(&s.b, (Node){.op = OP_UNFLATTEN, .arg = {y}, .shape = back});
        assert_int_equal(left(&s, y), same ? 1 : 3);
    }
}

/* Equal nodes become one; nodes that differ in anything stay two. */
static void equal_nodes_merge(void **state)
{
    (void)state;
    Build s = begin(field);
    Val x = s.b.g.input;
    Val a = graph_add(&s.b, (Node){.op = OP_TANH, .arg = {x}, .name = "first"});
    Val b = graph_add(&s.b, (Node){.op = OP_TANH, .arg = {x}, .name = "second"});
    assert_int_equal(left_of_sum(&s, a, b), 3);
    s = begin(field);
    x = s.b.g.input;
    a = graph_add(&s.b, (Node){.op = OP_LEAKY_RELU, .arg = {x}, .slope = 0.1});
    b = graph_add(&s.b, (Node){.op = OP_LEAKY_RELU, .arg = {x}, .slope = 0.2});
    assert_int_equal(left_of_sum(&s, a, b), 4);
    s = begin(square); /* 5 sites: windows of 1 and of 2 make 2 of them at stride 3 */
    x = s.b.g.input;
    a = graph_add(&s.b, (Node){.op = OP_MAX_POOL, .arg = {x}, .window = pool(1, 3)});
    b = graph_add(&s.b, (Node){.op = OP_MAX_POOL, .arg = {x}, .window = pool(2, 3)});
    assert_int_equal(left_of_sum(&s, a, b), 4);
    s = begin(field); /* the largest of one site is its mean */
    x = s.b.g.input;
    a = graph_add(&s.b, (Node){.op = OP_MAX_POOL, .arg = {x}, .window = pool(1, 3)});
    b = graph_add(&s.b, (Node){.op = OP_AVG_POOL, .arg = {x}, .window = pool(1, 3)});
    assert_int_equal(left_of_sum(&s, a, b), 3);
}

/* ... and so nobody asks where it was. */
static void nobody_asks_for_the_only_site(void **state)
{
    (void)state;
    Build s = begin(field);
    Node pooled = {.op = OP_MAX_POOL, .arg = {s.b.g.input}, .window = pool(1, 3)};
    Val y = graph_add(&s.b, pooled);
    pooled.op = OP_MAX_ARG;
    Node back = {
        .op = OP_MAX_UNPOOL,
        .arg = {y, graph_add(&s.b, pooled)},
        .window = pool(1, 3),
        .shape = field
    };
    s.b.g.output = graph_add(&s.b, back);
    const Graph *o = opt_run(graph_end(&s.b), s.a);
    assert_int_equal(o->nodes - 1, 3);
    assert_int_equal(graph_node(o, o->output)->op, OP_AVG_UNPOOL);
    arena_free(s.a);
}

static void unused_nodes_go_and_rows_follow(void **state)
{
    (void)state;
    Build s = begin(field);
    Val unused = graph_add(&s.b, (Node){.op = OP_TANH, .arg = {s.b.g.input}});
    Val y = graph_add(
        &s.b, (Node){
                  .op = OP_SIGMOID, .arg = {s.b.g.input},
                       .name = "y", .span = { 3,          9}
    });
    graph_add_layer(&s.b, (LayerRow){.text = "Tanh", .value = unused});
    graph_add_layer(&s.b, (LayerRow){.text = "Sigmoid", .value = y});
    s.b.g.output = y;
    const Graph *o = opt_run(graph_end(&s.b), s.a);
    assert_int_equal(o->nodes, 3);
    assert_int_equal(o->layer[0].value.i, 0);
    assert_int_equal(o->layer[1].value.i, 2);
    assert_string_equal(o->node[2].name, "y");
    assert_int_equal(o->node[2].span.to, 9);
    arena_free(s.a);
}

/* With one tap it does not matter what lies outside, and the cheapest word is chosen. */
static void single_taps_need_no_boundary(void **state)
{
    (void)state;
    for (int kernel = 1; kernel <= 2; kernel++) {
        Build s = begin(field);
        graph_add_param(&s.b, (Param){
                                  .name = "w", .rank = 4, .dim = {2, 3, 1, kernel}
        });
        Val w = graph_add(&s.b, (Node){.op = OP_PARAM});
        Window window = {
            .kernel = {1,             kernel       },
            .stride = {1,             1            },
            .boundary = {BOUNDARY_ZERO, BOUNDARY_ZERO}
        };
        s.b.g.output = graph_add(
            &s.b, (Node){
                      .op = OP_CONV, .arg = {s.b.g.input, w},
                           .window = window
        });
        const Graph *o = opt_run(graph_end(&s.b), s.a);
        const Boundary *boundary = graph_node(o, o->output)->window.boundary;
        assert_int_equal(boundary[0], BOUNDARY_CIRCULAR);
        assert_int_equal(boundary[1], kernel == 1 ? BOUNDARY_CIRCULAR : BOUNDARY_ZERO);
        arena_free(s.a);
    }
}

/* ---- pools move to the front ------------------------------------------------------ */

static Op op_before(const Graph *g, Val *v)
{
    *v = graph_node(g, *v)->arg[0];
    return graph_node(g, *v)->op;
}

static Window window_of(int kernel, int stride)
{
    return (Window){
        .kernel = {kernel,        kernel       },
        .stride = {stride,        stride       },
        .boundary = {BOUNDARY_NONE, BOUNDARY_NONE}
    };
}

/* pool(before(x)) with a slope; what reorder puts last. */
static Op last_of(Node pool, Node before, bool used_twice)
{
    Shape plane = {
        .rank = 2, .channels = 3, .extent = {extent_axis(0), extent_axis(1)}
    };
    Build s = begin(plane);
    if (before.op == OP_CONV) {
        int w = graph_add_param(&s.b, (Param){
                                          .name = "w", .rank = 4, .dim = {3, 3, 1, 1}
        });
        before.arg[1] = graph_add(&s.b, (Node){.op = OP_PARAM, .param = w});
    }
    before.arg[0] = s.b.g.input;
    Val x = graph_add(&s.b, before);
    pool.arg[0] = x;
    s.b.g.output = graph_add(&s.b, pool);
    if (used_twice)
        graph_add(&s.b, (Node){.op = OP_TANH, .arg = {x}});
    Graph *o = opt_reorder(graph_end(&s.b), s.a);
    assert_true(graph_verify(o, stderr));
    Val v = o->output;
    Op last = graph_node(o, v)->op;
    assert_true(op_before(o, &v) == (last == pool.op ? before.op : pool.op));
    arena_free(s.a);
    return last;
}

static void pools_move_where_they_commute(void **state)
{
    (void)state;
    const Node max = {.op = OP_MAX_POOL, .window = window_of(2, 2)},
               mean = {.op = OP_AVG_POOL, .window = window_of(2, 2)},
               global = {.op = OP_GLOBAL_MAX}, sum = {.op = OP_GLOBAL_SUM},
               leaky = {.op = OP_LEAKY_RELU, .slope = 0.01},
               relu = {.op = OP_LEAKY_RELU, .slope = 0}, tanh = {.op = OP_TANH},
               conv = {.op = OP_CONV, .window = window_of(1, 1)},
               strided = {.op = OP_CONV, .window = window_of(1, 2)};
    assert_true(last_of(max, leaky, false) == OP_LEAKY_RELU);
    assert_true(last_of(global, leaky, false) == OP_LEAKY_RELU);
    assert_true(last_of(mean, conv, false) == OP_CONV);
    assert_true(last_of(max, leaky, true) == OP_MAX_POOL);
    /* equal maxima, of which the first would be another */
    assert_true(last_of(max, relu, false) == OP_MAX_POOL);
    assert_true(last_of(max, tanh, false) == OP_MAX_POOL);
    assert_true(last_of(mean, leaky, false) == OP_AVG_POOL);
    assert_true(last_of(sum, leaky, false) == OP_GLOBAL_SUM);
    assert_true(last_of(mean, strided, false) == OP_AVG_POOL);
    assert_true(last_of(max, conv, false) == OP_MAX_POOL);
}

static void reordered_values_stay(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        Arena *a = arena_new();
        int64_t lattice[AXES_MAX];
        Graph *g = random_graph(seed, everything, a, lattice), *o = opt_reorder(g, a);
        assert_true(graph_verify(o, stderr));
        EvalInput in = {.extent = lattice,
                        .batch = BATCH,
                        .x = reals(a, seed, count_of(g, g->input, lattice)),
                        .params = reals(a, seed + 1, g->param_count)};
        const Eval *e = graph_eval(g, &in, a), *f = graph_eval(o, &in, a);
        for (int64_t i = 0; i < count_of(g, g->output, lattice); i++)
            assert_true(fabs(e->value[g->output.i][i] - f->value[o->output.i][i]) <=
                        1e-11 * (1 + fabs(e->value[g->output.i][i])));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stay),
        cmocka_unit_test(what_does_nothing_goes),
        cmocka_unit_test(second_relu_goes),
        cmocka_unit_test(flatten_and_back_cancel),
        cmocka_unit_test(equal_nodes_merge),
        cmocka_unit_test(nobody_asks_for_the_only_site),
        cmocka_unit_test(unused_nodes_go_and_rows_follow),
        cmocka_unit_test(single_taps_need_no_boundary),
        cmocka_unit_test(pools_move_where_they_commute),
        cmocka_unit_test(reordered_values_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
