/* flux_run.h - the chains of a task on their way, whoever leads them: the processor
 * (flux_task.c) or a device (flux_task_cuda.c).
 *
 *     run_begin, run_load           chains, and what parts hold of them
 *     .. run_thermalised            those that begin have done how.thermal sweeps
 *     for k = 0 .. flux_work_rows() - 1:
 *         run_active                those with a sample number k; for each number of worms
 *             .. run_sample         after how.between sweeps
 *             run_advanced
 *         done[..] = k + 1          by the caller
 *         run_save_if_due
 *     run_end */
#ifndef FLUX_RUN_H
#define FLUX_RUN_H

#include "flux_task.h"

typedef struct Run {
    Work *work;
    Task task;
    DatasetSampling how;
    FluxChain *chain[FLUX_CHAINS_MAX];
    int64_t done[FLUX_CHAINS_MAX]; /* samples of each chain, of every number of worms */
    double saved;                  /* when, in seconds */
    bool caller;                   /* this thread shows the progress */
} Run;

/* *r is to be ended after an error, too. */
bool run_begin(Run *r, Work *w, const Task *t, bool caller, ArchError *e);
void run_end(Run *r);

/* Fills done[] and the samples that are there; which chains have to begin, and how many. */
int run_load(Run *r, int cold[FLUX_CHAINS_MAX]);
/* Which chains have a k-th sample still to be made, and how many. */
int run_active(const Run *r, int64_t k, int at[FLUX_CHAINS_MAX]);

/* What n of the chains have done, for the progress. */
void run_thermalised(const Run *r, int n);
void run_advanced(const Run *r, int n);

/* The k-th sample of chain i with number `count` of the numbers of worms. */
bool run_sample(const Run *r, int i, int64_t k, int count, ArchError *e);

bool run_save(Run *r, ArchError *e);
/* Saves if it is time, or the work is done and was long. */
bool run_save_if_due(Run *r, bool finished, ArchError *e);

#endif
