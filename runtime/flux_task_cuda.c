#include "flux_task_cuda.h"

#include <string.h>

#include "flux_run.h"

/* A chain that is to give a sample. */
typedef struct Active {
    int run, chain;
} Active;

/* All chains of a lattice: each point is a run with as many of them. */
typedef struct Fleet {
    Work *work;
    int runs, chains; /* chains: of a run */
    Run *run;
    FluxChain **chain; /* (runs, chains) */
    int64_t *sweeps;   /* (runs, chains) */
    Active *active;    /* (runs * chains) at most */
    FluxCuda *cuda;
} Fleet;

static size_t place_of(const Fleet *f, Active a)
{
    return (size_t)a.run * (size_t)f->chains + (size_t)a.chain;
}

static void clear_sweeps(Fleet *f)
{
    memset(f->sweeps, 0, (size_t)f->runs * (size_t)f->chains * sizeof *f->sweeps);
}

static bool begin_runs(Fleet *f, int lattice, ArchError *e)
{
    for (int i = 0; i < f->runs; i++) {
        const Task t = {lattice, i, 0, f->chains};
        if (!run_begin(&f->run[i], f->work, &t, true, e))
            return false;
        for (int j = 0; j < f->chains; j++)
            f->chain[place_of(f, (Active){i, j})] = f->run[i].chain[j];
    }
    return true;
}

/* Goes on from parts; the chains without one begin. */
static bool thermalise(Fleet *f, ArchError *e)
{
    int *colds = memory_new((size_t)f->runs * sizeof *colds);
    int cold[FLUX_CHAINS_MAX];
    clear_sweeps(f);
    for (int i = 0; i < f->runs; i++) {
        colds[i] = run_load(&f->run[i], cold);
        for (int j = 0; j < colds[i]; j++)
            f->sweeps[place_of(f, (Active){i, cold[j]})] = f->run[i].how.thermal;
    }
    const int64_t all = (int64_t)f->runs * f->chains;
    const bool ok = flux_cuda_new(&f->cuda, f->work->kernels, f->chain, all, e) &&
                    flux_cuda_run(f->cuda, f->sweeps, e);
    for (int i = 0; ok && i < f->runs; i++)
        run_thermalised(&f->run[i], colds[i]);
    free(colds);
    return ok;
}

/* Those with a k-th sample; f->sweeps is what they do before it. */
static int64_t find_active(Fleet *f, int64_t k)
{
    int at[FLUX_CHAINS_MAX];
    int64_t n = 0;
    clear_sweeps(f);
    for (int i = 0; i < f->runs; i++) {
        const int here = run_active(&f->run[i], k, at);
        for (int j = 0; j < here; j++) {
            f->active[n] = (Active){i, at[j]};
            f->sweeps[place_of(f, f->active[n++])] = f->run[i].how.between;
        }
    }
    return n;
}

/* The samples of all of them, which are work for all threads. */
static void take_samples(const Fleet *f, int64_t n, int64_t k, int count)
{
#pragma omp parallel for schedule(dynamic, 8)
    for (int64_t i = 0; i < n; i++) {
        const Active a = f->active[i];
        ArchError e = {0};
        if (!run_sample(&f->run[a.run], a.chain, k, count, &e))
            work_fail(f->work, &e);
    }
}

static void note_progress(const Fleet *f, int64_t n)
{
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && f->active[end].run == f->active[i].run;)
            end++;
        run_advanced(&f->run[f->active[i].run], (int)(end - i));
    }
}

/* The k-th sample of every chain that has one, for all numbers of worms in turn. */
static bool run_row(Fleet *f, int64_t k, ArchError *e)
{
    const int64_t n = find_active(f, k);
    for (int j = 0; n > 0 && j < flux_work_counts(f->work->spec); j++) {
        if (!flux_cuda_run(f->cuda, f->sweeps, e) || !flux_cuda_fetch(f->cuda, e))
            return false;
        take_samples(f, n, k, j);
        if (work_failed(f->work))
            return true;
        note_progress(f, n);
    }
    for (int64_t i = 0; i < n; i++)
        f->run[f->active[i].run].done[f->active[i].chain] = k + 1;
    return true;
}

/* A signal ends it once all chains are saved. */
static bool save_or_stop(Fleet *f, bool finished, ArchError *e)
{
    const bool stop = work_stop_asked(f->work);
    bool ok = true;
    for (int i = 0; ok && i < f->runs; i++)
        ok = stop ? run_save(&f->run[i], e) : run_save_if_due(&f->run[i], finished, e);
    return ok && (!stop || work_stopped(f->work, e));
}

static void *zeros(size_t n, size_t size)
{
    void *p = memory_new(n * size);
    return memset(p, 0, n * size);
}

void task_run_cuda(Work *w, int lattice)
{
    const int64_t most = flux_work_rows(w->spec);
    Fleet f = {.work = w, .runs = w->spec->points, .chains = flux_work_chains(w->spec)};
    const size_t runs = (size_t)f.runs, all = runs * (size_t)f.chains;
    ArchError e = {0};
    f.run = zeros(runs, sizeof *f.run);
    f.chain = zeros(all, sizeof *f.chain);
    f.sweeps = zeros(all, sizeof *f.sweeps);
    f.active = zeros(all, sizeof *f.active);
    bool ok = begin_runs(&f, lattice, &e) && thermalise(&f, &e);
    for (int64_t k = 0; ok && k < most && !work_failed(w); k++)
        ok = run_row(&f, k, &e) &&
             (work_failed(w) || save_or_stop(&f, k + 1 == most, &e));
    flux_cuda_free(f.cuda);
    for (int i = f.runs; i-- > 0;)
        run_end(&f.run[i]);
    free(f.run);
    free(f.chain);
    free(f.sweeps);
    free(f.active);
    if (!ok)
        work_fail(w, &e);
}
