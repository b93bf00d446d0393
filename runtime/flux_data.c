#include "archrt/flux_data.h"

#include "archrt/lattice.h"
#include "archrt/worms.h"
#include "flux_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A chain costs its thermalisation, so it should then give many samples. */
enum { SAMPLES_PER_CHAIN = 500, CHAINS_MAX = 32 };

static int counts_of(const FluxDataSpec *s)
{
    return s->worms == NULL ? 1 : s->counts;
}

/* Chains of one point on one lattice. */
static int chains_of(const FluxDataSpec *s)
{
    const int64_t wanted = 1 + (s->samples * counts_of(s) - 1) / SAMPLES_PER_CHAIN;
    const int64_t most = s->samples < CHAINS_MAX ? s->samples : CHAINS_MAX;
    return (int)(wanted < most ? wanted : most);
}

void flux_data_protocol(const FluxDataSpec *s, char text[512])
{
    snprintf(
        text, 512,
        "%d chain(s) per lattice and (eta, lambda, mu), from k = l = 0: %lld sweeps, "
        "then a sample every %lld sweeps. A sweep is a fixed number of worms, found in "
        "the first half of the thermalisation as what makes %d head proposals per link "
        "on average, and one Metropolis proposal l +- 1 per link.%s",
        chains_of(s), (long long)s->thermal, (long long)s->between, FLUX_STEPS,
        s->worms == NULL ? ""
                         : " Samples go to the numbers of worms in turn; an open worm "
                           "takes 1 .. sites (uniform) Metropolis steps or more, until "
                           "it stands on a site without an end.");
}

static double site_count(const FluxLattice *l)
{
    double sites = 1;
    for (int i = 0; i < l->rank; i++)
        sites *= (double)l->extent[i];
    return sites;
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

static bool check_memory(const FluxDataSpec *s, ArchError *e)
{
    const double memory =
        (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    const double rows = (double)s->samples * s->points * counts_of(s);
    double bytes = 0;
    for (int i = 0; i < s->lattices; i++)
        bytes += rows * (2 * s->lattice[i].rank * site_count(&s->lattice[i]) + 40);
    return bytes < memory ||
           error_set(
               e, ARCH_EXIT_USAGE,
               "%.3g GB of data asked for, this machine has %.3g GB of memory: write "
               "several files",
               bytes * 1e-9, memory * 1e-9);
}

bool flux_data_check(const FluxDataSpec *s, ArchError *e)
{
    if (s->samples < 1 || s->lattices < 1 || s->points < 1 || counts_of(s) < 1)
        return error_set(
            e, ARCH_EXIT_USAGE,
            "data need at least one sample, lattice, point and number of worms");
    if (s->thermal < 0 || s->between < 1)
        return error_set(
            e, ARCH_EXIT_USAGE,
            "data need a thermalisation >= 0 and >= 1 sweep between samples");
    for (int i = 0; i < s->lattices; i++)
        if (!check_lattice(s, i, e))
            return false;
    return check_points(s, e) && check_memory(s, e);
}

static bool group_init(const FluxDataSpec *s, int i, DatasetGroup *g, ArchError *e)
{
    const int counts = counts_of(s);
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
    if (g->x == NULL || g->y == NULL || g->obs == NULL || g->set == NULL)
        return error_set(e, ARCH_EXIT_FILE, "out of memory for %zu samples", n);
    for (size_t row = 0; row < n; row++)
        g->set[row] = (int32_t)(row / (size_t)s->samples);
    return true;
}

static bool dataset_prepare(const FluxDataSpec *s, Dataset *d, ArchError *e)
{
    const int counts = counts_of(s);
    *d = (Dataset){.sets = s->points * counts, .seed = s->seed};
    snprintf(d->kind, sizeof d->kind, "%s", s->worms == NULL ? "flux" : "worms");
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

/* The work of all chains, and how far it is. */
typedef struct Work {
    const FluxDataSpec *spec;
    Dataset *data;
    double done, total; /* sweeps times sites */
    bool failed;
    ArchError *error;
} Work;

/* One chain of the work. */
typedef struct Task {
    int lattice, point, chain;
    uint32_t stream;
} Task;

/* Counted from the last, which is the largest if the lattices were given by size. */
static Task task_at(const FluxDataSpec *s, int index)
{
    const int chains = chains_of(s), last = s->lattices * s->points * chains - 1;
    const int i = last - index;
    return (Task){.lattice = i / chains / s->points,
                  .point = i / chains % s->points,
                  .chain = i % chains,
                  .stream = (uint32_t)i};
}

static void advance_work(Work *w, double amount, bool caller)
{
    double done;
#pragma omp atomic capture
    done = w->done += amount;
    if (caller && w->spec->progress != NULL)
        w->spec->progress(w->spec->progress_data, done / w->total);
}

static void fail_work(Work *w, const ArchError *e)
{
#pragma omp critical(flux_data_error)
    {
        if (!w->failed)
            *w->error = *e;
        w->failed = true;
    }
}

static bool has_failed(Work *w)
{
    bool failed;
#pragma omp critical(flux_data_error)
    failed = w->failed;
    return failed;
}

/* Sample `sample` of a point with its number `count` of worms, into its row. */
static bool take_sample(const Work *w, const Task *t, FluxChain *c, int64_t sample,
                        int count, ArchError *e)
{
    const FluxDataSpec *s = w->spec;
    DatasetGroup *g = &w->data->group[t->lattice];
    const int64_t row = (t->point * counts_of(s) + count) * s->samples + sample;
    const int64_t size = g->channels * dataset_sites(g);
    const double n = flux_n(c), phi2 = flux_phi2(c);
    g->obs[2 * row] = n;
    g->obs[2 * row + 1] = phi2;
    if (s->worms == NULL) {
        memcpy((int8_t *)g->x + row * size, flux_links(c), (size_t)size);
        g->y[2 * row] = n;
        g->y[2 * row + 1] = phi2;
        return true;
    }
    const uint32_t stream = (uint32_t)(t->lattice * s->points + t->point);
    Rng rng =
        rng_init(s->seed, RNG_WORMS, stream, (uint32_t)(sample * s->counts + count));
    g->y[row] = s->worms[count];
    return worms_insert(c, s->worms[count], &rng, (int8_t *)g->x + row * size, e);
}

static bool run_samples(Work *w, const Task *t, FluxChain *c, bool caller, ArchError *e)
{
    const FluxDataSpec *s = w->spec;
    const int chains = chains_of(s);
    const int64_t first = s->samples * t->chain / chains;
    const int64_t end = s->samples * (t->chain + 1) / chains;
    const double sites = site_count(&s->lattice[t->lattice]);
    for (int64_t i = first; i < end; i++) {
        for (int j = 0; j < counts_of(s); j++) {
            if (has_failed(w))
                return true;
            if (!flux_advance(c, s->between, e) || !take_sample(w, t, c, i, j, e))
                return false;
            advance_work(w, (double)s->between * sites, caller);
        }
    }
    return true;
}

static void run_task(Work *w, const Task *t, bool caller)
{
    const FluxDataSpec *s = w->spec;
    const FluxLattice *l = &s->lattice[t->lattice];
    ArchError e = {0};
    FluxChain *c =
        flux_new(&s->point[t->point], l->rank, l->extent, s->seed, t->stream, &e);
    bool ok = c != NULL && flux_thermalise(c, s->thermal, &e);
    if (ok) {
        advance_work(w, (double)s->thermal * site_count(l), caller);
        ok = run_samples(w, t, c, caller, &e);
    }
    flux_free(c);
    if (!ok)
        fail_work(w, &e);
}

bool flux_data_make(const FluxDataSpec *s, Dataset *d, ArchError *e)
{
    *d = (Dataset){0};
    if (!flux_data_check(s, e) || !dataset_prepare(s, d, e)) {
        dataset_release(d);
        return false;
    }
    const int chains = chains_of(s), tasks = s->lattices * s->points * chains;
    Work w = {.spec = s, .data = d, .error = e};
    for (int i = 0; i < s->lattices; i++)
        w.total += site_count(&s->lattice[i]) * s->points *
                   ((double)chains * (double)s->thermal +
                    (double)s->samples * counts_of(s) * (double)s->between);
#pragma omp parallel
    {
        bool caller = false;
#pragma omp master
        caller = true;
#pragma omp for schedule(dynamic, 1)
        for (int i = 0; i < tasks; i++) {
            const Task t = task_at(s, i);
            if (!has_failed(&w))
                run_task(&w, &t, caller);
        }
    }
    if (w.failed)
        dataset_release(d);
    return !w.failed;
}
