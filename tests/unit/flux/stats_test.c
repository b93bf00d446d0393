/* The Gamma method on autoregressive sequences, whose autocorrelation is known:
 *     x_{i+1} = a x_i + sqrt(1 - a^2) g_i,   tau_int = (1 + a) / (2 (1 - a)). */
#include "archrt/rng.h"
#include "archrt/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { N = 100000 };

static double normal(Rng *r)
{
    const double radius = sqrt(-2 * log(1 - rng_uniform(r)));
    return radius * cos(2 * acos(-1) * rng_uniform(r));
}

static void sequence(double a, int n, uint32_t stream, double *x)
{
    Rng r = rng_init(1, RNG_TEST, stream, 7);
    x[0] = normal(&r);
    for (int i = 1; i < n; i++)
        x[i] = a * x[i - 1] + sqrt(1 - a * a) * normal(&r);
}

/* Within 4 of its own errors, sigma(tau) = tau sqrt((4 W + 2) / n). */
static void tau_of_an_autoregressive_sequence(void **state)
{
    (void)state;
    static double x[N];
    const double a[] = {0, 0.3, 0.6, 0.9, 0.97};
    for (int i = 0; i < 5; i++) {
        Stats s;
        const double tau = (1 + a[i]) / (2 * (1 - a[i]));
        sequence(a[i], N, (uint32_t)i, x);
        assert_true(stats_gamma(x, N, 1, &s));
        const double sigma = tau * sqrt((4 * (double)s.window + 2) / N);
        printf("    a = %5.2f: tau %.3f +- %.3f, exact %.3f, window %d\n", a[i], s.tau,
               sigma, tau, (int)s.window);
        assert_true(fabs(s.tau - tau) < 4 * sigma);
        assert_true(fabs(s.error / sqrt(2 * tau / N) - 1) < 0.1);
        assert_true(fabs(s.mean) < 4 * s.error);
    }
}

/* 400 means in units of their errors have variance 1 +- 0.07, here also from short runs. */
static void errors_cover_the_truth(void **state)
{
    (void)state;
    enum { RUNS = 400, LENGTH = 2000 };
    static double x[LENGTH];
    double chi2 = 0;
    for (uint32_t i = 0; i < RUNS; i++) {
        Stats s;
        sequence(0.8, LENGTH, 100 + i, x);
        stats_gamma(x, LENGTH, 1, &s);
        chi2 += s.mean * s.mean / (s.error * s.error) / RUNS;
    }
    printf("    variance of the pulls: %.3f\n", chi2);
    assert_true(chi2 > 0.75 && chi2 < 1.35);
}

static void columns_are_taken_by_stride(void **state)
{
    (void)state;
    static double x[3000], pair[6000];
    Stats a, b;
    sequence(0.5, 3000, 1, x);
    for (int i = 0; i < 3000; i++)
        pair[2 * i + 1] = x[i], pair[2 * i] = 1e9;
    assert_true(stats_gamma(x, 3000, 1, &a));
    assert_true(stats_gamma(pair + 1, 3000, 2, &b));
    assert_true(a.mean == b.mean && a.error == b.error && a.tau == b.tau);
}

static void degenerate_series_have_answers(void **state)
{
    (void)state;
    Stats s;
    double x[100] = {0};
    assert_false(stats_gamma(x, 0, 1, &s));
    for (int i = 0; i < 100; i++)
        x[i] = 0.1;
    for (int n = 1; n <= 100; n++) {
        assert_true(stats_gamma(x, n, 1, &s));
        assert_true(fabs(s.mean - 0.1) < 1e-15 && s.error == 0 && s.tau == 0.5);
    }
    for (int n = 2; n <= 100; n++) {
        x[n - 1] = n % 2;
        assert_true(stats_gamma(x, n, 1, &s));
        assert_true(isfinite(s.error) && s.error >= 0 && s.tau > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tau_of_an_autoregressive_sequence),
        cmocka_unit_test(errors_cover_the_truth),
        cmocka_unit_test(columns_are_taken_by_stride),
        cmocka_unit_test(degenerate_series_have_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
