/* Pilots: what they find, that they go on until it is sure, and that they end. */
#include "flux_pilot.h"

#include "archrt/flux_data.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const int64_t box[] = {8, 8};
static const FluxParams usual = {4.25, 1, 1};

static const FluxPilotSpec automatic = {.taus = 100,
                                        .first = 500,
                                        .most = PILOT_MOST,
                                        .between = FLUX_DATA_AUTO,
                                        .thermal = FLUX_DATA_AUTO};

static bool run(const FluxPilotSpec *s, const FluxParams *p, uint32_t stream,
                DatasetSampling *found, ArchError *e)
{
    FluxChain *c = flux_new(p, 2, box, 1, stream, e);
    assert_non_null(c);
    const bool ok = flux_pilot_run(s, c, found, e);
    flux_free(c);
    return ok;
}

/* Independent pilots agree within their errors (4 sigma), which shrink as 1 / sqrt(length),
 * and the spacings follow from tau by the rule. */
static void check_pilots_agree(void **state)
{
    (void)state;
    FluxPilotSpec s = automatic;
    DatasetSampling a, b;
    ArchError e = {0};
    for (int i = 0; i < 2; i++) {
        s.taus = i == 0 ? 100 : 1600;
        assert_true(run(&s, &usual, 1, &a, &e));
        assert_true(run(&s, &usual, 2, &b, &e));
        assert_true(a.tau > 2 && a.tau < 20);
        assert_true(fabs(a.tau - b.tau) < 4 * hypot(a.error, b.error));
        assert_true(a.error / a.tau < (i == 0 ? 0.5 : 0.15));
        assert_int_equal(a.between, (int64_t)ceil(4 * (a.tau + a.error)));
        assert_int_equal(a.thermal, (int64_t)fmax(100, ceil(20 * (a.tau + a.error))));
        assert_true(a.worms >= 1);
    }
}

/* Counts the calls, and refuses one of them. */
typedef struct Ticks {
    int calls, last;
} Ticks;

static bool tick(void *data, double done, ArchError *e)
{
    Ticks *t = data;
    assert_true(done >= 0 && done < 1);
    return ++t->calls != t->last || error_set(e, ARCH_EXIT_STOPPED, "enough");
}

static void a_short_pilot_goes_on(void **state)
{
    (void)state;
    FluxPilotSpec s = automatic;
    DatasetSampling found;
    ArchError e = {0};
    for (int i = 0; i < 2; i++) {
        Ticks t = {0};
        s.taus = i == 0 ? 50 : 2000;
        s.tick = tick, s.data = &t;
        assert_true(run(&s, &usual, 1, &found, &e));
        const double kept = 0.8 * 16 * t.calls,
                     asked = s.taus * (found.tau + found.error);
        assert_true(kept > asked - 16);
        assert_true(kept < 5 * asked + 500);
    }
}

/* A pilot that looks too soon is content with a tau of 4 where it is 20. */
static void a_pilot_is_not_content_too_soon(void **state)
{
    (void)state;
    const FluxParams slow = {4.01, 1, 0.96};
    const int64_t extent[] = {100, 5};
    FluxPilotSpec s = automatic;
    double least = INFINITY;
    ArchError e = {0};
    assert_int_equal(flux_pilot_first(10), 500);
    assert_int_equal(flux_pilot_first(1e6), 4000);
    s.taus = 50, s.first = flux_pilot_first(500);
    for (uint32_t stream = 0; stream < 16; stream++) {
        DatasetSampling found;
        FluxChain *c = flux_new(&slow, 2, extent, 1, stream, &e);
        assert_non_null(c);
        assert_true(flux_pilot_run(&s, c, &found, &e));
        least = fmin(least, found.tau + found.error);
        flux_free(c);
    }
    print_message("least of 16: %.2f\n", least);
    assert_true(least > 8);
}

static void a_pilot_ends(void **state)
{
    (void)state;
    FluxPilotSpec s = automatic;
    DatasetSampling found;
    Ticks t = {.last = 5};
    ArchError e = {0};
    s.most = 60;
    assert_false(run(&s, &usual, 1, &found, &e));
    assert_int_equal(e.code, ARCH_EXIT_USAGE);
    assert_non_null(strstr(e.text, "lattice 8x8, eta 4.25, lambda 1, mu 1: 60 sweeps"));
    assert_non_null(strstr(e.text, "--between"));
    s = automatic;
    s.tick = tick, s.data = &t;
    assert_false(run(&s, &usual, 1, &found, &e));
    assert_int_equal(e.code, ARCH_EXIT_STOPPED);
    assert_int_equal(t.calls, 5);
}

static void what_is_given_is_not_measured(void **state)
{
    (void)state;
    FluxPilotSpec s = automatic;
    DatasetSampling found;
    ArchError e = {0};
    s.between = 7;
    assert_true(run(&s, &usual, 1, &found, &e));
    assert_int_equal(found.between, 7);
    assert_true(found.tau > 0 && found.thermal >= 100);
    s.thermal = 0;
    assert_true(run(&s, &usual, 1, &found, &e));
    assert_int_equal(found.between, 7);
    assert_int_equal(found.thermal, 0);
    assert_true(found.tau == 0 && found.worms >= 1);
}

/* Where nothing ever moves, nothing is to be waited for. */
static void a_frozen_chain_is_independent(void **state)
{
    (void)state;
    const FluxParams stiff = {1e7, 1, 0};
    DatasetSampling found;
    ArchError e = {0};
    assert_true(run(&automatic, &stiff, 1, &found, &e));
    assert_true(found.tau == 0.5);
    assert_in_range(found.between, 2, 3);
    assert_int_equal(found.thermal, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_pilots_agree),
        cmocka_unit_test(a_short_pilot_goes_on),
        cmocka_unit_test(a_pilot_is_not_content_too_soon),
        cmocka_unit_test(a_pilot_ends),
        cmocka_unit_test(what_is_given_is_not_measured),
        cmocka_unit_test(a_frozen_chain_is_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
