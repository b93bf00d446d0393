#include "flux_run.h"

static bool advance_some(const Run *r, const int *at, int n, int64_t sweeps,
                         ArchError *e)
{
    FluxChain *some[FLUX_CHAINS_MAX];
    for (int i = 0; i < n; i++)
        some[i] = r->chain[at[i]];
    return n == 0 || flux_advance_all(some, n, sweeps, e);
}

/* The k-th sample of every chain that has one, for all numbers of worms in turn. */
static bool run_row(Run *r, int64_t k, ArchError *e)
{
    int at[FLUX_CHAINS_MAX];
    const int n = run_active(r, k, at), counts = flux_work_counts(r->work->spec);
    for (int j = 0; n > 0 && j < counts; j++) {
        if (!advance_some(r, at, n, r->how.between, e))
            return false;
        for (int i = 0; i < n; i++)
            if (!run_sample(r, at[i], k, j, e))
                return false;
        run_advanced(r, n);
    }
    for (int i = 0; i < n; i++)
        r->done[at[i]] = k + 1;
    return true;
}

/* A signal ends it once this task is saved; other threads save theirs. */
static bool save_or_stop(Run *r, bool finished, ArchError *e)
{
    if (work_stop_asked(r->work))
        return run_save(r, e) && work_stopped(r->work, e);
    return run_save_if_due(r, finished, e);
}

void task_run(Work *w, const Task *t, bool caller)
{
    const int64_t most = flux_work_rows(w->spec);
    int cold[FLUX_CHAINS_MAX], n = 0;
    Run r;
    ArchError e = {0};
    bool ok = run_begin(&r, w, t, caller, &e);
    if (ok) {
        n = run_load(&r, cold);
        ok = advance_some(&r, cold, n, r.how.thermal, &e);
    }
    if (ok)
        run_thermalised(&r, n);
    for (int64_t k = 0; ok && k < most && !work_failed(w); k++)
        ok = run_row(&r, k, &e) && save_or_stop(&r, k + 1 == most, &e);
    if (ok && work_failed(w) && work_stop_asked(w))
        ok = run_save(&r, &e);
    run_end(&r);
    if (!ok)
        work_fail(w, &e);
}
