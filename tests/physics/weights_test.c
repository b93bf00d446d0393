/* The ratios r_p = W(2p+2) / W(2p) against quadrature and closed forms, to 1e-13, and
 * what follows from their definition.  Deterministic: no false alarms. */
#include "flux_table.h"
#include "radial.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { SIZE = 764 };

static void close_to(long double a, long double b, double tolerance)
{
    if (!(fabsl(a - b) <= tolerance * fabsl(b)))
        fail_msg("%.20Lg is not %.20Lg within %g", a, b, tolerance);
}

/* |phi|^2 of a single site without links is r_0; all others are those of a weight with
 * u^p.  The whole table, as far as the fluxes of a site can go. */
static void check_ratios_by_quadrature(void **state)
{
    (void)state;
    static const double eta[] = {-2,  -1, -0.3, 0,    1e-6, 1e-4, 0.01, 0.08,
                                 0.3, 1,  2,    4.01, 4.25, 7.44, 10,   20};
    static const double lambda[] = {1e-4, 3e-4, 1e-3, 0.01, 0.1, 0.3, 1, 3, 10};
    double r[SIZE], worst = 0;
    for (size_t i = 0; i < sizeof eta / sizeof *eta; i++)
        for (size_t j = 0; j < sizeof lambda / sizeof *lambda; j++) {
            assert_true(flux_ratios(eta[i], lambda[j], SIZE, r));
            for (int p = 0; p < SIZE; p++) {
                const long double exact = radial_ratio(eta[i], lambda[j], p);
                close_to(r[p], exact, 1e-13);
                worst = fmax(worst, (double)fabsl(r[p] / exact - 1));
            }
        }
    printf("  r_p, p < %d, eta -2 .. 20, lambda 1e-4 .. 10: largest relative "
           "difference from quadrature %.1e\n",
           SIZE, worst);
}

static void check_ratios_beyond(void **state)
{
    (void)state;
    const double eta[] = {-20, -6, 30, 100}, lambda[] = {0.1, 1, 20, 1e4};
    double r[SIZE];
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            assert_true(flux_ratios(eta[i], lambda[j], SIZE, r));
            for (int p = 0; p < SIZE; p += 7)
                close_to(r[p], radial_ratio(eta[i], lambda[j], p), 1e-13);
        }
}

/* r_0 = I_1 / I_0 with
 *     I_0 = sqrt(pi / lambda) / 2 e^{z^2} erfc z,   z = eta / (2 sqrt lambda)
 *     2 lambda I_1 = 1 - eta I_0
 * which loses 2 z^2 for z > 0.  The quadrature agrees to the rounding of a long
 * double. */
static void check_single_site_in_closed_form(void **state)
{
    (void)state;
    const double eta[] = {-2, -0.5, 0, 0.5, 2, 4.01, 4.25},
                 lambda[] = {0.5, 1, 3, 10, 100};
    double r[SIZE];
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 5; j++) {
            const long double l = lambda[j], z = eta[i] / (2 * sqrtl(l));
            const long double i0 = sqrtl(acosl(-1) / l) / 2 * expl(z * z) * erfcl(z);
            const long double exact = (1 / i0 - eta[i]) / (2 * l);
            assert_true(flux_ratios(eta[i], lambda[j], SIZE, r));
            close_to(r[0], exact, 1e-13);
            close_to(radial_ratio(eta[i], lambda[j], 0), exact, 1e3 * LDBL_EPSILON);
        }
}

/* At eta = 0, I_p = Gamma((p + 1) / 2) / (2 lambda^{(p + 1) / 2}). */
static void check_pure_quartic(void **state)
{
    (void)state;
    const double lambda[] = {1e-4, 0.1, 1, 10};
    double r[SIZE];
    for (int j = 0; j < 4; j++) {
        assert_true(flux_ratios(0, lambda[j], SIZE, r));
        for (int p = 0; p < SIZE; p++) {
            const long double exact =
                tgammal((p + 2) / 2.0L) / tgammal((p + 1) / 2.0L) / sqrtl(lambda[j]);
            close_to(r[p], exact, 1e-13);
            close_to(radial_ratio(0, lambda[j], p), exact, 1e3 * LDBL_EPSILON);
        }
    }
}

/* Values computed elsewhere, by another program. */
static void check_known_values(void **state)
{
    (void)state;
    const struct {
        double eta;
        int p;
        double r;
    } known[] = {
        {4.01, 0,  0.208699773757},
        {4.01, 1,  0.390786018354},
        {4.01, 2,  0.553945184916},
        {4.01, 5,  0.969204836350},
        {4.01, 10, 1.519081941756},
        {4.01, 20, 2.363793007452},
        {4.04, 0,  0.207565242064},
        {4.04, 5,  0.965692993659},
        {4.25, 0,  0.199921646070},
        {4.25, 1,  0.375979807979},
        {4.25, 5,  0.941647359656},
    };
    double r[SIZE];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_true(flux_ratios(known[i].eta, 1, SIZE, r));
        close_to(r[known[i].p], known[i].r, 3e-12);
    }
}

static void check_free_field_ratios(void **state)
{
    (void)state;
    double r[SIZE];
    assert_true(flux_ratios(5, 0, SIZE, r));
    for (int p = 0; p < SIZE; p++) {
        close_to(r[p], (p + 1) / 5.0L, 1e-15);
        close_to(radial_ratio(5, 0, p), (p + 1) / 5.0L, 1e3 * LDBL_EPSILON);
    }
}

/* Integration by parts: p + 1 = eta r_p + 2 lambda r_p r_{p+1}, over the whole
 * table. */
static void check_integration_by_parts(void **state)
{
    (void)state;
    const double eta[] = {-20, -1, 0, 1e-3, 0.05, 0.08, 0.5, 4.25, 100};
    double r[SIZE];
    for (int i = 0; i < 9; i++) {
        assert_true(flux_ratios(eta[i], 1, SIZE, r));
        for (int p = 0; p + 1 < SIZE; p++)
            close_to(eta[i] * r[p] + 2 * r[p] * r[p + 1], p + 1, 1e-12);
    }
}

/* r_p grows with p for any weight (Cauchy and Schwarz), also where no quadrature
 * reaches. */
static void check_ratios_grow(void **state)
{
    (void)state;
    const double eta[] = {-50, -1, 0, 1e-9, 0.07, 4.25},
                 lambda[] = {1e-6, 1e-3, 1, 1e6};
    double r[SIZE];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 4; j++) {
            assert_true(flux_ratios(eta[i], lambda[j], SIZE, r));
            for (int p = 0; p + 1 < SIZE; p++)
                if (!(r[p + 1] > r[p]))
                    fail_msg("eta %g, lambda %g: r_%d = %.17g, r_%d = %.17g", eta[i],
                             lambda[j], p, r[p], p + 1, r[p + 1]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_ratios_by_quadrature),
        cmocka_unit_test(check_ratios_beyond),
        cmocka_unit_test(check_single_site_in_closed_form),
        cmocka_unit_test(check_pure_quartic),
        cmocka_unit_test(check_known_values),
        cmocka_unit_test(check_free_field_ratios),
        cmocka_unit_test(check_integration_by_parts),
        cmocka_unit_test(check_ratios_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
