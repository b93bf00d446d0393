/* gpu_program.h - a text of CUDA, compiled and loaded, whose kernels take one argument, a
 * struct passed by value, as ArchCudaLaunch has it. */
#ifndef ARCHRT_GPU_PROGRAM_H
#define ARCHRT_GPU_PROGRAM_H

#include "arch_model.h"
#include "archrt/gpu.h"

#define GPU_PROGRAM_KERNELS 64

typedef struct GpuProgram {
    Gpu *gpu; /* NULL: not loaded */
    GpuModule module;
    int kernels; /* looked up so far */
    GpuKernel kernel[GPU_PROGRAM_KERNELS];
    size_t shared[GPU_PROGRAM_KERNELS]; /* dynamic shared memory that is allowed */
} GpuProgram;

/* *p is to be released after an error, too. */
bool gpu_program_load(GpuProgram *p, Gpu *gpu, GpuCompiler *compiler,
                      const GpuSource *source, ArchError *e);
bool gpu_program_start(GpuProgram *p, const ArchCudaLaunch *launch, ArchError *e);
void gpu_program_release(GpuProgram *p);

#endif
