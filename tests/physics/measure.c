#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "archrt/stats.h"

static void or_end(bool ok, const ArchError *e)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", e->text);
    exit(1);
}

/* sum of k_t over each time slice = n (spatial sites) */
static bool is_charged(const FluxChain *c, const Run *r)
{
    const int8_t *k = flux_links(c);
    int64_t space = 1;
    for (int a = 1; a < r->rank; a++)
        space *= r->extent[a];
    for (int64_t t = 0; t < r->extent[0]; t++) {
        int64_t q = 0;
        for (int64_t x = 0; x < space; x++)
            q += k[t * space + x];
        if (fabs(flux_n(c) - (double)q / (double)space) > 1e-14)
            return false;
    }
    return true;
}

/* Of `samples` numbers x[0], x[stride], .. of each chain.  Chains of one length share
 * one error, the root mean square of theirs: with each chain's own, a chain that by
 * chance saw no large value would have too much weight. */
static Observable average(const double *x, int64_t samples, int64_t stride)
{
    double mean[MEASURE_CHAINS], square = 0;
    Observable o = {0};
    for (int c = 0; c < MEASURE_CHAINS; c++) {
        Stats s;
        stats_gamma(x + c * samples * stride, samples, stride, &s);
        mean[c] = s.mean;
        o.mean += s.mean / MEASURE_CHAINS;
        o.tau += s.tau / MEASURE_CHAINS;
        square += s.error * s.error / MEASURE_CHAINS;
    }
    for (int c = 0; c < MEASURE_CHAINS; c++)
        o.spread += (mean[c] - o.mean) * (mean[c] - o.mean) / square;
    o.error = sqrt(square / MEASURE_CHAINS);
    return o;
}

/* Columns n, |phi|^2 and the sum of both in units of their errors, whose variance is
 * 2 + 2 correlation. */
enum { COLUMNS = 3 };

static Measured evaluate(double *x, int64_t samples)
{
    Measured m = {.n = average(x, samples, COLUMNS),
                  .phi2 = average(x + 1, samples, COLUMNS)};
    for (double *row = x; row < x + samples * MEASURE_CHAINS * COLUMNS; row += COLUMNS)
        row[2] = row[0] / m.n.error + row[1] / m.phi2.error;
    const double error = average(x + 2, samples, COLUMNS).error;
    m.correlation = error * error / 2 - 1;
    return m;
}

Measured measure(const Run *r, uint64_t seed, uint32_t stream)
{
    const int64_t samples = r->samples / MEASURE_CHAINS;
    ArchError e;
    FluxChain *chain[MEASURE_CHAINS];
    bool charged = true;
    for (int c = 0; c < MEASURE_CHAINS; c++) {
        const uint32_t own = stream * MEASURE_CHAINS + (uint32_t)c;
        chain[c] = flux_new(&r->params, r->rank, r->extent, seed, own, &e);
        or_end(chain[c] != NULL, &e);
    }
    or_end(flux_thermalise_all(chain, MEASURE_CHAINS, FLUX_THERMAL, &e), &e);
    double *x = malloc((size_t)(samples * MEASURE_CHAINS * COLUMNS) * sizeof *x);
    for (int64_t i = 0; i < samples; i++) {
        or_end(flux_advance_all(chain, MEASURE_CHAINS, r->between, &e), &e);
        for (int c = 0; c < MEASURE_CHAINS; c++) {
            double *row = x + (c * samples + i) * COLUMNS;
            row[0] = flux_n(chain[c]);
            row[1] = flux_phi2(chain[c]);
            charged &= is_charged(chain[c], r);
        }
    }
    Measured m = evaluate(x, samples);
    m.charged = charged;
    free(x);
    for (int c = 0; c < MEASURE_CHAINS; c++)
        flux_free(chain[c]);
    return m;
}
