/* flux_task_cuda.h - the chains of all points of a lattice, on a device together.
 *
 * The device does the sweeps; n, |phi|^2 and open worms are made of the chains' fluxes by
 * the processor's threads, as they always are. */
#ifndef FLUX_TASK_CUDA_H
#define FLUX_TASK_CUDA_H

#include "flux_task.h"

/* All samples of a lattice, by w->kernels; reports a failure as task_run() does.  For the
 * thread that opened the device. */
void task_run_cuda(Work *w, int lattice);

#endif
