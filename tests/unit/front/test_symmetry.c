/* The symmetry class that archc prints, held against what the oracle computes: the
 * output of a network with a global pool is invariant under exactly the translations
 * it names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/eval.h"
#include "sema/sema.h"
#include "sema/symmetry.h"
#include "syntax/syntax.h"

enum { T = 12, X = 18, SITES = T * X };

/* clang-format off */
static const struct {
    SymmetryKind kind;
    int64_t step[2];
    const char *body, *words;
} network[] = {
    {SYMMETRY_ALL, {1, 1},
     "Conv(2x2, 2, 3) LeakyReLU Conv(3x3, 3, 2) GlobalSumPool",
     "equivariant under all translations"},
    {SYMMETRY_ALL, {1, 1},
     "Conv(1x1, 2, 3, pad=zero) Tanh Conv(1x1, 3, 2, pad=none) GlobalMaxPool",
     "equivariant under all translations"},
    {SYMMETRY_STRIDED, {2, 3},
     "Conv(2x2, 2, 3) LeakyReLU MaxPool(2x3, 2x3) Conv(2x2, 3, 2) Tanh GlobalSumPool",
     "equivariant only under translations divisible by 2x3, from MaxPool(2x3, 2x3) on"},
    {SYMMETRY_STRIDED, {4, 6},
     "AvgPool(1x3) Tanh Conv(2x2, 2, 2, stride=2x1) Tanh MaxPool(2x2) GlobalAvgPool",
     "equivariant only under translations divisible by 4x6, from AvgPool(1x3) on"},
    {SYMMETRY_STRIDED, {1, 2},
     "a = Conv(2x2, 2, 2) -> Tanh "
     "return (a + u)*(a) -> AvgPool(1x2) -> Tanh -> GlobalSumPool",
     "equivariant only under translations divisible by 1x2, from AvgPool(1x2) on"},
    {SYMMETRY_NONE, {T, X},
     "AvgPool(2x2) Conv(3x3, 2, 3, pad=zero) LeakyReLU GlobalSumPool",
     "none: Conv(3x3, 2, 3, pad=zero) sees the edges of the lattice"},
    {SYMMETRY_NONE, {T, X},
     "Conv(2x2, 2, 3, pad=none) LeakyReLU GlobalSumPool",
     "none: Conv(2x2, 2, 3, pad=none) sees the edges of the lattice"},
    {SYMMETRY_NONE, {T, X},
     "MaxPool(3x3, 2) Tanh GlobalSumPool",
     "none: MaxPool(3x3, 2) sees the edges of the lattice"},
    {SYMMETRY_STRIDED, {T, 3},
     "Conv(2x2, 2, 3) LeakyReLU MaxPool(5x3) Tanh GlobalSumPool",
     "equivariant only under translations divisible by 12x3, from MaxPool(5x3) on"},
    {SYMMETRY_STRIDED, {1, X},
     "Conv(2x2, 2, 3, stride=1x4) Tanh GlobalSumPool",
     "equivariant only under translations divisible by 1x18, from "
     "Conv(2x2, 2, 3, stride=1x4) on"},
    {SYMMETRY_NONE, {T, X},
     "MaxPool(2x2) Conv(2x2, 2, 3, stride=4) Tanh GlobalSumPool",
     "none: MaxPool(2x2) leaves no translation of this lattice"},
    {SYMMETRY_NONE, {T, X},
     "Conv(2x2, 2, 3) LeakyReLU Flatten Linear(648, 1)",
     "none: Flatten fixes the lattice at 12x18"},
};
/* clang-format on */

static double noise(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 11) / 9007199254740992.0 - 0.5;
}

/* Moves the configuration x of 2 channels by (dt, dx). */
static void translate(const double *x, int dt, int dx, double *moved)
{
    for (int c = 0; c < 2; c++)
        for (int t = 0; t < T; t++)
            for (int s = 0; s < X; s++)
                moved[c * SITES + (t + dt) % T * X + (s + dx) % X] =
                    x[c * SITES + t * X + s];
}

static const Graph *lower(const char *body, Arena *a)
{
    const char *text = arena_printf(a, "model m { input u[2] on (T=%d, X=%d) %s }", T,
                                    X, body),
               *why;
    const Source *source = source_from("t.arch", text, strlen(text), a, &why);
    Diag *diag = diag_new(source, a);
    Graphs *graphs = sema_lower(syntax_parse(source, a, diag), a, diag);
    if (!graphs)
        diag_print(diag, stderr, false);
    assert_non_null(graphs);
    return graphs->graph[0];
}

static const double *output(const Graph *g, const double *x, const double *params,
                            Arena *a)
{
    static const int64_t extent[] = {T, X};
    EvalInput in = {.extent = extent, .batch = 1, .x = x, .params = params};
    return graph_eval(g, &in, a)->value[g->output.i];
}

static double change(const Graph *g, const double *x, const double *moved,
                     const double *params, Arena *a)
{
    const double *y = output(g, x, params, a), *z = output(g, moved, params, a);
    double largest = 0;
    for (int o = 0; o < graph_node(g, g->output)->shape.channels; o++)
        largest = fmax(largest, fabs(y[o] - z[o]) / (1e-3 + fabs(y[o])));
    return largest;
}

static void class_is_what_the_oracle_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(network); i++) {
        Arena *a = arena_new();
        const Graph *g = lower(network[i].body, a);
        Symmetry symmetry = symmetry_of(g);
        assert_int_equal(symmetry.kind, network[i].kind);
        assert_string_equal(symmetry_describe(g, a), network[i].words);

        uint64_t seed = 20210328 + i;
        double x[2 * SITES], moved[2 * SITES], *params = NEW_ARRAY(a, double, 1 << 12);
        for (int n = 0; n < 2 * SITES; n++)
            x[n] = 4 * noise(&seed);
        assert_true(g->param_count <= 1 << 12);
        for (int n = 0; n < g->param_count; n++)
            params[n] = noise(&seed);
        for (int dt = 0; dt < T; dt++)
            for (int dx = 0; dx < X; dx += 1 + dt % 2) {
                translate(x, dt, dx, moved);
                double d = change(g, x, moved, params, a);
                bool symmetric =
                    dt % network[i].step[0] == 0 && dx % network[i].step[1] == 0;
                if (symmetric ? d > 1e-11 : d < 1e-9)
                    fail_msg("%s: (%d, %d) changes the output by %g", network[i].body,
                             dt, dx, d);
            }
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(class_is_what_the_oracle_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
