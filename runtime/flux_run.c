#include "flux_run.h"

#include "archrt/worms.h"
#include "progress.h"

#include <string.h>

/* Seconds between two saves of a chain; parts of less work are not worth a file. */
static const double save_period = 30, save_least = 5;

static double sites_of(const Run *r)
{
    return flux_work_sites(&r->work->spec->lattice[r->task.lattice]);
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
    const Task *t = &r->task;
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

bool run_sample(const Run *r, int i, int64_t k, int count, ArchError *e)
{
    const FluxDataSpec *s = r->work->spec;
    int64_t share[2];
    share_of(s, r->task.first + i, share);
    const int64_t sample = share[0] + k;
    const Place p = place_of(r, sample, count);
    Rng rng = rng_init(s->seed, RNG_WORMS,
                       (uint32_t)(r->task.lattice * s->points + r->task.point),
                       (uint32_t)(sample * flux_work_counts(s) + count));
    return take_sample(s, &p, r->chain[i], &rng, e);
}

int run_active(const Run *r, int64_t k, int at[FLUX_CHAINS_MAX])
{
    int n = 0;
    for (int i = 0; i < r->task.chains; i++) {
        int64_t share[2];
        share_of(r->work->spec, r->task.first + i, share);
        if (share[0] + k < share[1] && k >= r->done[i])
            at[n++] = i;
    }
    return n;
}

void run_advanced(const Run *r, int n)
{
    advance(r, n * (double)r->how.between * sites_of(r), 0);
}

bool run_begin(Run *r, Work *w, const Task *t, bool caller, ArchError *e)
{
    const FluxDataSpec *s = w->spec;
    const FluxLattice *l = &s->lattice[t->lattice];
    const int before =
        (t->lattice * s->points + t->point) * flux_work_chains(s) + t->first;
    *r = (Run){.work = w,
               .task = *t,
               .how = *work_sampling(w, t->lattice, t->point),
               .saved = progress_clock(),
               .caller = caller};
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

void run_end(Run *r)
{
    for (int i = FLUX_CHAINS_MAX; i-- > 0;)
        flux_free(r->chain[i]);
}

static FluxPart part_of(const Run *r, int i)
{
    const Work *w = r->work;
    const Task *t = &r->task;
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
bool run_save(Run *r, ArchError *e)
{
    bool ok = true;
#pragma omp critical(flux_parts_save)
    for (int i = 0; ok && i < r->task.chains; i++) {
        const FluxPart p = part_of(r, i);
        ok = p.done == 0 || flux_parts_save(r->work->parts, &p, e);
    }
    r->saved = progress_clock();
    return ok;
}

bool run_save_if_due(Run *r, bool finished, ArchError *e)
{
    const double now = progress_clock();
    if (r->work->parts == NULL ||
        (finished ? now - r->work->start < save_least : now - r->saved < save_period))
        return true;
    return run_save(r, e);
}

int run_load(Run *r, int cold[FLUX_CHAINS_MAX])
{
    Work *w = r->work;
    int n = 0;
    int64_t there = 0;
    for (int i = 0; i < r->task.chains; i++) {
        FluxPart p = part_of(r, i);
        if (w->parts != NULL && flux_parts_load(w->parts, &p))
            there += p.done * p.counts;
        else
            cold[n++] = i;
        r->done[i] = p.done;
    }
    if (w->spec->resumed != NULL) {
#pragma omp atomic
        *w->spec->resumed += there;
    }
    const double old = (double)there * (double)r->how.between +
                       (r->task.chains - n) * (double)r->how.thermal;
    advance(r, old * sites_of(r), old * sites_of(r));
    return n;
}

void run_thermalised(const Run *r, int n)
{
    advance(r, n * (double)r->how.thermal * sites_of(r), 0);
}
