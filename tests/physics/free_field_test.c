/* At lambda = 0 the field is free and everything is known, in any dimension.  The sums
 * over l have heavy tails, the heavier the nearer eta is to 2 (D - 1) + 2 cosh mu.
 * False alarms: compare.h, less than 0.9 % of all seeds with all ten cases; the seed is
 * fixed. */
#include "compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const Case cases[] = {
    {{{4.25, 0, 0.2}, 2, {4, 4}, 400000, 4},    true },
    {{{3.5, 0, 0.6}, 1, {6}, 200000, 4},        true },
    {{{7, 0, 0.7}, 3, {4, 3, 2}, 100000, 4},    true },
    {{{9, 0, 0.6}, 4, {3, 2, 2, 2}, 100000, 4}, true },
    {{{5, 0, -0.8}, 2, {3, 5}, 200000, 4},      false},
    {{{6.5, 0, 1.2}, 2, {2, 2}, 600000, 4},     false},
    {{{5, 0, 0.9}, 2, {8, 8}, 100000, 5},       false},
    {{{5, 0, 0.9}, 2, {4, 4}, 800000, 4},       false},
    {{{4.5, 0, -0.3}, 2, {12, 3}, 100000, 5},   false},
    {{{4.25, 0, 0.45}, 2, {60, 4}, 10000, 10},  false},
};

static bool all;

static Exact free_field(const Run *r)
{
    return exact_free(&r->params, r->rank, r->extent);
}

/* The closed form against numbers computed by another program. */
static void check_free_field_values(void **state)
{
    (void)state;
    const struct {
        FluxParams p;
        int64_t extent[2];
        Exact exact;
    } known[] = {
        {{5, 0, 0.9},     {4, 4},  {0.9227754488, 0.6612053427}},
        {{5, 0, 0.9},     {8, 8},  {0.2220727564, 0.3500157434}},
        {{4.25, 0, 0.2},  {4, 4},  {0.0982284055, 0.5432476626}},
        {{4.25, 0, 0.45}, {60, 4}, {0.0180897684, 0.4356386446}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const Exact e = exact_free(&known[i].p, 2, known[i].extent);
        assert_true(fabs(e.n - known[i].exact.n) < 1e-10);
        assert_true(fabs(e.phi2 - known[i].exact.phi2) < 1e-10);
    }
}

static void check_free_field(void **state)
{
    (void)state;
    const Table table = {"free field", cases, sizeof cases / sizeof *cases, 20261,
                         free_field};
    assert_true(compare(&table, all));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_free_field_values),
        cmocka_unit_test(check_free_field),
    };
    all = compare_all(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
