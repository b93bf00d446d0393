/* What must hold on every lattice: shifts move the maps of a convolutional network, and the
 * flux networks whose output is known in closed form give just that. */
#include <math.h>
#include <string.h>

#include "cmocka_all.h"
#include "ir/eval.h"
#include "random_net.h"

/* ---- flux configurations --------------------------------------------------------- */

enum { KT, KX, LT, LX, CHANNELS };

/* Channels k_t, k_x, l_t, l_x on T x X sites.  The divergence at y is
 * k_t(y) - k_t(y - t) + k_x(y) - k_x(y - x). */
typedef struct Flux {
    int T, X;
    double *k; /* [CHANNELS][T][X] */
    uint64_t random;
} Flux;

static double *link(Flux *f, int channel, int t, int x)
{
    int T = f->T, X = f->X;
    return &f->k[(channel * T + (t % T + T) % T) * X + (x % X + X) % X];
}

/* One unit of flux along the link from (t, x), forward or backward; moves the point. */
static void walk(Flux *f, int *t, int *x, int axis, int sign)
{
    int *c = axis == KT ? t : x;
    if (sign > 0)
        *link(f, axis, *t, *x) += 1;
    *c += sign;
    if (sign < 0)
        *link(f, axis, *t, *x) -= 1;
}

/* Closed loops: around plaquettes, and around the lattice in both directions. */
static void add_loops(Flux *f)
{
    for (int i = 0; i < f->T * f->X / 2; i++) {
        int t = random_below(&f->random, f->T), x = random_below(&f->random, f->X);
        int sign = random_below(&f->random, 2) ? 1 : -1;
        walk(f, &t, &x, KT, 1);
        walk(f, &t, &x, KX, sign);
        walk(f, &t, &x, KT, -1);
        walk(f, &t, &x, KX, -sign);
    }
    int t = 0, x = random_below(&f->random, f->X);
    for (int i = 0; i < f->T; i++)
        walk(f, &t, &x, KT, 1);
    for (int i = 0; i < f->X; i++)
        walk(f, &t, &x, KX, -1);
}

/* An open path between two ends that no other path ends on. */
static void add_path(Flux *f, bool *taken)
{
    int t, x, end_t, end_x, steps;
    do {
        t = random_below(&f->random, f->T);
        x = random_below(&f->random, f->X);
    } while (taken[t * f->X + x]);
    taken[t * f->X + x] = true;
    for (steps = 0;; steps++) {
        end_t = (t % f->T + f->T) % f->T;
        end_x = (x % f->X + f->X) % f->X;
        if (steps >= 5 && !taken[end_t * f->X + end_x])
            break;
        walk(f, &t, &x, random_below(&f->random, 2) ? KX : KT,
             random_below(&f->random, 2) ? 1 : -1);
    }
    taken[end_t * f->X + end_x] = true;
}

static Flux make_flux(Arena *a, int T, int X, int worms, uint64_t seed)
{
    Flux f = {T, X, NEW_ARRAY(a, double, CHANNELS *T *X), seed};
    bool *taken = NEW_ARRAY(a, bool, T *X);
    add_loops(&f);
    for (int i = 0; i < worms; i++)
        add_path(&f, taken);
    for (int i = LT * T * X; i < CHANNELS * T * X; i++)
        f.k[i] = random_below(&f.random, 3);
    return f;
}

/* ---- networks with a known answer ------------------------------------------------ */

/* Conv(2x2, 4, 1) that is the divergence, LeakyReLU(a), a pool, Linear(1, 1) 1/(1 - a). */
static Graph *divergence_network(Arena *a, Op pool, double slope)
{
    GraphBuilder b;
    graph_begin(&b, a);
    b.g.name = "divergence";
    b.g.rank = 2;
    Shape in = {
        .channels = 4, .rank = 2, .extent = {extent_axis(0), extent_axis(1)}
    };
    Window w = {
        .kernel = {2, 2},
          .stride = {1, 1}
    };
    graph_add_param(&b, (Param){
                            .name = "conv1.weight", .rank = 4, .dim = {1, 4, 2, 2}
    });
    graph_add_param(&b, (Param){
                            .name = "linear1.weight", .rank = 2, .dim = {1, 1}
    });
    Val y = b.g.input = graph_add(&b, (Node){.op = OP_INPUT, .shape = in});
    Val div = graph_add(&b, (Node){.op = OP_PARAM, .param = 0});
    Val factor = graph_add(&b, (Node){.op = OP_PARAM, .param = 1});
    y = graph_add(&b, (Node){
                          .op = OP_CONV, .arg = {y, div},
                               .window = w
    });
    y = graph_add(&b, (Node){.op = OP_LEAKY_RELU, .arg = {y}, .slope = slope});
    y = graph_add(&b, (Node){.op = pool, .arg = {y}});
    b.g.output = graph_add(&b, (Node){
                                   .op = OP_CONV, .arg = {y, factor}
    });
    Graph *g = graph_end(&b);
    assert_true(graph_verify(g, stderr));
    return g;
}

static double apply(const Graph *g, const Flux *f, double factor, Arena *a)
{
    /* w[k_t] = [[0,-1],[0,1]], w[k_x] = [[0,0],[-1,1]], rows in t. */
    const double params[] = {0, -1, 0, 1, 0, 0, -1, 1, 0, 0, 0, 0, 0, 0, 0, 0, factor};
    EvalInput in = {
        .extent = (int64_t[]){f->T, f->X},
          .batch = 1, .x = f->k, .params = params
    };
    return graph_eval(g, &in, a)->value[g->output.i][0];
}

/* The positive ends give N and the negative ones -a N: N (1 - a). */
static void counting_network_counts_the_worms(void **state)
{
    (void)state;
    static const int size[][2] = {
        {8,  8 },
        {16, 16},
        {60, 4 },
        {9,  7 }
    };
    for (int i = 0; i < 4; i++)
        for (int worms = 0; worms <= 10; worms++) {
            Arena *a = arena_new();
            Flux f = make_flux(a, size[i][0], size[i][1], worms,
                               (uint64_t)(100 * i + worms));
            Graph *count = divergence_network(a, OP_GLOBAL_SUM, 0.5);
            Graph *detect = divergence_network(a, OP_GLOBAL_MAX, 0.5);
            assert_true(apply(count, &f, 2, a) == worms);
            assert_true(apply(detect, &f, 1, a) == (worms > 0));
            arena_free(a);
        }
}

/* n = Q / X, with Q the flux through any time slice: a global mean of k_t. */
static void mean_of_k_t_is_the_charge_density(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        Arena *a = arena_new();
        Flux f = make_flux(a, 8, 4, 0, seed);
        GraphBuilder b;
        graph_begin(&b, a);
        b.g.rank = 2;
        Shape in = {
            .channels = 4, .rank = 2, .extent = {extent_axis(0), extent_axis(1)}
        };
        Val x = b.g.input = graph_add(&b, (Node){.op = OP_INPUT, .shape = in});
        b.g.output = graph_add(&b, (Node){.op = OP_GLOBAL_AVG, .arg = {x}});
        Graph *g = graph_end(&b);
        EvalInput input = {
            .extent = (int64_t[]){8, 4},
              .batch = 1, .x = f.k
        };
        const double *n = graph_eval(g, &input, a)->value[g->output.i];
        for (int t = 0; t < 8; t++) {
            double charge = 0;
            for (int i = 0; i < 4; i++)
                charge += *link(&f, KT, t, i);
            assert_true(n[KT] == charge / 4);
        }
        arena_free(a);
    }
}

/* ---- shifts ---------------------------------------------------------------------- */

/* Whether every window is periodic with stride 1, so that all maps follow a shift. */
static bool is_equivariant(const Graph *g)
{
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        if (n->op == OP_FLATTEN || op_info[n->op].class == WINDOW)
            return false;
        for (int d = 0; n->op == OP_CONV && d < n->shape.rank; d++)
            if (n->window.boundary[d] != BOUNDARY_CIRCULAR || n->window.stride[d] != 1)
                return false;
    }
    return true;
}

/* shifted[c][p] = x[c][p + by], on T x X sites. */
static void shift(const double *x, double *shifted, int channels, const int64_t *size,
                  const int *by)
{
    int64_t T = size[0], X = size[1];
    for (int64_t i = 0; i < channels * T * X; i++) {
        int64_t c = i / (T * X), t = i / X % T, p = i % X;
        shifted[i] = x[(c * T + (t + by[0]) % T) * X + (p + by[1]) % X];
    }
}

/* Every feature map of x shifted is, bit for bit, the shifted map of x. */
static void check_shift(const Graph *g, const int64_t *size, const int *by, Arena *a)
{
    int channels = graph_node(g, g->input)->shape.channels;
    int64_t sites = size[0] * size[1];
    double *x = NEW_ARRAY(a, double, channels *sites);
    double *y = NEW_ARRAY(a, double, channels *sites);
    double *w = NEW_ARRAY(a, double, g->param_count);
    random_reals(1, x, channels * sites);
    random_reals(2, w, g->param_count);
    shift(x, y, channels, size, by);
    EvalInput in = {.extent = size, .batch = 1, .x = x, .params = w}, moved = in;
    moved.x = y;
    const Eval *e = graph_eval(g, &in, a), *f = graph_eval(g, &moved, a);
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        if (n->param >= 0 || n->shape.rank != 2)
            continue;
        int64_t count = n->shape.channels * sites;
        double *expected = NEW_ARRAY(a, double, count);
        shift(e->value[i], expected, n->shape.channels, size, by);
        assert_memory_equal(f->value[i], expected, sizeof(double) * (size_t)count);
    }
}

static void maps_follow_every_shift(void **state)
{
    (void)state;
    int tested = 0;
    for (uint64_t seed = 0; seed < 1500; seed++) {
        Arena *a = arena_new();
        int64_t size[AXES_MAX];
        Graph *g = random_graph(seed, random_chains, a, size);
        if (g->rank == 2 && is_equivariant(g)) {
            tested++;
            for (int t = 0; t < size[0]; t++)
                for (int x = 0; x < size[1]; x++)
                    check_shift(g, size, (int[]){t, x}, a);
        }
        arena_free(a);
    }
    assert_true(tested > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counting_network_counts_the_worms),
        cmocka_unit_test(mean_of_k_t_is_the_charge_density),
        cmocka_unit_test(maps_follow_every_shift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
