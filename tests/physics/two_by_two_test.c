/* The 2x2 lattice is small enough for an exact transfer matrix: links in space and
 * time, lambda > 0, mu, and two links between each pair of neighbours. False alarms:
 * two chi^2 at p = 1e-3 and 10 pulls at 4 sigma, 0.3 % of all seeds; the seed is
 * fixed. */
#include "exact.h"
#include "measure.h"
#include "pulls.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void check_two_by_two(void **state)
{
    (void)state;
    const Run run[] = {
        {{4.01, 1, 1.05}, 2, {2, 2}, 60000, 8, 0},
        {{4.25, 1, 1},    2, {2, 2}, 60000, 8, 1},
        {{4.25, 1, -1},   2, {2, 2}, 60000, 8, 2},
        {{4.01, 1, 0.3},  2, {2, 2}, 60000, 8, 3},
        {{3.5, 2, 1},     2, {2, 2}, 60000, 8, 4},
    };
    Pulls n = {0}, phi2 = {0};
    for (size_t i = 0; i < sizeof run / sizeof *run; i++) {
        const Exact e = exact_two_columns(&run[i].params, 2);
        const Measured m = measure(&run[i]);
        pulls_add(&n, "n", m.n.mean, m.n.error, e.n);
        pulls_add(&phi2, "|phi|^2", m.phi2.mean, m.phi2.error, e.phi2);
    }
    assert_true(pulls_pass(&n, "n"));
    assert_true(pulls_pass(&phi2, "|phi|^2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_two_by_two)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
