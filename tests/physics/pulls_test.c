/* The judge of the other tests: the distribution of chi^2, and what makes a set of
 * pulls fail.  Deterministic: no false alarms. */
#include "pulls.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* The quantiles of Abramowitz and Stegun, table 26.8. */
static void check_quantiles(void **state)
{
    (void)state;
    const struct {
        int freedom;
        double chi2, p;
    } table[] = {
        {1,   3.84146, 0.05 },
        {1,   10.828,  0.001},
        {2,   5.99147, 0.05 },
        {2,   13.816,  0.001},
        {5,   11.0705, 0.05 },
        {5,   20.515,  0.001},
        {10,  18.3070, 0.05 },
        {10,  29.588,  0.001},
        {10,  3.94030, 0.95 },
        {30,  43.7729, 0.05 },
        {30,  59.703,  0.001},
        {30,  13.7867, 0.995},
        {100, 124.342, 0.05 },
        {100, 149.449, 0.001},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const double p = chi2_probability(table[i].chi2, table[i].freedom);
        if (fabs(p / table[i].p - 1) > 1e-3)
            fail_msg("chi^2 = %g of %d: p = %g, not %g", table[i].chi2,
                     table[i].freedom, p, table[i].p);
    }
    assert_true(chi2_probability(0, 3) == 1);
}

static void check_pulls_can_fail(void **state)
{
    (void)state;
    Pulls good = {0}, far = {0}, many = {0}, vague = {0}, frozen = {0};
    pulls_add(&good, "three sigma of many", 1.003, 0.001, 1);
    pulls_add(&far, "beyond four sigma", 1.0041, 0.001, 1);
    for (int i = 0; i < 7; i++) {
        pulls_add(&good, "half a sigma", 1.0005, 0.001, 1);
        pulls_add(&far, "half a sigma", 1.0005, 0.001, 1);
        pulls_add(&many, "two sigma, seven times", 1.002, 0.001, 1);
    }
    pulls_add(&vague, "an error of 0.31 %", 2, 0.0062, 2);
    pulls_add(&frozen, "no error", 0, 0, 0);
    assert_true(pulls_pass(&good, "good"));
    assert_false(pulls_pass(&far, "far"));
    assert_false(pulls_pass(&many, "many"));
    assert_false(pulls_pass(&vague, "vague"));
    assert_false(pulls_pass(&frozen, "frozen"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_quantiles),
        cmocka_unit_test(check_pulls_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
