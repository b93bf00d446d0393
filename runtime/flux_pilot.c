#include "flux_pilot.h"

#include "archrt/flux_data.h"
#include "archrt/stats.h"
#include "file.h"
#include "flux_chain.h"

#include <math.h>

enum {
    TUNE = 200,          /* sweeps that find how many worms make one   */
    TICK = 16,           /* sweeps between two calls of tick()         */
    LEAST = 20,          /* tau                                        */
    FORGOTTEN = 5,       /* a fifth of the series                      */
    BETWEEN = 4,         /* tau                                        */
    THERMAL = 20,        /* tau                                        */
    THERMAL_LEAST = 100, /* sweeps: some modes do not show in n or |phi|^2 */
};

double flux_pilot_taus(double samples)
{
    return fmin(fmax(samples / 20, 50), 1000);
}

int64_t flux_pilot_first(double samples)
{
    return (int64_t)fmin(fmax(4 * samples, 500), 4000);
}

/* n and |phi|^2 after each sweep. */
typedef struct Series {
    double *obs; /* (most, 2) */
    int64_t sweeps;
} Series;

static bool extend(const FluxPilotSpec *s, FluxChain *c, Series *m, int64_t sweeps,
                   ArchError *e)
{
    for (; m->sweeps < sweeps; m->sweeps++) {
        if (!flux_advance(c, 1, e))
            return false;
        m->obs[2 * m->sweeps] = flux_n(c);
        m->obs[2 * m->sweeps + 1] = flux_phi2(c);
        if (m->sweeps % TICK == 0 && s->tick != NULL &&
            !s->tick(s->data, (double)m->sweeps / (double)sweeps, e))
            return false;
    }
    return true;
}

static int64_t kept(const Series *m)
{
    return m->sweeps - m->sweeps / FORGOTTEN;
}

/* The larger tau, and its error: tau sqrt(4 (W + 1/2 - tau) / N). */
static void measure(const Series *m, DatasetSampling *found)
{
    const double *from = m->obs + 2 * (m->sweeps / FORGOTTEN);
    found->tau = found->error = 0;
    for (int i = 0; i < 2; i++) {
        Stats s;
        stats_gamma(from + i, kept(m), 2, &s);
        const double spread = fmax((double)s.window + 0.5 - s.tau, 0);
        const double error = s.tau * sqrt(4 * spread / (double)kept(m));
        if (s.tau + error > found->tau + found->error) {
            found->tau = s.tau;
            found->error = error;
        }
    }
}

static bool too_slow(const FluxPilotSpec *s, const FluxChain *c,
                     const DatasetSampling *found, ArchError *e)
{
    char lattice[96];
    lattice_text(c->lattice.rank, c->lattice.extent, lattice);
    return error_set(e, ARCH_EXIT_USAGE,
                     "lattice %s, eta %g, lambda %g, mu %g: %lld sweeps are too few to "
                     "measure an autocorrelation time of about %.0f; say --between and "
                     "--thermal",
                     lattice, c->params.eta, c->params.lambda, c->params.mu,
                     (long long)s->most, found->tau);
}

/* Until the series is as long as its own tau asks for. */
static bool find_tau(const FluxPilotSpec *s, FluxChain *c, Series *m,
                     DatasetSampling *found, ArchError *e)
{
    int64_t sweeps = s->first < s->most ? s->first : s->most;
    for (;;) {
        if (!extend(s, c, m, sweeps, e))
            return false;
        measure(m, found);
        const double tau = found->tau + found->error;
        const double share = (double)kept(m) / (tau * s->taus);
        if (share >= 1 || (sweeps == s->most && (double)kept(m) >= LEAST * tau))
            return true;
        if (sweeps == s->most)
            return too_slow(s, c, found, e);
        const double factor = fmin(fmax(1 / share, 1.25), 4);
        sweeps = (int64_t)fmin(factor * (double)sweeps + 1, (double)s->most);
    }
}

static void choose(const FluxPilotSpec *s, DatasetSampling *found)
{
    const double tau = found->tau + found->error;
    found->between =
        s->between != FLUX_DATA_AUTO ? s->between : (int64_t)ceil(BETWEEN * tau);
    found->thermal = s->thermal != FLUX_DATA_AUTO
                         ? s->thermal
                         : (int64_t)ceil(fmax(THERMAL * tau, THERMAL_LEAST));
}

bool flux_pilot_run(const FluxPilotSpec *s, FluxChain *c, DatasetSampling *found,
                    ArchError *e)
{
    *found = (DatasetSampling){0};
    if (!flux_thermalise(c, TUNE, e))
        return false;
    found->worms = flux_worms(c);
    bool ok = true;
    if (s->between == FLUX_DATA_AUTO || s->thermal == FLUX_DATA_AUTO) {
        Series m = {.obs = memory_new((size_t)s->most * 2 * sizeof *m.obs)};
        ok = find_tau(s, c, &m, found, e);
        free(m.obs);
    }
    if (ok)
        choose(s, found);
    return ok;
}
