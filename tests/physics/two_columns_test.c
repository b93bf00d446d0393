/* Two columns of odd and even length have an exact transfer matrix: links in space and
 * time, lambda > 0, mu of both signs.  Errors are to be at most 0.3 % or 0.002.  n(-mu) =
 * -n(mu) holds within its own errors.  False alarms: two chi^2 at p = 1e-3 and 13 pulls at
 * 4 sigma, 0.3 % of all seeds; the seed is fixed. */
#include "exact.h"
#include "measure.h"
#include "pulls.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_precise(const Stats *s, double exact)
{
    assert_true(s->error <= fmax(0.003 * fabs(exact), 0.002));
}

static void check_two_columns(void **state)
{
    (void)state;
    const Run run[] = {
        {{4.01, 1, 1.05},  2, {3, 2}, 200000, 10, 0},
        {{4.01, 1, -1.05}, 2, {3, 2}, 200000, 10, 1},
        {{4.25, 1, 1},     2, {4, 2}, 200000, 10, 2},
        {{4.25, 1, -0.7},  2, {4, 2}, 200000, 10, 3},
        {{4.01, 1, 0.9},   2, {5, 2}, 200000, 10, 4},
        {{3.5, 2, -0.8},   2, {3, 2}, 200000, 10, 5},
    };
    Pulls n = {0}, phi2 = {0}, mirror = {0};
    Stats plus = {0};
    for (size_t i = 0; i < sizeof run / sizeof *run; i++) {
        const Exact e = exact_two_columns(&run[i].params, (int)run[i].extent[0]);
        const Measured m = measure(&run[i]);
        pulls_add(&n, "n", m.n.mean, m.n.error, e.n);
        pulls_add(&phi2, "|phi|^2", m.phi2.mean, m.phi2.error, e.phi2);
        assert_precise(&m.n, e.n);
        assert_precise(&m.phi2, e.phi2);
        if (i == 0)
            plus = m.n;
        if (i == 1)
            pulls_add(&mirror, "n(mu) + n(-mu)", plus.mean + m.n.mean,
                      hypot(plus.error, m.n.error), 0);
    }
    assert_true(pulls_pass(&n, "n"));
    assert_true(pulls_pass(&phi2, "|phi|^2"));
    assert_true(mirror.worst < 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_two_columns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
