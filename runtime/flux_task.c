#include "flux_task.h"

#include "archrt/worms.h"
#include "progress.h"

#include <string.h>

/* Seconds between two saves of a chain; parts of less work are not worth a file. */
static const double save_period = 30, save_least = 5;

/* A task being run. */
typedef struct Run {
    Work *work;
    const Task *task;
    DatasetSampling how;
    FluxChain *chain[FLUX_LANES];
    int64_t done[FLUX_LANES]; /* samples of each chain */
    double saved;             /* when, in seconds      */
    bool caller;
} Run;

static double sites_of(const Run *r)
{
    return flux_work_sites(&r->work->spec->lattice[r->task->lattice]);
}

/* `amount` of sweeps times sites, of which some were there already. */
static void advance(const Run *r, double amount, double resumed)
{
    Work *w = r->work;
    double done;
#pragma omp atomic
    w->resumed += resumed;
#pragma omp atomic capture
    done = w->done += amount;
    if (r->caller)
        work_show(w, FLUX_DATA_SAMPLES, done);
}

/* A sample to be taken: number `sample` of a point with its number `count` of worms. */
typedef struct Place {
    DatasetGroup *group;
    int64_t row;
    int8_t *x;
    int worms;
    WormsPaths *paths;
} Place;

static Place place_of(const Run *r, int64_t sample, int count)
{
    const Work *w = r->work;
    const Task *t = r->task;
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
static bool sample_chain(const Run *r, int i, int64_t sample, int count, ArchError *e)
{
    const FluxDataSpec *s = r->work->spec;
    const Place p = place_of(r, sample, count);
    Rng rng = rng_init(s->seed, RNG_WORMS,
                       (uint32_t)(r->task->lattice * s->points + r->task->point),
                       (uint32_t)(sample * flux_work_counts(s) + count));
    return take_sample(s, &p, r->chain[i], &rng, e);
}

/* The k-th sample of every chain that has one, for all numbers of worms in turn. */
static bool run_row(Run *r, int64_t k, ArchError *e)
{
    const FluxDataSpec *s = r->work->spec;
    FluxChain *active[FLUX_LANES];
    int64_t sample[FLUX_LANES];
    int at[FLUX_LANES], n = 0;
    for (int i = 0; i < r->task->chains; i++) {
        int64_t share[2];
        share_of(s, r->task->first + i, share);
        if (share[0] + k < share[1] && k >= r->done[i]) {
            sample[n] = share[0] + k;
            active[n] = r->chain[i];
            at[n++] = i;
        }
    }
    for (int j = 0; n > 0 && j < flux_work_counts(s); j++) {
        if (!flux_advance_all(active, n, r->how.between, e))
            return false;
        for (int i = 0; i < n; i++)
            if (!sample_chain(r, at[i], sample[i], j, e))
                return false;
        advance(r, n * (double)r->how.between * sites_of(r), 0);
    }
    for (int i = 0; i < n; i++)
        r->done[at[i]] = k + 1;
    return true;
}

static bool make_chains(Run *r, ArchError *e)
{
    const FluxDataSpec *s = r->work->spec;
    const Task *t = r->task;
    const FluxLattice *l = &s->lattice[t->lattice];
    const int before =
        (t->lattice * s->points + t->point) * flux_work_chains(s) + t->first;
    for (int i = 0; i < t->chains; i++) {
        const uint32_t stream = (uint32_t)(before + i);
        r->chain[i] = i == 0 ? flux_new(&s->point[t->point], l->rank, l->extent,
                                        s->seed, stream, e)
                             : flux_twin(r->chain[0], stream, e);
        if (r->chain[i] == NULL)
            return false;
        r->chain[i]->worms = r->how.worms;
    }
    return true;
}

static FluxPart part_of(const Run *r, int i)
{
    const Work *w = r->work;
    const Task *t = r->task;
    const FluxDataSpec *s = w->spec;
    const int counts = flux_work_counts(s);
    int64_t share[2];
    share_of(s, t->first + i, share);
    return (FluxPart){.index =
                          (t->lattice * s->points + t->point) * flux_work_chains(s) +
                          t->first + i,
                      .chain = r->chain[i],
                      .done = r->done[i],
                      .all = share[1] - share[0],
                      .first = (int64_t)t->point * counts * s->samples + share[0],
                      .stride = s->samples,
                      .counts = counts,
                      .group = &w->data->group[t->lattice],
                      .paths = w->paths == NULL ? NULL : w->paths[t->lattice]};
}

/* One thread at a time: the first makes the folder. */
static bool save(Run *r, ArchError *e)
{
    bool ok = true;
#pragma omp critical(flux_parts_save)
    for (int i = 0; ok && i < r->task->chains; i++) {
        const FluxPart p = part_of(r, i);
        ok = p.done == 0 || flux_parts_save(r->work->parts, &p, e);
    }
    r->saved = progress_clock();
    return ok;
}

/* Saves if it is time, the work is done, or a signal came, and says so. */
static bool save_if_due(Run *r, bool finished, ArchError *e)
{
    const double now = progress_clock();
    if (r->work->parts == NULL)
        return true;
    if (work_stop_asked(r->work))
        return save(r, e) && work_stopped(r->work, e);
    if (finished ? now - r->work->start < save_least : now - r->saved < save_period)
        return true;
    return save(r, e);
}

/* Goes on from parts; the chains without one begin. */
static bool begin_chains(Run *r, ArchError *e)
{
    Work *w = r->work;
    FluxChain *cold[FLUX_LANES];
    int n = 0;
    int64_t there = 0;
    for (int i = 0; i < r->task->chains; i++) {
        FluxPart p = part_of(r, i);
        if (w->parts != NULL && flux_parts_load(w->parts, &p))
            there += p.done * p.counts;
        else
            cold[n++] = r->chain[i];
        r->done[i] = p.done;
    }
    if (n > 0 && !flux_advance_all(cold, n, r->how.thermal, e))
        return false;
    if (w->spec->resumed != NULL) {
#pragma omp atomic
        *w->spec->resumed += there;
    }
    const double old = (double)there * (double)r->how.between +
                       (r->task->chains - n) * (double)r->how.thermal;
    advance(r, (old + n * (double)r->how.thermal) * sites_of(r), old * sites_of(r));
    return true;
}

void task_run(Work *w, const Task *t, bool caller)
{
    const int64_t most = w->spec->samples / flux_work_chains(w->spec) + 1;
    Run r = {.work = w,
             .task = t,
             .how = *work_sampling(w, t->lattice, t->point),
             .saved = progress_clock(),
             .caller = caller};
    ArchError e = {0};
    bool ok = make_chains(&r, &e) && begin_chains(&r, &e);
    for (int64_t k = 0; ok && k < most && !work_failed(w); k++)
        ok = run_row(&r, k, &e) && save_if_due(&r, k + 1 == most, &e);
    if (ok && work_failed(w) && work_stop_asked(w))
        ok = save(&r, &e);
    for (int i = t->chains; i-- > 0;)
        flux_free(r.chain[i]);
    if (!ok)
        work_fail(w, &e);
}
