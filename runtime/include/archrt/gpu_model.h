/* gpu_model.h - a network on a CUDA device: its kernels, compiled, loaded and launched.
 *
 *     GpuWork work = {.call = .., .plan = &plan, .arrays = ..};
 *     ok = gpu_model_open(&g, gpu, compiler, m, false, &e) &&
 *          gpu_model_plan(g, &work.call, ARCH_FORWARD, &plan, &e) && ..memory.. &&
 *          gpu_model_start(g, &work, ARCH_CUDA_PACK, &e) &&
 *          gpu_model_start(g, &work, ARCH_CUDA_TABLES, &e) &&
 *          gpu_model_start(g, &work, ARCH_CUDA_RUN, &e);
 *
 * ArchModel says what the stages are and which arrays they take.  As all that is started on
 * a device, stages go in order and return at once. */
#ifndef ARCHRT_GPU_MODEL_H
#define ARCHRT_GPU_MODEL_H

#include "arch_model.h"
#include "archrt/gpu.h"

typedef struct GpuModel GpuModel;

/* gpu and compiler are the caller's, and outlive it.  tf32: layers that tensor cores make are
 * made of numbers with 10 bits behind the point, not 23.  Errors: USAGE if the network has no
 * CUDA text, or tf32 is asked of doubles; DEVICE if the device has none; those of
 * gpu_compile() and gpu_load(). */
bool gpu_model_open(GpuModel **g, Gpu *gpu, GpuCompiler *compiler, const ArchModel *m,
                    bool tf32, ArchError *e);
void gpu_model_close(GpuModel *g); /* NULL is fine */

/* "float32", "float64"; "tf32" if it was asked for and the network has such layers. */
const char *gpu_model_precision(const GpuModel *g);
const ArchModel *gpu_model_of(const GpuModel *g);
Gpu *gpu_model_gpu(const GpuModel *g);
GpuCompiler *gpu_model_compiler(const GpuModel *g);

/* Error USAGE for more instances than a launch takes: grid axis y counts them. */
bool gpu_takes_instances(const Gpu *gpu, int64_t instances, ArchError *e);

/* Of the call, extent, batch and instances count.  Error USAGE for a lattice that the
 * network cannot take, or for too many instances. */
bool gpu_model_plan(const GpuModel *g, const ArchCall *call, ArchWhat what,
                    ArchCudaPlan *plan, ArchError *e);

/* What a stage works on; `plan` may be NULL for PACK. */
typedef struct GpuWork {
    ArchCall call;
    const ArchCudaPlan *plan;
    ArchCudaArrays arrays;
} GpuWork;

/* All passes of one stage; nothing where it has none. */
bool gpu_model_start(GpuModel *g, const GpuWork *work, ArchCudaStage stage,
                     ArchError *e);

#endif
