#include "archrt/flux_data.h"

#include "archrt/lattice.h"
#include "flux_chain.h"
#include "flux_work.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void describe_worms(const FluxDataSpec *s, char text[384])
{
    char steps[64] = "1 .. sites (uniform)";
    if (s->length == WORMS_UNIFORM && s->steps > 0)
        snprintf(steps, sizeof steps, "1 .. %g (uniform)", s->steps);
    else if (s->length != WORMS_UNIFORM)
        snprintf(steps, sizeof steps, "%g%s", s->steps,
                 s->length == WORMS_FIXED ? "" : " on average (geometric)");
    snprintf(
        text, 384,
        " Samples go to the numbers of worms in turn; an open worm starts at a "
        "random site without an end and takes %s Metropolis steps or more, until it "
        "stands on a site without an end.%s",
        steps, s->detect ? " On a sample without, one worm more has closed." : "");
}

/* What is chosen, and by whom. */
static void describe_sweeps(const FluxDataSpec *s, char text[400])
{
    char thermal[64] = "max(100, 20 (tau + error))", between[64] = "4 (tau + error)";
    if (s->thermal != FLUX_DATA_AUTO)
        snprintf(thermal, sizeof thermal, "%lld", (long long)s->thermal);
    if (s->between != FLUX_DATA_AUTO)
        snprintf(between, sizeof between, "%lld", (long long)s->between);
    const bool measured = s->thermal == FLUX_DATA_AUTO || s->between == FLUX_DATA_AUTO;
    snprintf(text, 400, "%s%s sweeps of thermalisation, then a sample every %s sweeps.",
             measured ? "The pilot also measures tau, the larger of the integrated "
                        "autocorrelation times of n and |phi|^2 (0.5: independent). "
                      : "",
             thermal, between);
}

void flux_data_protocol(const FluxDataSpec *s, char text[DATASET_PROTOCOL])
{
    char worms[384] = "", sweeps[400];
    describe_sweeps(s, sweeps);
    if (s->worms != NULL)
        describe_worms(s, worms);
    snprintf(
        text, DATASET_PROTOCOL,
        "%d chain(s) per lattice and (eta, lambda, mu), from k = l = 0. A sweep is a "
        "fixed number of worms, found by a pilot chain as what makes %d head proposals "
        "per link on average, and one Metropolis proposal l +- 1 per link. %s%s",
        flux_work_chains(s), FLUX_STEPS, sweeps, worms);
}

static bool same_lattice(const FluxLattice *a, const FluxLattice *b)
{
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++)
        same = a->extent[i] == b->extent[i];
    return same;
}

static bool check_lattice(const FluxDataSpec *s, int i, ArchError *e)
{
    const FluxLattice *l = &s->lattice[i];
    Lattice lattice;
    char name[96];
    if (!lattice_init(&lattice, l->rank, l->extent, 2, e))
        return false;
    lattice_release(&lattice);
    lattice_text(l->rank, l->extent, name);
    for (int j = 0; j < i; j++)
        if (same_lattice(l, &s->lattice[j]))
            return error_set(e, ARCH_EXIT_USAGE, "lattice %s is given twice", name);
    for (int j = 0; s->worms != NULL && j < s->counts; j++)
        if (!worms_fit(lattice.sites, s->worms[j]))
            return error_set(
                e, ARCH_EXIT_USAGE,
                "lattice %s: %d open worms asked for, 0 to sites / 4 = %d are "
                "possible",
                name, s->worms[j], lattice.sites / 4);
    if (s->worms != NULL && !worms_length_fits(s->length, s->steps, lattice.sites, e))
        return false;
    for (int j = 0; j < s->points; j++) {
        FluxTable table;
        if (!flux_table_init(&table, &s->point[j], l->rank, e))
            return false;
        flux_table_release(&table);
    }
    return true;
}

static bool check_points(const FluxDataSpec *s, ArchError *e)
{
    for (int i = 0; i < s->points; i++)
        for (int j = 0; j < i; j++) {
            const FluxParams *a = &s->point[i], *b = &s->point[j];
            if (a->eta == b->eta && a->lambda == b->lambda && a->mu == b->mu)
                return error_set(e, ARCH_EXIT_USAGE,
                                 "eta %g, lambda %g, mu %g is given twice", a->eta,
                                 a->lambda, a->mu);
        }
    return true;
}

/* Before anything is allocated: the data and, for each thread that can have one, the
 * tables and fields of a task; for a device those of all chains of a lattice, whose fields
 * have copies on their way. */
static bool check_memory(const FluxDataSpec *s, ArchError *e)
{
    const double memory =
        (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    const double rows = (double)s->samples * s->points * flux_work_counts(s);
    const double tasks =
        s->gpu != NULL ? s->points
                       : fmin((double)s->lattices * s->points * flux_work_chains(s),
                              omp_get_max_threads());
    const double fields = s->gpu != NULL ? 2 * flux_work_chains(s) : 1;
    double data = 0, most = 0;
    for (int i = 0; i < s->lattices; i++) {
        const double rank = s->lattice[i].rank, sites = flux_work_sites(&s->lattice[i]);
        const double tables = 2 * rank * sizeof(int32_t) + 5 * rank * sizeof(FluxPlace);
        const double field = 2 * rank + sizeof(int16_t);
        data += rows * (2 * rank * sites + 40);
        most = fmax(most, (tables + fields * field) * sites);
    }
    const double bytes = data + tasks * most;
    return bytes < memory ||
           error_set(
               e, ARCH_EXIT_USAGE,
               "%.3g GB are needed, this machine has %.3g GB of memory: ask for fewer "
               "samples or smaller lattices, in several files",
               bytes * 1e-9, memory * 1e-9);
}

bool flux_data_check(const FluxDataSpec *s, ArchError *e)
{
    if (s->samples < 1 || s->lattices < 1 || s->points < 1 || flux_work_counts(s) < 1)
        return error_set(
            e, ARCH_EXIT_USAGE,
            "data need at least one sample, lattice, point and number of worms");
    if ((s->thermal < 0 && s->thermal != FLUX_DATA_AUTO) ||
        (s->between < 1 && s->between != FLUX_DATA_AUTO))
        return error_set(
            e, ARCH_EXIT_USAGE,
            "data need a thermalisation >= 0 and >= 1 sweep between samples");
    if (!check_memory(s, e))
        return false;
    for (int i = 0; i < s->lattices; i++)
        if (!check_lattice(s, i, e))
            return false;
    return check_points(s, e);
}

static bool group_init(const FluxDataSpec *s, int i, DatasetGroup *g, ArchError *e)
{
    const int counts = flux_work_counts(s);
    *g = (DatasetGroup){.rank = s->lattice[i].rank,
                        .channels = 2 * s->lattice[i].rank,
                        .outputs = s->worms == NULL ? 2 : 1,
                        .samples = s->samples * s->points * counts,
                        .type = ARCH_I8};
    memcpy(g->extent, s->lattice[i].extent, sizeof g->extent);
    const size_t n = (size_t)g->samples;
    g->x = malloc(n * (size_t)g->channels * (size_t)dataset_sites(g));
    g->y = malloc(n * (size_t)g->outputs * sizeof *g->y);
    g->obs = malloc(n * 2 * sizeof *g->obs);
    g->set = malloc(n * sizeof *g->set);
    g->sampling = calloc((size_t)(s->points * counts), sizeof *g->sampling);
    if (g->x == NULL || g->y == NULL || g->obs == NULL || g->set == NULL ||
        g->sampling == NULL)
        return error_set(e, ARCH_EXIT_FILE, "out of memory for %zu samples", n);
    for (size_t row = 0; row < n; row++)
        g->set[row] = (int32_t)(row / (size_t)s->samples);
    return true;
}

static bool dataset_prepare(const FluxDataSpec *s, Dataset *d, ArchError *e)
{
    const int counts = flux_work_counts(s);
    *d = (Dataset){.sets = s->points * counts, .seed = s->seed};
    snprintf(d->kind, sizeof d->kind, "%s",
             s->worms == NULL ? "flux"
             : s->detect      ? "open"
                              : "worms");
    flux_data_protocol(s, d->protocol);
    d->set = malloc((size_t)d->sets * sizeof *d->set);
    d->group = calloc((size_t)s->lattices, sizeof *d->group);
    if (d->set == NULL || d->group == NULL)
        return error_set(e, ARCH_EXIT_FILE, "out of memory for a data set");
    for (int i = 0; i < d->sets; i++) {
        const FluxParams *p = &s->point[i / counts];
        d->set[i] = (DatasetSet){.eta = p->eta, .lambda = p->lambda, .mu = p->mu};
        d->set[i].worms = s->worms == NULL ? 0 : s->worms[i % counts];
    }
    for (d->groups = 0; d->groups < s->lattices; d->groups++)
        if (!group_init(s, d->groups, &d->group[d->groups], e)) {
            d->groups++;
            return false;
        }
    return true;
}

bool flux_data_make(const FluxDataSpec *s, Dataset *d, ArchError *e)
{
    *d = (Dataset){0};
    const bool ok =
        flux_data_check(s, e) && dataset_prepare(s, d, e) && flux_work_run(s, d, e);
    if (!ok)
        dataset_release(d);
    return ok;
}
