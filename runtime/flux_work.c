#include "flux_work.h"

#include "archrt/worms.h"
#include "flux_parts.h"
#include "flux_paths.h"
#include "progress.h"

#include <omp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A chain costs its thermalisation, so it should then give many samples. */
enum { SAMPLES_PER_CHAIN = 500, CHAINS_MAX = 32 };

int flux_work_counts(const FluxDataSpec *s)
{
    return s->worms == NULL ? 1 : s->counts;
}

int flux_work_chains(const FluxDataSpec *s)
{
    const int64_t wanted =
        1 + (s->samples * flux_work_counts(s) - 1) / SAMPLES_PER_CHAIN;
    const int64_t most = s->samples < CHAINS_MAX ? s->samples : CHAINS_MAX;
    return (int)(wanted < most ? wanted : most);
}

double flux_work_sites(const FluxLattice *l)
{
    double sites = 1;
    for (int i = 0; i < l->rank; i++)
        sites *= (double)l->extent[i];
    return sites;
}

/* The work of all chains, and how far it is. */
typedef struct Work {
    const FluxDataSpec *spec;
    Dataset *data;
    WormsPaths **paths; /* (lattices, samples of one), or NULL */
    double done, total; /* sweeps times sites */
    bool failed;
    ArchError *error;
    FluxParts *parts; /* or NULL */
    double start;     /* of the work, in seconds */
} Work;

/* Seconds between two saves of a chain; parts of less work are not worth a file. */
static const double save_period = 30, save_least = 5;

/* Chains of one point on one lattice, which one thread runs together. */
typedef struct Task {
    int lattice, point, first, chains;
    FluxChain *chain[FLUX_LANES];
    int64_t done[FLUX_LANES]; /* samples of each chain */
    double saved;             /* when, in seconds      */
} Task;

/* Tasks of a point: chains together are faster, but every thread shall have work.  How
 * chains are grouped changes nothing they do. */
static int tasks_of(const FluxDataSpec *s)
{
    const int chains = flux_work_chains(s);
    const int64_t all = (int64_t)chains * s->lattices * s->points;
    int64_t group = all / omp_get_max_threads();
    group = group > FLUX_LANES ? FLUX_LANES : group < 1 ? 1 : group;
    return (int)((chains + group - 1) / group);
}

/* Counted from the last, which is the largest if the lattices were given by size. */
static Task task_at(const FluxDataSpec *s, int tasks, int index)
{
    const int chains = flux_work_chains(s),
              i = s->lattices * s->points * tasks - 1 - index;
    const int first = chains * (i % tasks) / tasks,
              end = chains * (i % tasks + 1) / tasks;
    return (Task){.lattice = i / tasks / s->points,
                  .point = i / tasks % s->points,
                  .first = first,
                  .chains = end - first};
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

/* A sample to be taken: number `sample` of a point with its number `count` of worms. */
typedef struct Place {
    DatasetGroup *group;
    int64_t row;
    int8_t *x;
    int worms;
    WormsPaths *paths;
} Place;

static Place place_of(const Work *w, const Task *t, int64_t sample, int count)
{
    const FluxDataSpec *s = w->spec;
    DatasetGroup *g = &w->data->group[t->lattice];
    const int64_t row = (t->point * flux_work_counts(s) + count) * s->samples + sample;
    return (Place){.group = g,
                   .row = row,
                   .x = (int8_t *)g->x + row * g->channels * dataset_sites(g),
                   .worms = s->worms == NULL ? 0 : s->worms[count],
                   .paths = w->paths == NULL ? NULL : &w->paths[t->lattice][row]};
}

static void label(const FluxDataSpec *s, const Place *p, double n, double phi2)
{
    DatasetGroup *g = p->group;
    g->obs[2 * p->row] = n;
    g->obs[2 * p->row + 1] = phi2;
    if (s->worms == NULL) {
        g->y[2 * p->row] = n;
        g->y[2 * p->row + 1] = phi2;
    } else {
        g->y[p->row] = s->detect ? p->worms > 0 : p->worms;
    }
}

static bool take_sample(const FluxDataSpec *s, const Place *p, const FluxChain *c,
                        Rng *rng, ArchError *e)
{
    WormsClosed closed = {p->x, flux_n(c), flux_phi2(c)};
    const WormsSpec open = {p->worms, s->length, s->steps, p->paths};
    bool ok = true;
    if (s->worms == NULL)
        memcpy(p->x, flux_links(c),
               (size_t)(p->group->channels * dataset_sites(p->group)));
    else if (s->detect && p->worms == 0)
        ok = worms_close(c, p->paths, rng, &closed, e);
    else
        ok = worms_open(c, &open, rng, p->x, e);
    label(s, p, closed.n, closed.phi2);
    return ok;
}

/* The samples of chain `c`, of all of the point: from [0] to before [1]. */
static void share_of(const FluxDataSpec *s, int c, int64_t share[2])
{
    const int chains = flux_work_chains(s);
    share[0] = s->samples * c / chains;
    share[1] = s->samples * (c + 1) / chains;
}

/* A sample with number `count` of worms from chain i of the task. */
static bool sample_chain(const Work *w, const Task *t, int i, int64_t sample, int count,
                         ArchError *e)
{
    const FluxDataSpec *s = w->spec;
    const Place p = place_of(w, t, sample, count);
    Rng rng =
        rng_init(s->seed, RNG_WORMS, (uint32_t)(t->lattice * s->points + t->point),
                 (uint32_t)(sample * flux_work_counts(s) + count));
    return take_sample(s, &p, t->chain[i], &rng, e);
}

/* The k-th sample of every chain that has one, for all numbers of worms in turn. */
static bool run_row(Work *w, Task *t, int64_t k, bool caller, ArchError *e)
{
    const FluxDataSpec *s = w->spec;
    FluxChain *active[FLUX_LANES];
    int64_t sample[FLUX_LANES];
    int at[FLUX_LANES], n = 0;
    for (int i = 0; i < t->chains; i++) {
        int64_t share[2];
        share_of(s, t->first + i, share);
        if (share[0] + k < share[1] && k >= t->done[i]) {
            sample[n] = share[0] + k;
            active[n] = t->chain[i];
            at[n++] = i;
        }
    }
    for (int j = 0; n > 0 && j < flux_work_counts(s); j++) {
        if (!flux_advance_all(active, n, s->between, e))
            return false;
        for (int i = 0; i < n; i++)
            if (!sample_chain(w, t, at[i], sample[i], j, e))
                return false;
        advance_work(w,
                     n * (double)s->between * flux_work_sites(&s->lattice[t->lattice]),
                     caller);
    }
    for (int i = 0; i < n; i++)
        t->done[at[i]] = k + 1;
    return true;
}

static bool make_chains(const FluxDataSpec *s, Task *t, ArchError *e)
{
    const FluxLattice *l = &s->lattice[t->lattice];
    const int before =
        (t->lattice * s->points + t->point) * flux_work_chains(s) + t->first;
    for (int i = 0; i < t->chains; i++) {
        const uint32_t stream = (uint32_t)(before + i);
        t->chain[i] = i == 0 ? flux_new(&s->point[t->point], l->rank, l->extent,
                                        s->seed, stream, e)
                             : flux_twin(t->chain[0], stream, e);
        if (t->chain[i] == NULL)
            return false;
    }
    return true;
}

static FluxPart part_of(const Work *w, const Task *t, int i)
{
    const FluxDataSpec *s = w->spec;
    const int counts = flux_work_counts(s);
    int64_t share[2];
    share_of(s, t->first + i, share);
    return (FluxPart){.index =
                          (t->lattice * s->points + t->point) * flux_work_chains(s) +
                          t->first + i,
                      .chain = t->chain[i],
                      .done = t->done[i],
                      .all = share[1] - share[0],
                      .first = (int64_t)t->point * counts * s->samples + share[0],
                      .stride = s->samples,
                      .counts = counts,
                      .group = &w->data->group[t->lattice],
                      .paths = w->paths == NULL ? NULL : w->paths[t->lattice]};
}

/* Whether SIGINT or SIGTERM waits: both are blocked while there are parts to save. */
static bool stop_asked(const Work *w)
{
    sigset_t waiting;
    if (w->parts == NULL)
        return false;
    sigpending(&waiting);
    return sigismember(&waiting, SIGINT) || sigismember(&waiting, SIGTERM);
}

/* One thread at a time: the first makes the folder. */
static bool save(const Work *w, Task *t, ArchError *e)
{
    bool ok = true;
#pragma omp critical(flux_parts_save)
    for (int i = 0; ok && i < t->chains; i++) {
        const FluxPart p = part_of(w, t, i);
        ok = p.done == 0 || flux_parts_save(w->parts, &p, e);
    }
    t->saved = progress_clock();
    return ok;
}

/* Saves if it is time, the work is done, or a signal came, and says so. */
static bool save_if_due(const Work *w, Task *t, bool finished, ArchError *e)
{
    const double now = progress_clock();
    if (w->parts == NULL)
        return true;
    if (stop_asked(w))
        return save(w, t, e) &&
               error_set(e, ARCH_EXIT_STOPPED,
                         "stopped by a signal; the same command goes on "
                         "from the parts in %.300s",
                         w->parts->folder);
    if (finished ? now - w->start < save_least : now - t->saved < save_period)
        return true;
    return save(w, t, e);
}

/* Goes on from parts; the chains without one begin. */
static bool begin_chains(Work *w, Task *t, bool caller, ArchError *e)
{
    const FluxDataSpec *s = w->spec;
    const double sites = flux_work_sites(&s->lattice[t->lattice]);
    FluxChain *cold[FLUX_LANES];
    int n = 0;
    int64_t there = 0;
    for (int i = 0; i < t->chains; i++) {
        FluxPart p = part_of(w, t, i);
        if (w->parts != NULL && flux_parts_load(w->parts, &p))
            there += p.done * p.counts;
        else
            cold[n++] = t->chain[i];
        t->done[i] = p.done;
    }
    if (n > 0 && !flux_thermalise_all(cold, n, s->thermal, e))
        return false;
    if (s->resumed != NULL) {
#pragma omp atomic
        *s->resumed += there;
    }
    advance_work(w,
                 ((double)there * (double)s->between + t->chains * (double)s->thermal) *
                     sites,
                 caller);
    return true;
}

static void run_task(Work *w, Task *t, bool caller)
{
    const int64_t most = w->spec->samples / flux_work_chains(w->spec) + 1;
    ArchError e = {0};
    bool ok = make_chains(w->spec, t, &e) && begin_chains(w, t, caller, &e);
    t->saved = progress_clock();
    for (int64_t k = 0; ok && k < most && !has_failed(w); k++)
        ok = run_row(w, t, k, caller, &e) && save_if_due(w, t, k + 1 == most, &e);
    if (ok && has_failed(w) && stop_asked(w))
        ok = save(w, t, &e);
    for (int i = t->chains; i-- > 0;)
        flux_free(t->chain[i]);
    if (!ok)
        fail_work(w, &e);
}

static void run_all(Work *w)
{
    const FluxDataSpec *s = w->spec;
    const int chains = flux_work_chains(s), tasks = tasks_of(s);
    for (int i = 0; i < s->lattices; i++)
        w->total += flux_work_sites(&s->lattice[i]) * s->points *
                    ((double)chains * (double)s->thermal +
                     (double)s->samples * flux_work_counts(s) * (double)s->between);
#pragma omp parallel
    {
        bool caller = false;
#pragma omp master
        caller = true;
#pragma omp for schedule(dynamic, 1)
        for (int i = 0; i < s->lattices * s->points * tasks; i++) {
            Task t = task_at(s, tasks, i);
            if (!has_failed(w))
                run_task(w, &t, caller);
        }
    }
}

static bool run_work(Work *w)
{
    const FluxDataSpec *s = w->spec;
    const bool wanted = s->paths && s->worms != NULL;
    if (wanted)
        w->paths = flux_paths_new(w->data);
    bool ok = !wanted || w->paths != NULL;
    if (ok)
        run_all(w);
    for (int i = 0; ok && !w->failed && wanted && i < s->lattices; i++)
        ok = flux_paths_join(&w->data->group[i], w->paths[i]);
    flux_paths_free(w->paths, w->data);
    if (!ok)
        error_set(w->error, ARCH_EXIT_FILE, "out of memory for the paths of worms");
    return ok && !w->failed;
}

/* Signals wait for a place between two samples. */
static bool run_with_parts(Work *w)
{
    FluxParts parts;
    sigset_t stop, before;
    if (!flux_parts_open(&parts, w->spec, w->error)) {
        flux_parts_release(&parts);
        return false;
    }
    w->parts = &parts;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, &before);
    const bool ok = run_work(w);
    for (int signal; stop_asked(w);) /* they have been answered, or come too late */
        sigwait(&stop, &signal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    flux_parts_release(&parts);
    return ok;
}

bool flux_work_run(const FluxDataSpec *s, Dataset *d, ArchError *e)
{
    Work w = {.spec = s, .data = d, .error = e, .start = progress_clock()};
    return s->parts != NULL ? run_with_parts(&w) : run_work(&w);
}
