#include "archrt/stats.h"

#include <math.h>

/* S of Wolff's section 3.3: the decay time is guessed as S times tau_int. */
static const double decay_ratio = 1.5;

/* Gamma(t) = mean over i of (x_i - mean) (x_{i+t} - mean) */
static double gamma_at(const double *x, int64_t n, int64_t stride, double mean,
                       int64_t t)
{
    double sum = 0;
    for (int64_t i = 0; i + t < n; i++)
        sum += (x[i * stride] - mean) * (x[(i + t) * stride] - mean);
    return sum / (double)(n - t);
}

/* The derivative of the total error by the window, eq. (52): where it turns positive
 * the noise begins to outweigh what truncation loses. */
static bool window_ends(double tau_int, int64_t w, int64_t n)
{
    const double tau =
        tau_int > 0.5 ? decay_ratio / log((2 * tau_int + 1) / (2 * tau_int - 1)) : 1e-9;
    return exp(-(double)w / tau) - tau / sqrt((double)w * (double)n) < 0;
}

bool stats_gamma(const double *x, int64_t n, int64_t stride, Stats *s)
{
    *s = (Stats){.tau = 0.5};
    if (n < 1)
        return false;
    for (int64_t i = 0; i < n; i++)
        s->mean += x[i * stride] / (double)n;
    const double variance = gamma_at(x, n, stride, s->mean, 0);
    const double rounding = 1e-24 * s->mean * s->mean;
    if (variance <= rounding)
        return true;
    double sum = 0.5;
    for (s->window = 1; s->window < n / 2; s->window++) {
        sum += gamma_at(x, n, stride, s->mean, s->window) / variance;
        if (window_ends(sum, s->window, n))
            break;
    }
    /* Eq. (49): the mean was itself taken from the data. */
    s->tau = fmax(sum, 0.5 / (double)n) * (1 + (2 * (double)s->window + 1) / (double)n);
    s->error = sqrt(2 * s->tau * variance / (double)n);
    return true;
}
