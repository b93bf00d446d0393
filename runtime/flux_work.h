/* flux_work.h - the chains of a data set, over threads. */
#ifndef FLUX_WORK_H
#define FLUX_WORK_H

#include "archrt/flux_data.h"

/* Numbers of worms of a point; 1 for closed data. */
int flux_work_counts(const FluxDataSpec *s);

/* Chains of one point on one lattice: belongs to the job, not to the machine. */
enum { FLUX_CHAINS_MAX = 32 };
int flux_work_chains(const FluxDataSpec *s);

/* Samples of a chain with each number of worms, at most. */
int64_t flux_work_rows(const FluxDataSpec *s);

double flux_work_sites(const FluxLattice *l);

/* Fills the samples of a data set that is allocated.  Errors: as flux_data_make(). */
bool flux_work_run(const FluxDataSpec *s, Dataset *d, ArchError *e);

#endif
