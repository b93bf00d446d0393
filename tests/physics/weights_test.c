/* The ratios r_p = W(2p+2) / W(2p) against quadrature, closed forms and their
 * recurrence. Deterministic: no false alarms. */
#include "exact.h"
#include "flux_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { SIZE = 764 };

static void close_to(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance * fabs(b)))
        fail_msg("%.17g is not %.17g within %g", a, b, tolerance);
}

/* |phi|^2 of a single site without links is r_0 = I_1 / I_0. */
static void check_single_site_by_quadrature(void **state)
{
    (void)state;
    const double eta[] = {-6, -1, 0, 1e-6, 0.01, 0.1, 1, 4.01, 4.25, 30};
    const double lambda[] = {0.1, 1, 20};
    double r[SIZE];
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 3; j++) {
            assert_true(flux_ratios(eta[i], lambda[j], SIZE, r));
            for (int p = 0; p < 40; p++)
                close_to(r[p],
                         exact_integral(eta[i], lambda[j], p + 1) /
                             exact_integral(eta[i], lambda[j], p),
                         2e-13);
        }
}

/* I_0 = sqrt(pi / lambda) / 2 e^{z^2} erfc z with z = eta / (2 sqrt lambda), and
 * 2 lambda I_1 = 1 - eta I_0. */
static void check_single_site_in_closed_form(void **state)
{
    (void)state;
    const double eta[] = {-3, 0, 0.5, 2, 4.01};
    double r[SIZE];
    for (int i = 0; i < 5; i++) {
        const double z = eta[i] / 2;
        const double i0 = sqrt(acos(-1)) / 2 * exp(z * z) * erfc(z);
        assert_true(flux_ratios(eta[i], 1, SIZE, r));
        close_to(r[0], (1 - eta[i] * i0) / 2 / i0, 1e-12);
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
    for (int p = 0; p < SIZE; p++)
        close_to(r[p], (p + 1) / 5.0, 1e-15);
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
        cmocka_unit_test(check_single_site_by_quadrature),
        cmocka_unit_test(check_single_site_in_closed_form),
        cmocka_unit_test(check_known_values),
        cmocka_unit_test(check_free_field_ratios),
        cmocka_unit_test(check_integration_by_parts),
        cmocka_unit_test(check_ratios_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
