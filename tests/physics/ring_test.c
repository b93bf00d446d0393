/* A ring in time alone has an exact transfer matrix: time links, lambda > 0, eta and mu
 * of both signs.  False alarms: compare.h, less than 0.9 % of all seeds with all
 * sixteen cases; the seed is fixed. */
#include "compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { ORDER = 32 };

static const Case cases[] = {
    {{{4.01, 1, 0.5}, 1, {2}, 400000, 3},    true },
    {{{4.01, 1, 1.05}, 1, {2}, 400000, 3},   true },
    {{{4.01, 1, -1.05}, 1, {3}, 400000, 3},  true },
    {{{4.01, 1, 1.05}, 1, {8}, 400000, 3},   true },
    {{{-1, 2, 0.7}, 1, {4}, 400000, 3},      true },
    {{{-2, 1, -0.4}, 1, {3}, 600000, 3},     true },
    {{{4.01, 100, 2.5}, 1, {3}, 400000, 3},  true },
    {{{4.01, 1, 0}, 1, {2}, 400000, 3},      false},
    {{{4.01, 1, 0.5}, 1, {3}, 400000, 3},    false},
    {{{4.01, 1, 1.05}, 1, {3}, 400000, 3},   false},
    {{{4.01, 1, 1.05}, 1, {4}, 400000, 3},   false},
    {{{1, 1, 0.3}, 1, {3}, 400000, 3},       false},
    {{{0, 1, -0.6}, 1, {5}, 600000, 3},      false},
    {{{4.25, 0.25, 1.3}, 1, {5}, 600000, 3}, false},
    {{{0.05, 3, 1}, 1, {2}, 400000, 3},      false},
    {{{3, 0.02, 0.3}, 1, {8}, 600000, 3},    false},
};

static bool all;

static Exact ring(const Run *r)
{
    return exact_ring(&r->params, (int)r->extent[0], ORDER);
}

/* At eta = 4.01, lambda = 1, converged to 1e-10 by another program. */
static void check_transfer_matrix_values(void **state)
{
    (void)state;
    const struct {
        int extent;
        double mu;
        Exact exact;
    } known[] = {
        {2, 0.00, {0, 0.2444097069}           },
        {2, 0.50, {0.1218021928, 0.2556353666}},
        {2, 1.05, {0.50433865, 0.32046072}    },
        {3, 0.50, {0.0440962979, 0.2355870772}},
        {3, 1.05, {0.2702755595, 0.2770331346}},
        {4, 1.05, {0.1553273921, 0.2557107725}},
        {8, 1.05, {0.0210352467, 0.2303595518}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const FluxParams p = {4.01, 1, known[i].mu};
        const Exact e = exact_ring(&p, known[i].extent, ORDER);
        assert_true(fabs(e.n - known[i].exact.n) < 6e-9);
        assert_true(fabs(e.phi2 - known[i].exact.phi2) < 6e-9);
    }
}

/* Eight orders less move nothing by more than 1e-7. */
static void check_sums_converge(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const Run *r = &cases[i].run;
        const Exact e = ring(r);
        const Exact less = exact_ring(&r->params, (int)r->extent[0], ORDER - 8);
        assert_true(fabs(e.n - less.n) < 1e-7);
        assert_true(fabs(e.phi2 - less.phi2) < 1e-7);
    }
}

static void check_ring(void **state)
{
    (void)state;
    const Table table = {"ring in time", cases, sizeof cases / sizeof *cases, 20262,
                         ring};
    assert_true(compare(&table, all));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_transfer_matrix_values),
        cmocka_unit_test(check_sums_converge),
        cmocka_unit_test(check_ring),
    };
    all = compare_all(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
