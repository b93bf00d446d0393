#include "flux_work.h"

#include "flux_paths.h"
#include "flux_pilot.h"
#include "flux_task.h"
#include "flux_task_cuda.h"
#include "progress.h"
#include "stop.h"

#include <omp.h>
#include <string.h>

/* A chain costs its thermalisation, 20 tau, so it should then give many samples, 4 tau
 * each: 100 make that 5 %.  But chains run in parallel, in threads and in lanes. */
enum { SAMPLES_PER_CHAIN = 100 };

int flux_work_counts(const FluxDataSpec *s)
{
    return s->worms == NULL ? 1 : s->counts;
}

int flux_work_chains(const FluxDataSpec *s)
{
    const int64_t wanted =
        1 + (s->samples * flux_work_counts(s) - 1) / SAMPLES_PER_CHAIN;
    const int64_t most = s->samples < FLUX_CHAINS_MAX ? s->samples : FLUX_CHAINS_MAX;
    return (int)(wanted < most ? wanted : most);
}

int64_t flux_work_rows(const FluxDataSpec *s)
{
    return s->samples / flux_work_chains(s) + 1;
}

double flux_work_sites(const FluxLattice *l)
{
    double sites = 1;
    for (int i = 0; i < l->rank; i++)
        sites *= (double)l->extent[i];
    return sites;
}

/* Seconds between two saves of the pilots; fewer seconds are not worth a file. */
static const double save_period = 30, save_least = 5;

/* Pilots have the upper half of the streams. */
static const uint32_t pilot_stream = UINT32_C(1) << 31;

DatasetSampling *work_sampling(const Work *w, int lattice, int point)
{
    return w->data->group[lattice].sampling + point * flux_work_counts(w->spec);
}

void work_show(const Work *w, FluxDataStage stage, double done)
{
    const FluxDataSpec *s = w->spec;
    if (s->progress == NULL)
        return;
    double resumed;
#pragma omp atomic read
    resumed = w->resumed;
    s->progress(s->progress_data,
                &(FluxDataProgress){stage, done / w->total, resumed / w->total});
}

void work_fail(Work *w, const ArchError *e)
{
#pragma omp critical(flux_data_error)
    {
        if (!w->failed)
            *w->error = *e;
        w->failed = true;
    }
}

bool work_failed(Work *w)
{
    bool failed;
#pragma omp critical(flux_data_error)
    failed = w->failed;
    return failed;
}

bool work_stop_asked(const Work *w)
{
    return w->parts != NULL && stop_asked();
}

bool work_stopped(const Work *w, ArchError *e)
{
    return error_set(e, ARCH_EXIT_STOPPED,
                     "stopped by a signal; the same command goes on from the parts in "
                     "%.300s",
                     w->parts->folder);
}

static bool save_pilots(Work *w, double period, ArchError *e)
{
    bool ok = true;
#pragma omp critical(flux_parts_save)
    if (w->parts != NULL && progress_clock() - w->saved >= period) {
        ok = flux_parts_save_pilots(w->parts, w->data, e);
        w->saved = progress_clock();
    }
    return ok;
}

/* A pilot being run. */
typedef struct Pilot {
    Work *work;
    bool caller;
} Pilot;

static bool tick(void *data, double share, ArchError *e)
{
    const Pilot *p = data;
    Work *w = p->work;
    double done;
#pragma omp atomic read
    done = w->done;
    if (p->caller)
        work_show(w, FLUX_DATA_PILOT, done + share);
    return !work_stop_asked(w) || (save_pilots(w, 0, e) && work_stopped(w, e));
}

/* The same for all numbers of worms of the point. */
static void run_pilot(Work *w, int lattice, int point, bool caller)
{
    const FluxDataSpec *s = w->spec;
    const FluxLattice *l = &s->lattice[lattice];
    const int counts = flux_work_counts(s);
    Pilot p = {w, caller};
    const double samples = (double)s->samples * counts;
    const FluxPilotSpec spec = {.taus = flux_pilot_taus(samples),
                                .first = flux_pilot_first(samples),
                                .most = PILOT_MOST,
                                .between = s->between,
                                .thermal = s->thermal,
                                .tick = tick,
                                .data = &p};
    DatasetSampling found, *row = work_sampling(w, lattice, point);
    ArchError e = {0};
    FluxChain *c = flux_new(&s->point[point], l->rank, l->extent, s->seed,
                            pilot_stream + (uint32_t)(lattice * s->points + point), &e);
    bool ok = c != NULL && flux_pilot_run(&spec, c, &found, &e);
    flux_free(c);
    if (ok) {
#pragma omp critical(flux_parts_save)
        for (int i = 0; i < counts; i++)
            row[i] = found;
#pragma omp atomic
        w->done++;
        ok = save_pilots(w, save_period, &e);
    }
    if (!ok)
        work_fail(w, &e);
}

/* The largest lattice first, if they were given by size. */
static void run_pilots(Work *w)
{
    const FluxDataSpec *s = w->spec;
    const int all = s->lattices * s->points;
    if (w->parts != NULL)
        flux_parts_load_pilots(w->parts, w->data);
    for (int i = 0; i < all; i++)
        w->done += work_sampling(w, i / s->points, i % s->points)->between > 0;
    w->resumed = w->done;
    w->total = all;
#pragma omp parallel
    {
        bool caller = false;
#pragma omp master
        caller = true;
#pragma omp for schedule(dynamic, 1)
        for (int i = 0; i < all; i++) {
            const int lattice = (all - 1 - i) / s->points,
                      point = (all - 1 - i) % s->points;
            if (work_sampling(w, lattice, point)->between == 0 && !work_failed(w))
                run_pilot(w, lattice, point, caller);
        }
    }
    ArchError e;
    if (!w->failed && w->resumed < all && progress_clock() - w->start >= save_least &&
        !save_pilots(w, 0, &e))
        work_fail(w, &e);
}

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

static void count_work(Work *w)
{
    const FluxDataSpec *s = w->spec;
    const int chains = flux_work_chains(s);
    w->done = w->resumed = w->total = 0;
    for (int i = 0; i < s->lattices; i++)
        for (int j = 0; j < s->points; j++) {
            const DatasetSampling *how = work_sampling(w, i, j);
            w->total +=
                flux_work_sites(&s->lattice[i]) *
                ((double)chains * (double)how->thermal +
                 (double)s->samples * flux_work_counts(s) * (double)how->between);
        }
}

static void run_tasks(Work *w)
{
    const FluxDataSpec *s = w->spec;
    const int tasks = tasks_of(s);
#pragma omp parallel
    {
        bool caller = false;
#pragma omp master
        caller = true;
#pragma omp for schedule(dynamic, 1)
        for (int i = 0; i < s->lattices * s->points * tasks; i++) {
            const Task t = task_at(s, tasks, i);
            if (!work_failed(w))
                task_run(w, &t, caller);
        }
    }
}

static void run_samples(Work *w)
{
    count_work(w);
    if (w->kernels == NULL)
        run_tasks(w);
    for (int i = w->spec->lattices; w->kernels != NULL && !w->failed && i-- > 0;)
        task_run_cuda(w, i);
}

static bool run_work(Work *w)
{
    const FluxDataSpec *s = w->spec;
    const bool wanted = s->paths && s->worms != NULL;
    if (wanted)
        w->paths = flux_paths_new(w->data);
    bool ok = !wanted || w->paths != NULL;
    if (ok)
        run_pilots(w);
    if (ok && !w->failed)
        run_samples(w);
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
    if (!flux_parts_open(&parts, w->spec, w->error)) {
        flux_parts_release(&parts);
        return false;
    }
    w->parts = &parts;
    const sigset_t before = stop_hold();
    const bool ok = run_work(w);
    stop_take();
    stop_release(&before);
    flux_parts_release(&parts);
    return ok;
}

bool flux_work_run(const FluxDataSpec *s, Dataset *d, ArchError *e)
{
    const double now = progress_clock();
    Work w = {.spec = s, .data = d, .error = e, .start = now, .saved = now};
    GpuProgram kernels = {0};
    if (s->gpu != NULL)
        w.kernels = &kernels;
    bool ok = s->gpu == NULL || flux_cuda_load(&kernels, s->gpu, s->compiler, e);
    ok = ok && (s->parts != NULL ? run_with_parts(&w) : run_work(&w));
    gpu_program_release(&kernels);
    return ok;
}
