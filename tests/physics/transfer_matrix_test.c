/* The 0+1-dimensional chain has an exact transfer matrix: time links, lambda > 0, mu.
 * False alarms: two chi^2 at p = 1e-3 and 24 pulls at 4 sigma, 0.4 % of all seeds; the
 * seed is fixed. */
#include "exact.h"
#include "measure.h"
#include "pulls.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* At eta = 4.01, lambda = 1, converged to 1e-10 by another program. */
static const struct {
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

static void check_transfer_matrix_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const FluxParams p = {4.01, 1, known[i].mu};
        const Exact e = exact_ring(&p, known[i].extent);
        assert_true(fabs(e.n - known[i].exact.n) < 6e-9);
        assert_true(fabs(e.phi2 - known[i].exact.phi2) < 6e-9);
    }
}

static void check_chain_in_time(void **state)
{
    (void)state;
    const Run run[] = {
        {{4.01, 1, 0},      1, {2}, 60000, 4, 0 },
        {{4.01, 1, 0.5},    1, {2}, 60000, 4, 1 },
        {{4.01, 1, 1.05},   1, {2}, 60000, 4, 2 },
        {{4.01, 1, 0.5},    1, {3}, 60000, 4, 3 },
        {{4.01, 1, 1.05},   1, {3}, 60000, 4, 4 },
        {{4.01, 1, 1.05},   1, {4}, 60000, 4, 5 },
        {{4.01, 1, 1.05},   1, {8}, 60000, 4, 6 },
        {{4.01, 1, -1.05},  1, {3}, 60000, 4, 7 },
        {{1, 1, 0.3},       1, {3}, 60000, 4, 8 },
        {{-1, 2, 0.7},      1, {4}, 60000, 4, 9 },
        {{4.25, 0.25, 1.3}, 1, {5}, 60000, 4, 10},
        {{0.05, 3, 1},      1, {2}, 60000, 4, 11},
    };
    Pulls n = {0}, phi2 = {0};
    for (size_t i = 0; i < sizeof run / sizeof *run; i++) {
        const Exact e = exact_ring(&run[i].params, (int)run[i].extent[0]);
        const Measured m = measure(&run[i]);
        pulls_add(&n, "n", m.n.mean, m.n.error, e.n);
        pulls_add(&phi2, "|phi|^2", m.phi2.mean, m.phi2.error, e.phi2);
    }
    assert_true(pulls_pass(&n, "n"));
    assert_true(pulls_pass(&phi2, "|phi|^2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_transfer_matrix_values),
        cmocka_unit_test(check_chain_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
