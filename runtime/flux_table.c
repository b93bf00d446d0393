#include "flux_table.h"

#include <math.h>
#include <stdlib.h>

/* Forward from r_0, for eta <= 0 or small:
 *     I_0 = sqrt(pi/lambda)/2 e^{z^2} erfc(z),  z = eta / (2 sqrt lambda)
 *     r_0 = (1/I_0 - eta) / (2 lambda),  r_{p+1} = ((p+1)/r_p - eta) / (2 lambda).
 * e^{-z^2} / erfc(z) is at most 1 for z <= 0, so nothing overflows. */
static void ratios_forward(double eta, double lambda, int size, double *r)
{
    const double pi = 0x1.921fb54442d18p1, z = eta / (2 * sqrt(lambda));
    const double inverse = 2 * sqrt(lambda / pi) * exp(-z * z) / erfc(z);
    r[0] = (inverse - eta) / (2 * lambda);
    for (int p = 0; p + 1 < size; p++)
        r[p + 1] = ((p + 1) / r[p] - eta) / (2 * lambda);
}

/* Backward, r_p = (p+1) / (eta + 2 lambda r_{p+1}), from the fixed point
 * r = 2 (P+1) / (eta + sqrt(eta^2 + 8 lambda (P+1))) at a far P. */
static void ratios_backward(double eta, double lambda, int64_t far, int size, double *r)
{
    const double n = (double)far + 1;
    double next = 2 * n / (eta + sqrt(eta * eta + 8 * lambda * n));
    for (int64_t p = far - 1; p >= 0; p--) {
        next = (double)(p + 1) / (eta + 2 * lambda * next);
        if (p < size)
            r[p] = next;
    }
}

/* An error of r_{p+1} reaches r_p smaller by about exp(-eta / sqrt(2 lambda p)), so
 * from P to p by exp(-2 eta (sqrt P - sqrt p) / sqrt(2 lambda)); forward it grows by as
 * much. So forward where it grows by less than e^2 over the table, else from a P that
 * gives e^-40. */
bool flux_ratios(double eta, double lambda, int size, double *r)
{
    const double slope = lambda > 0 ? eta * sqrt(2 / lambda) : INFINITY;
    const double end = sqrt((double)size);
    if (lambda > 0 && slope * end < 2) {
        ratios_forward(eta, lambda, size, r);
    } else {
        const double far = (end + 40 / slope) * (end + 40 / slope);
        ratios_backward(eta, lambda, (int64_t)far + 100, size, r);
    }
    for (int p = 0; p < size; p++)
        if (!(r[p] > 0) || !isfinite(r[p]))
            return false;
    return true;
}

/* 2^48 is more than any m 2^32, so what lies above accepts always. */
static uint64_t threshold(double probability)
{
    const double scaled = probability * 0x1p32;
    return scaled < 0x1p48 ? (uint64_t)ceil(scaled) : UINT64_C(1) << 48;
}

static void fill_thresholds(FluxTable *t, double mu)
{
    const double tail[] = {1, 0.5, 2}, time[] = {1, exp(mu), exp(-mu)};
    for (int i = 0; i < FLUX_FACTORS; i++) {
        const double c = tail[i / 3] * time[i % 3];
        for (int p = 0; p < t->size; p++) {
            t->grow[i][p] = threshold(c * t->r[p]);
            t->shrink[i][p] = threshold(c / t->r[p]);
        }
    }
    for (int p = 0; p < t->size; p++) {
        t->open[p] = threshold(t->r[p] / t->r[2]);
        t->close[p] = threshold(t->r[2] / t->r[p]);
    }
}

static bool check(const FluxParams *p, int rank, ArchError *e)
{
    const double least = 2 * (rank - 1) + 2 * cosh(p->mu);
    if (!isfinite(p->eta) || !isfinite(p->lambda) || !isfinite(p->mu))
        return error_set(e, ARCH_EXIT_USAGE,
                         "eta, lambda and mu must be finite numbers");
    if (p->lambda < 0)
        return error_set(e, ARCH_EXIT_USAGE,
                         "lambda = %g: the action has no ground state for lambda < 0",
                         p->lambda);
    if (p->lambda == 0 && p->eta <= least)
        return error_set(
            e, ARCH_EXIT_USAGE,
            "eta = %g, mu = %g: at lambda = 0 there is a ground state only "
            "for eta > 2 (D - 1) + 2 cosh mu = %g",
            p->eta, p->mu, least);
    return true;
}

bool flux_table_init(FluxTable *t, const FluxParams *p, int rank, ArchError *e)
{
    enum { ROWS = 2 * FLUX_FACTORS + 2 };
    *t = (FluxTable){0};
    if (!check(p, rank, e))
        return false;
    /* F/2 of a site: half of |k| + 2 l over 2 D links, and one for the ends of a
     * worm. */
    t->size = 3 * FLUX_MAX * rank + 2;
    const size_t size = (size_t)t->size;
    t->r = malloc(size * sizeof *t->r);
    t->open = malloc(size * ROWS * sizeof *t->open);
    if (t->r == NULL || t->open == NULL) {
        flux_table_release(t);
        return error_set(e, ARCH_EXIT_FILE, "out of memory for a table of weights");
    }
    t->close = t->open + size;
    for (int i = 0; i < FLUX_FACTORS; i++) {
        t->grow[i] = t->open + size * (size_t)(2 + i);
        t->shrink[i] = t->open + size * (size_t)(2 + FLUX_FACTORS + i);
    }
    if (!flux_ratios(p->eta, p->lambda, t->size, t->r)) {
        flux_table_release(t);
        return error_set(e, ARCH_EXIT_USAGE,
                         "eta = %g, lambda = %g: the weights are outside the range of "
                         "double precision",
                         p->eta, p->lambda);
    }
    fill_thresholds(t, p->mu);
    return true;
}

void flux_table_release(FluxTable *t)
{
    free(t->r);
    free(t->open);
    *t = (FluxTable){0};
}
