/* plot_bench.h - speed against the size of the lattice, or of the batch. */
#ifndef ARCHRT_PLOT_BENCH_H
#define ARCHRT_PLOT_BENCH_H

#include "bench_row.h"

/* Time for a site of a sample, and share of the peak, forward and step in panels of their
 * own; the best burst, with a bar to the median; dotted, what is possible at most.  A curve
 * for every model and batch against the sites of the lattice, or, where there is one lattice
 * and several batches, a curve for every model against the batch.  Writes NAME.gp and
 * NAME.dat beside `picture`; *drawn says whether there is a picture.  Errors: FILE. */
bool plot_bench(const BenchRows *all, const char *picture, bool *drawn, ArchError *e);

#endif
