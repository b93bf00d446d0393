/* Charge conjugation, k -> -k and mu -> -mu: n is odd and |phi|^2 even, on lattices
 * that have no exact answer; and n = Q / (spatial sites) in every sample.  False
 * alarms: two chi^2 at p = 1e-3 and 16 pulls at 4 sigma with all eight pairs, 0.3 % of
 * all seeds; the seed is fixed. */
#include "compare.h"
#include "pulls.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const Case cases[] = {
    {{{4.01, 1, 0.8}, 2, {6, 6}, 40000, 4},      true },
    {{{-0.5, 3, 0.5}, 2, {3, 4}, 100000, 4},     true },
    {{{4.25, 1, 1}, 2, {9, 3}, 140000, 4},       true },
    {{{7, 1, 0.9}, 3, {4, 3, 2}, 40000, 4},      true },
    {{{4.01, 1, 1.05}, 2, {8, 8}, 80000, 5},     false},
    {{{4.01, 1, 1.05}, 2, {60, 4}, 20000, 10},   false},
    {{{4.01, 1, 1.5}, 2, {6, 6}, 260000, 5},     false},
    {{{9, 0.5, 0.8}, 4, {3, 2, 3, 2}, 80000, 5}, false},
};

static bool all;

static void check_charge_conjugation(void **state)
{
    (void)state;
    enum { SEED = 20265 };
    Pulls n = {0}, phi2 = {0};
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Run up = cases[i].run;
        if (!all && !cases[i].quick)
            continue;
        up.samples *= all ? COMPARE_LONGER : 1;
        Run down = up;
        down.params.mu = -up.params.mu;
        const Measured a = measure(&up, SEED, 2 * i);
        const Measured b = measure(&down, SEED, 2 * i + 1);
        pulls_add(&n, compare_name(&up, "n + n(-mu)").text, a.n.mean + b.n.mean,
                  hypot(a.n.error, b.n.error), 0);
        pulls_add(&phi2, compare_name(&up, "phi2 - phi2(-mu)").text,
                  a.phi2.mean - b.phi2.mean, hypot(a.phi2.error, b.phi2.error), 0);
        assert_true(a.n.mean > 10 * a.n.error);
        assert_true(a.charged && b.charged);
    }
    assert_true(pulls_pass(&n, "n"));
    assert_true(pulls_pass(&phi2, "|phi|^2"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_charge_conjugation)};
    all = compare_all(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
