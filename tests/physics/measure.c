#include "measure.h"

#include <stdio.h>
#include <stdlib.h>

static void or_end(bool ok, const ArchError *e)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", e->text);
    exit(1);
}

Measured measure(const Run *r)
{
    enum { SEED = 20260 };
    ArchError e;
    Measured m;
    FluxChain *c = flux_new(&r->params, r->rank, r->extent, SEED, r->stream, &e);
    or_end(c != NULL, &e);
    or_end(flux_thermalise(c, FLUX_THERMAL, &e), &e);
    double *obs = malloc((size_t)r->samples * 2 * sizeof *obs);
    for (int64_t i = 0; i < r->samples; i++) {
        or_end(flux_advance(c, r->between, &e), &e);
        obs[2 * i] = flux_n(c);
        obs[2 * i + 1] = flux_phi2(c);
    }
    stats_gamma(obs, r->samples, 2, &m.n);
    stats_gamma(obs + 1, r->samples, 2, &m.phi2);
    free(obs);
    flux_free(c);
    return m;
}
