/* Gradients against central differences, away from kinks, on random networks. */
#include <math.h>
#include <string.h>

#include "cmocka_all.h"
#include "grad/grad.h"
#include "ir/eval.h"
#include "random_graph.h"

enum { SEEDS = 600, BATCH = 2 };

static const RandomOptions options = {.rank_max = 3, .branches = 1, .narrow = true};

/* A network with a point (x, params) and a direction (v, q) in which it is moved. */
typedef struct Case {
    Arena *arena;
    Graph *g; /* with gradients */
    int64_t lattice[AXES_MAX], inputs, outputs;
    double *x, *params, *v, *q, *given; /* given: target or seed */
} Case;

static double *reals(Arena *a, uint64_t seed, int64_t n)
{
    double *x = NEW_ARRAY(a, double, n);
    random_reals(seed, x, n);
    return x;
}

/* 0 to 1, as the targets of a BCE. */
static double *fractions(Arena *a, uint64_t seed, int64_t n)
{
    double *x = reals(a, seed, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = fabs(x[i]);
    return x;
}

static int64_t count_of(const Case *c, Val v)
{
    const Shape *s = &graph_node(c->g, v)->shape;
    return BATCH * s->channels * shape_sites(s, c->lattice);
}

static Case make_case(uint64_t seed, GradKind kind)
{
    Case c = {.arena = arena_new()};
    Graph *forward = random_graph(seed, options, c.arena, c.lattice);
    if (kind == GRAD_LOSS && forward->loss == LOSS_NONE)
        forward->loss = LOSS_MSE;
    c.g = grad_reverse(forward, kind, c.arena);
    c.inputs = count_of(&c, c.g->input);
    c.outputs = count_of(&c, c.g->output);
    c.x = reals(c.arena, 5 * seed, c.inputs);
    c.v = reals(c.arena, 5 * seed + 1, c.inputs);
    c.params = reals(c.arena, 5 * seed + 2, c.g->param_count);
    c.q = reals(c.arena, 5 * seed + 3, c.g->param_count);
    c.given = fractions(c.arena, 5 * seed + 4, c.outputs);
    if (kind == GRAD_LOSS)
        memset(c.v, 0, sizeof(double) * (size_t)c.inputs);
    for (int p = 0; p < c.g->params; p++) /* values of order 1, however wide */
        for (int64_t i = 0; i < c.g->param[p].count; i++)
            c.params[c.g->param[p].offset + i] /= sqrt(c.g->param[p].fan_in);
    return c;
}

/* The network at (x + t v, params + t q). */
static Eval *eval_at(const Case *c, double t)
{
    double *x = NEW_ARRAY(c->arena, double, c->inputs);
    double *params = NEW_ARRAY(c->arena, double, c->g->param_count);
    for (int64_t i = 0; i < c->inputs; i++)
        x[i] = c->x[i] + t * c->v[i];
    for (int64_t i = 0; i < c->g->param_count; i++)
        params[i] = c->params[i] + t * c->q[i];
    EvalInput in = {c->lattice, BATCH, x, params, c->given, c->given};
    return graph_eval(c->g, &in, c->arena);
}

/* The scalar that is differentiated: the sum of the losses, or <seed, y>. */
static double objective(const Case *c, const Eval *e)
{
    double sum = 0;
    if (c->g->loss_value.i)
        for (int64_t n = 0; n < BATCH; n++)
            sum += e->value[c->g->loss_value.i][n];
    else
        for (int64_t i = 0; i < c->outputs; i++)
            sum += c->given[i] * e->value[c->g->output.i][i];
    return sum;
}

/* Do both points lie on the same side of every kink? */
static bool same_pieces(const Case *c, const Eval *a, const Eval *b)
{
    for (uint32_t i = 1; i < c->g->nodes; i++) {
        const Node *n = &c->g->node[i];
        bool arg = n->op == OP_MAX_ARG || n->op == OP_GLOBAL_ARG;
        for (int64_t k = 0;
             (arg || n->op == OP_LEAKY_RELU) && k < count_of(c, (Val){i}); k++) {
            double p = a->value[i][k], q = b->value[i][k];
            if (arg ? p != q : (p > 0) != (q > 0))
                return false;
        }
    }
    return true;
}

static double difference(const Case *c, double h, bool *smooth, const Eval *middle)
{
    Eval *up = eval_at(c, h), *down = eval_at(c, -h);
    *smooth = same_pieces(c, up, middle) && same_pieces(c, down, middle);
    return (objective(c, up) - objective(c, down)) / (2 * h);
}

/* <v, dx> + <q, dparam>, and the sum of the absolute terms. */
static double gradient(const Case *c, const Eval *e, double *scale)
{
    double sum = 0;
    *scale = 0;
    for (int64_t i = 0; c->g->dx.i && i < c->inputs; i++) {
        sum += c->v[i] * e->value[c->g->dx.i][i];
        *scale += fabs(c->v[i] * e->value[c->g->dx.i][i]);
    }
    for (int p = 0; p < c->g->params; p++)
        for (int64_t i = 0; i < c->g->param[p].count; i++) {
            double d = e->value[c->g->dparam[p].i][i];
            sum += c->q[c->g->param[p].offset + i] * d;
            *scale += fabs(c->q[c->g->param[p].offset + i] * d);
        }
    return sum;
}

typedef struct Tally {
    int tested, kinked, ordered;
} Tally;

/* Differences at h and h/2 agree with the gradient to O(h^2), and their combination
 * (4 D(h/2) - D(h)) / 3, whose error is O(h^4), to 1e-6. */
static void check_case(const Case *c, uint64_t seed, Tally *tally)
{
    double scale, h = 4e-3, coarse, fine;
    bool smooth = false, smooth_too;
    Eval *middle = eval_at(c, 0);
    double exact = gradient(c, middle, &scale);
    do {
        h /= 2;
        coarse = difference(c, h, &smooth, middle);
        fine = difference(c, h / 2, &smooth_too, middle);
    } while (!(smooth && smooth_too) && h > 1e-4);
    if (!smooth || !smooth_too) {
        tally->kinked++;
        return;
    }
    tally->tested++;
    double error = fabs((4 * fine - coarse) / 3 - exact);
    if (!(error <= 1e-6 * scale + 1e-11))
        fail_msg("seed %d: gradient %.12g, differences %.12g and %.12g (scale %g)",
                 (int)seed, exact, coarse, fine, scale);
    double e1 = coarse - exact, e2 = fine - exact;
    if (fabs(e2) > 1e-7 * scale && fabs(e2) > 1e-9) {
        tally->ordered++;
        if (!(e1 / e2 > 3.5 && e1 / e2 < 4.5))
            fail_msg("seed %d: errors %g at h, %g at h/2: not a second order",
                     (int)seed, e1, e2);
    }
}

static void check_kind(GradKind kind)
{
    Tally tally = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        Case c = make_case(seed, kind);
        assert_true(graph_verify(c.g, stderr));
        check_case(&c, seed, &tally);
        arena_free(c.arena);
    }
    print_message("%d tested, %d across a kink, %d with the order of h\n", tally.tested,
                  tally.kinked, tally.ordered);
    assert_true(tally.tested >= SEEDS * 8 / 10);
    assert_true(tally.ordered >= SEEDS / 20);
}

static void vjp_is_the_slope_of_the_output(void **state)
{
    (void)state;
    check_kind(GRAD_VJP);
}

static void gradient_is_the_slope_of_the_loss(void **state)
{
    (void)state;
    check_kind(GRAD_LOSS);
}

/* ---- linear operators: <A v, u> = <v, A^T u> to rounding ------------------------- */

/* One operator alone: its operand becomes the input, its weight stays a parameter. */
static Graph *alone(const Graph *g, const Node *n, Arena *a)
{
    GraphBuilder b;
    graph_begin(&b, a);
    b.g.name = "alone";
    b.g.rank = g->rank;
    b.g.input = graph_add(
        &b,
        (Node){.op = OP_INPUT, .shape = graph_node(g, n->arg[0])->shape, .name = "x"});
    Node copy = *n;
    copy.arg[0] = b.g.input;
    copy.arg[2] = (Val){0}; /* the bias is not linear in x */
    if (n->op == OP_CONV) {
        int p = graph_add_param(&b, g->param[graph_node(g, n->arg[1])->param]);
        copy.arg[1] = graph_add(&b, (Node){.op = OP_PARAM, .param = p});
    }
    b.g.output = graph_add(&b, copy);
    return graph_end(&b);
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void check_adjoint(const Graph *forward, const int64_t *lattice, uint64_t seed,
                          Arena *a)
{
    Case c = {.arena = a, .g = grad_reverse(forward, GRAD_VJP, a)};
    memcpy(c.lattice, lattice, sizeof c.lattice);
    c.inputs = count_of(&c, c.g->input);
    c.outputs = count_of(&c, c.g->output);
    double *v = reals(a, seed, c.inputs), *u = reals(a, seed + 1, c.outputs);
    double *w = reals(a, seed + 2, c.g->param_count);
    EvalInput in = {lattice, BATCH, v, w, NULL, u};
    const Eval *e = graph_eval(c.g, &in, a);
    const double *y = e->value[c.g->output.i], *my = e->magnitude[c.g->output.i];
    double left = dot(y, u, c.outputs), scale = 1e-30;
    for (int64_t i = 0; i < c.outputs; i++)
        scale += my[i] * fabs(u[i]);
    assert_true(fabs(left - dot(v, e->value[c.g->dx.i], c.inputs)) <= 1e-13 * scale);
    if (c.g->params) { /* bilinear: the same number once more */
        const double *dw = e->value[c.g->dparam[0].i];
        assert_true(fabs(left - dot(w, dw, c.g->param_count)) <= 1e-13 * scale);
    }
}

static bool is_linear(Op op)
{
    return op == OP_CONV || op == OP_AVG_POOL || op == OP_GLOBAL_SUM ||
           op == OP_GLOBAL_AVG || op == OP_FLATTEN;
}

static void linear_operators_have_exact_adjoints(void **state)
{
    (void)state;
    const RandomOptions wide = {.rank_max = 4};
    int seen[OP_COUNT] = {0};
    for (uint64_t seed = 0; seed < 400; seed++) {
        Arena *a = arena_new();
        int64_t lattice[AXES_MAX] = {0};
        Graph *g = random_graph(seed, wide, a, lattice);
        for (uint32_t i = 1; i < g->nodes; i++)
            if (is_linear(g->node[i].op)) {
                seen[g->node[i].op]++;
                check_adjoint(alone(g, &g->node[i], a), lattice, seed, a);
            }
        arena_free(a);
    }
    for (int op = 1; op < OP_COUNT; op++)
        assert_true(!is_linear((Op)op) || seen[op] > 20);
}

/* ---- what is built, and what is not ---------------------------------------------- */

static int count_ops(const Graph *g, Op op)
{
    int n = 0;
    for (uint32_t i = 1; i < g->nodes; i++)
        n += g->node[i].op == op;
    return n;
}

/* The gradient of a loss needs no force on the input; a vjp does. */
static void a_loss_has_no_adjoint_of_the_input(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        Arena *a = arena_new();
        int64_t lattice[AXES_MAX];
        Graph *g = random_graph(seed, random_chains, a, lattice);
        g->loss = g->loss == LOSS_NONE ? LOSS_MSE : g->loss;
        Graph *loss = grad_reverse(g, GRAD_LOSS, a),
              *vjp = grad_reverse(g, GRAD_VJP, a);
        assert_int_equal(loss->dx.i, 0);
        assert_true(vjp->dx.i > 0 && vjp->loss_value.i == 0);
        assert_int_equal(count_ops(vjp, OP_CONV_DX), count_ops(g, OP_CONV));
        assert_int_equal(count_ops(loss, OP_CONV_DX), count_ops(g, OP_CONV) - 1);
        assert_int_equal(count_ops(loss, OP_SIGMOID_DX),
                         count_ops(g, OP_SIGMOID) - (g->loss == LOSS_BCE) -
                             (g->node[2].op == OP_SIGMOID));
        for (uint32_t i = 1; i < g->nodes; i++)
            assert_true(loss->node[i].op == g->node[i].op);
        arena_free(a);
    }
}

/* A parameter that two layers share gets the sum of both gradients. */
static void shared_parameters_add_up(void **state)
{
    (void)state;
    Arena *a = arena_new();
    GraphBuilder b;
    graph_begin(&b, a);
    b.g.name = "shared";
    b.g.input = graph_add(&b, (Node){.op = OP_INPUT, .shape = {.channels = 1}});
    graph_add_param(&b, (Param){
                            .name = "w", .rank = 2, .dim = {1, 1}
    });
    Val w = graph_add(&b, (Node){.op = OP_PARAM});
    Val w_again = graph_add(&b, (Node){.op = OP_PARAM});
    Val y = graph_add(&b, (Node){
                              .op = OP_CONV, .arg = {b.g.input, w}
    });
    y = graph_add(&b, (Node){
                          .op = OP_CONV, .arg = {y, w}
    });
    b.g.output = graph_add(&b, (Node){
                                   .op = OP_CONV, .arg = {y, w_again}
    });
    Graph *g = grad_reverse(graph_end(&b), GRAD_VJP, a);
    assert_true(graph_verify(g, stderr));
    EvalInput in = {NULL, 1, (double[]){5}, (double[]){3}, NULL, (double[]){1}};
    Eval *e = graph_eval(g, &in, a);
    assert_true(e->value[g->output.i][0] == 135);    /* x w^3   */
    assert_true(e->value[g->dparam[0].i][0] == 135); /* 3 x w^2 */
    assert_true(e->value[g->dx.i][0] == 27);         /* w^3     */
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vjp_is_the_slope_of_the_output),
        cmocka_unit_test(gradient_is_the_slope_of_the_loss),
        cmocka_unit_test(linear_operators_have_exact_adjoints),
        cmocka_unit_test(a_loss_has_no_adjoint_of_the_input),
        cmocka_unit_test(shared_parameters_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
