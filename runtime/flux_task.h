/* flux_task.h - the chains of one point on one lattice, which one thread runs together. */
#ifndef FLUX_TASK_H
#define FLUX_TASK_H

#include "flux_cuda.h"
#include "flux_parts.h"
#include "flux_work.h"

/* The work of all chains, and how far it is; several threads have it in hand. */
typedef struct Work {
    const FluxDataSpec *spec;
    Dataset *data;
    WormsPaths **paths;          /* (lattices, samples of one), or NULL              */
    double done, resumed, total; /* of this stage: sweeps times sites, pilots       */
    bool failed;
    ArchError *error;
    FluxParts *parts;    /* or NULL */
    GpuProgram *kernels; /* of the device, or NULL */
    double start;        /* of the work, in seconds */
    double saved;        /* the pilots, when */
} Work;

/* Chains first .. first + chains - 1 of a point. */
typedef struct Task {
    int lattice, point, first, chains;
} Task;

/* Makes their samples, unless the work has failed, and reports a failure.  `caller`: this
 * thread shows the progress. */
void task_run(Work *w, const Task *t, bool caller);

/* What follows is for any thread. */

/* How the samples of a point on a lattice are made; its row for each number of worms. */
DatasetSampling *work_sampling(const Work *w, int lattice, int point);

bool work_failed(Work *w);
void work_fail(Work *w, const ArchError *e);

/* Shows how far the work is. */
void work_show(const Work *w, FluxDataStage stage, double done);

/* Whether SIGINT or SIGTERM waits: both are blocked while there are parts to save. */
bool work_stop_asked(const Work *w);

/* Fills the error of a stop. */
bool work_stopped(const Work *w, ArchError *e);

#endif
