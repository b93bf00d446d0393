#include "flux_work.h"

#include "archrt/worms.h"

#include <omp.h>
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
} Work;

/* Chains of one point on one lattice, which one thread runs together. */
typedef struct Task {
    int lattice, point, first, chains;
    FluxChain *chain[FLUX_LANES];
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
static bool run_row(Work *w, const Task *t, int64_t k, bool caller, ArchError *e)
{
    const FluxDataSpec *s = w->spec;
    FluxChain *active[FLUX_LANES];
    int64_t sample[FLUX_LANES];
    int at[FLUX_LANES], n = 0;
    for (int i = 0; i < t->chains; i++) {
        int64_t share[2];
        share_of(s, t->first + i, share);
        if (share[0] + k < share[1]) {
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

static void run_task(Work *w, Task *t, bool caller)
{
    const FluxDataSpec *s = w->spec;
    const int64_t most = s->samples / flux_work_chains(s) + 1;
    ArchError e = {0};
    bool ok = make_chains(s, t, &e) &&
              flux_thermalise_all(t->chain, t->chains, s->thermal, &e);
    if (ok)
        advance_work(w,
                     t->chains * (double)s->thermal *
                         flux_work_sites(&s->lattice[t->lattice]),
                     caller);
    for (int64_t k = 0; ok && k < most && !has_failed(w); k++)
        ok = run_row(w, t, k, caller, &e);
    for (int i = t->chains; i-- > 0;)
        flux_free(t->chain[i]);
    if (!ok)
        fail_work(w, &e);
}

static bool paths_init(Work *w)
{
    const FluxDataSpec *s = w->spec;
    if (!s->paths || s->worms == NULL)
        return true;
    w->paths = calloc((size_t)s->lattices, sizeof *w->paths);
    for (int i = 0; w->paths != NULL && i < s->lattices; i++) {
        w->paths[i] = calloc((size_t)w->data->group[i].samples, sizeof **w->paths);
        if (w->paths[i] == NULL)
            return false;
    }
    return w->paths != NULL;
}

static void paths_release(Work *w)
{
    for (int i = 0; w->paths != NULL && i < w->spec->lattices; i++) {
        for (int64_t row = 0; w->paths[i] && row < w->data->group[i].samples; row++)
            worms_paths_release(&w->paths[i][row]);
        free(w->paths[i]);
    }
    free(w->paths);
}

/* The paths of single samples, one behind the other. */
static bool join_paths(DatasetGroup *g, const WormsPaths *paths)
{
    int64_t worms = 0, steps = 0;
    for (int64_t i = 0; i < g->samples; i++) {
        worms += paths[i].worms;
        steps += paths[i].steps;
    }
    DatasetPaths *all = &g->paths;
    all->worm = malloc((size_t)(g->samples + 1) * sizeof *all->worm);
    all->begin = malloc((size_t)(worms + 1) * sizeof *all->begin);
    all->step = malloc((size_t)(steps + 1) * 2 * sizeof *all->step);
    if (all->worm == NULL || all->begin == NULL || all->step == NULL)
        return false;
    worms = steps = 0;
    all->worm[0] = all->begin[0] = 0;
    for (int64_t i = 0; i < g->samples; i++) {
        for (int j = 0; j < paths[i].worms; j++)
            all->begin[++worms] = steps + paths[i].end[j];
        if (paths[i].steps > 0)
            memcpy(all->step + 2 * steps, paths[i].step,
                   (size_t)paths[i].steps * 2 * sizeof *all->step);
        steps += paths[i].steps;
        all->worm[i + 1] = worms;
    }
    return true;
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

bool flux_work_run(const FluxDataSpec *s, Dataset *d, ArchError *e)
{
    Work w = {.spec = s, .data = d, .error = e};
    bool ok = paths_init(&w);
    if (ok)
        run_all(&w);
    for (int i = 0; ok && !w.failed && w.paths != NULL && i < s->lattices; i++)
        ok = join_paths(&d->group[i], w.paths[i]);
    paths_release(&w);
    if (!ok)
        error_set(e, ARCH_EXIT_FILE, "out of memory for the paths of worms");
    return ok && !w.failed;
}
