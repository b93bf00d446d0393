/* The oracle against results worked out by hand. */
#include <math.h>

#include "cmocka_all.h"
#include "ir/eval.h"

static const Shape line = {.channels = 1, .rank = 1, .extent = {{.axis = 0, .div = 1}}};

/* One operator on one channel of a line of n sites; `weights` only for a convolution. */
static Eval *eval_one(Arena *a, Node n, const double *x, int64_t sites,
                      const double *weights)
{
    GraphBuilder b;
    graph_begin(&b, a);
    b.g.name = "one";
    b.g.rank = 1;
    b.g.input = graph_add(&b, (Node){.op = OP_INPUT, .shape = line});
    n.arg[0] = b.g.input;
    if (n.op == OP_CONV) {
        graph_add_param(&b,
                        (Param){
                            .name = "w", .rank = 3, .dim = {1, 1, n.window.kernel[0]}
        });
        n.arg[1] = graph_add(&b, (Node){.op = OP_PARAM});
    }
    b.g.output = graph_add(&b, n);
    Graph *g = graph_end(&b);
    assert_true(graph_verify(g, stderr));
    EvalInput in = {.extent = &sites, .batch = 1, .x = x, .params = weights};
    Eval *e = graph_eval(g, &in, a);
    e->value[0] = e->value[g->output.i];
    e->magnitude[0] = e->magnitude[g->output.i];
    return e;
}

static Node conv(int kernel, int stride, Boundary boundary)
{
    Node n = {.op = OP_CONV};
    n.window = (Window){.kernel = {kernel}, .stride = {stride}, .boundary = {boundary}};
    n.window.before[0] = boundary == BOUNDARY_NONE ? 0 : (kernel - 1) / 2;
    return n;
}

typedef struct Known {
    Node node;
    int64_t sites;
    double x[4], y[4];
    int outputs;
} Known;

/* Weights 1, 10, 100, 1000: the digits of a result say which site each tap saw. */
static void taps_see_the_sites_of_the_convention(void **state)
{
    (void)state;
    static const double weights[] = {1, 10, 100, 1000};
    const Known known[] = {
        {conv(1, 1, BOUNDARY_CIRCULAR), 3, {1, 2, 3},    {1, 2, 3},                3},
        {conv(2, 1, BOUNDARY_CIRCULAR), 3, {1, 2, 3},    {21, 32, 13},             3},
        {conv(3, 1, BOUNDARY_CIRCULAR), 3, {1, 2, 3},    {213, 321, 132},          3},
        {conv(4, 1, BOUNDARY_CIRCULAR), 4, {1, 2, 3, 4}, {3214, 4321, 1432, 2143}, 4},
        {conv(4, 1, BOUNDARY_CIRCULAR), 2, {1, 2},       {1212, 2121},             2},
        {conv(4, 1, BOUNDARY_CIRCULAR), 1, {3},          {3333},                   1},
        {conv(2, 1, BOUNDARY_ZERO),     3, {1, 2, 3},    {21, 32, 3},              3},
        {conv(3, 1, BOUNDARY_ZERO),     3, {1, 2, 3},    {210, 321, 32},           3},
        {conv(4, 1, BOUNDARY_ZERO),     1, {3},          {30},                     1},
        {conv(2, 1, BOUNDARY_NONE),     3, {1, 2, 3},    {21, 32},                 2},
        {conv(3, 1, BOUNDARY_NONE),     3, {1, 2, 3},    {321},                    1},
        {conv(2, 2, BOUNDARY_CIRCULAR), 3, {1, 2, 3},    {21, 13},                 2},
        {conv(3, 2, BOUNDARY_ZERO),     4, {1, 2, 3, 4}, {210, 432},               2},
        {conv(2, 2, BOUNDARY_NONE),     3, {1, 2, 3},    {21},                     1},
        {conv(2, 3, BOUNDARY_CIRCULAR), 4, {1, 2, 3, 4}, {21, 14},                 2},
    };
    for (size_t i = 0; i < countof(known); i++) {
        Arena *a = arena_new();
        const Known *k = &known[i];
        const Eval *e = eval_one(a, k->node, k->x, k->sites, weights);
        for (int p = 0; p < k->outputs; p++)
            if (e->value[0][p] != k->y[p])
                fail_msg("case %zu, site %d: %g, not %g", i, p, e->value[0][p],
                         k->y[p]);
        arena_free(a);
    }
}

static void of_equal_maxima_the_first_wins(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Window pool = {.kernel = {3}, .stride = {1}, .boundary = {BOUNDARY_NONE}};
    const double x[] = {2, 5, 5, 5, 1};
    Node max = {.op = OP_MAX_POOL, .window = pool},
         arg = {.op = OP_MAX_ARG, .window = pool};
    const double y[] = {5, 5, 5}, tap[] = {1, 0, 0};
    assert_memory_equal(eval_one(a, max, x, 5, NULL)->value[0], y, sizeof y);
    assert_memory_equal(eval_one(a, arg, x, 5, NULL)->value[0], tap, sizeof tap);
    assert_true(eval_one(a, (Node){.op = OP_GLOBAL_ARG}, x, 5, NULL)->value[0][0] == 1);
    const double zeros[] = {-0.0, 0.0, 0.0};
    assert_true(eval_one(a, (Node){.op = OP_GLOBAL_ARG}, zeros, 3, NULL)->value[0][0] ==
                0);
    arena_free(a);
}

static void pools_drop_the_remainder(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Window pool = {.kernel = {2}, .stride = {2}, .boundary = {BOUNDARY_NONE}};
    const double x[] = {1, 3, -5, 1, 100};
    const Eval *e = eval_one(a, (Node){.op = OP_AVG_POOL, .window = pool}, x, 5, NULL);
    assert_true(e->value[0][0] == 2 && e->value[0][1] == -2);
    assert_true(e->magnitude[0][0] == 2 && e->magnitude[0][1] == 3);
    arena_free(a);
}

/* At 0 LeakyReLU has the slope of the negative side. */
static void activations_are_what_they_are_called(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const double x[] = {-2, 0, 3};
    const Eval *e = eval_one(a, (Node){.op = OP_LEAKY_RELU, .slope = 0.25}, x, 3, NULL);
    assert_true(e->value[0][0] == -0.5 && e->value[0][1] == 0 && e->value[0][2] == 3);
    assert_true(e->magnitude[0][0] == 2);
    const double far[] = {-1000, 0, 1000};
    e = eval_one(a, (Node){.op = OP_SIGMOID}, far, 3, NULL);
    assert_true(e->value[0][0] == 0 && e->value[0][1] == 0.5 && e->value[0][2] == 1);
    assert_true(isfinite(e->magnitude[0][0]) && isfinite(e->magnitude[0][2]));
    e = eval_one(a, (Node){.op = OP_TANH}, far, 3, NULL);
    assert_true(e->value[0][0] == -1 && e->value[0][1] == 0 && e->value[0][2] == 1);
    assert_true(isfinite(e->magnitude[0][0]) && isfinite(e->magnitude[0][2]));
    arena_free(a);
}

static const double *eval_loss(Arena *a, Op op, const double *y, const double *t,
                               int channels)
{
    GraphBuilder b;
    graph_begin(&b, a);
    Shape s = {.channels = channels};
    b.g.name = "loss";
    b.g.input = graph_add(&b, (Node){.op = OP_INPUT, .shape = s});
    Val target = graph_add(&b, (Node){.op = OP_TARGET, .shape = s});
    b.g.output = graph_add(&b, (Node){
                                   .op = op, .arg = {b.g.input, target}
    });
    Graph *g = graph_end(&b);
    EvalInput in = {.batch = 1, .x = y, .target = t};
    return graph_eval(g, &in, a)->value[g->output.i];
}

static void losses_are_sums_over_the_outputs(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const double y[] = {1, 2, 4}, t[] = {0, 2, 6};
    assert_true(eval_loss(a, OP_MSE, y, t, 3)[0] == 5);
    const double *d = eval_loss(a, OP_MSE_DX, y, t, 3);
    assert_true(d[0] == 2 && d[1] == 0 && d[2] == -4);
    /* ln 2 at a logit of 0; |s| where it is surely wrong; nothing where surely right. */
    const double s[] = {0, 1000, -1000, -1000}, label[] = {1, 0, 0, 1};
    assert_true(fabs(eval_loss(a, OP_BCE, s, label, 1)[0] - 0.69314718055994531) <
                1e-15);
    assert_true(eval_loss(a, OP_BCE, s + 1, label + 1, 1)[0] == 1000);
    assert_true(eval_loss(a, OP_BCE, s + 2, label + 2, 1)[0] == 0);
    assert_true(eval_loss(a, OP_BCE, s + 3, label + 3, 1)[0] == 1000);
    d = eval_loss(a, OP_BCE_DX, s, label, 4);
    assert_true(d[0] == -0.5 && d[1] == 1 && d[2] == 0 && d[3] == -1);
    arena_free(a);
}

/* Channel-major, then row-major sites, as PyTorch flattens. */
static void flatten_keeps_the_order(void **state)
{
    (void)state;
    Arena *a = arena_new();
    GraphBuilder b;
    graph_begin(&b, a);
    b.g.name = "flat";
    Shape s = {
        .channels = 2, .rank = 2, .extent = {extent_number(2), extent_number(3)}
    };
    b.g.input = graph_add(&b, (Node){.op = OP_INPUT, .shape = s});
    b.g.output = graph_add(&b, (Node){.op = OP_FLATTEN, .arg = {b.g.input}});
    Graph *g = graph_end(&b);
    double x[12];
    for (int i = 0; i < 12; i++)
        x[i] = i;
    EvalInput in = {
        .extent = (int64_t[]){2, 3},
          .batch = 1, .x = x
    };
    assert_memory_equal(graph_eval(g, &in, a)->value[g->output.i], x, sizeof x);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taps_see_the_sites_of_the_convention),
        cmocka_unit_test(of_equal_maxima_the_first_wins),
        cmocka_unit_test(pools_drop_the_remainder),
        cmocka_unit_test(activations_are_what_they_are_called),
        cmocka_unit_test(losses_are_sums_over_the_outputs),
        cmocka_unit_test(flatten_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
