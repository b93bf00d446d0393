/* flux_cuda.h - chains on a CUDA device, a thread each (flux_kernels.cu).
 *
 * Chains of one lattice, of any points.  Each does exactly what it would do on the
 * processor: the same random numbers, fluxes and counts. */
#ifndef FLUX_CUDA_H
#define FLUX_CUDA_H

#include "flux_chain.h"
#include "flux_kernels.h"
#include "gpu_program.h"

typedef struct FluxCuda FluxCuda;

/* How the chains are spread: blocks of `threads`, their fields in shared memory or not. */
typedef struct FluxShape {
    bool shared;
    int threads;
    int64_t blocks;
    size_t bytes; /* of shared memory a block, or of device memory in all */
} FluxShape;

FluxShape flux_cuda_shape(const GpuInfo *info, const Lattice *g, int64_t chains);

GpuSource flux_cuda_source(void);

/* The kernels; *p is to be released after an error, too. */
bool flux_cuda_load(GpuProgram *p, Gpu *gpu, GpuCompiler *compiler, ArchError *e);

/* `chain` and `kernels` are the caller's, and stay where they are; neighbours of one point
 * are best twins, for tables are by point.  Errors: DEVICE. */
bool flux_cuda_new(FluxCuda **f, GpuProgram *kernels, FluxChain *const *chain,
                   int64_t chains, ArchError *e);
void flux_cuda_free(FluxCuda *f); /* NULL is fine */

/* Chain i goes on by sweeps[i] on the device, and its counts with it.  Errors: DEVICE, and
 * as flux_update(). */
bool flux_cuda_run(FluxCuda *f, const int64_t *sweeps, ArchError *e);
/* Brings fluxes and random numbers to the chains. */
bool flux_cuda_fetch(FluxCuda *f, ArchError *e);

#endif
