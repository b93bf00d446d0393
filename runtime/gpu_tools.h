/* gpu_tools.h - the runtime's own kernels (train_kernels.h) on a device. */
#ifndef ARCHRT_GPU_TOOLS_H
#define ARCHRT_GPU_TOOLS_H

#include "archrt/optim.h"
#include "gpu_program.h"
#include "train_kernels.h"

GpuSource gpu_tools_source(ArchType real);

/* For reals of this type.  *p is to be released after an error, too. */
bool gpu_tools_load(GpuProgram *p, Gpu *gpu, GpuCompiler *compiler, ArchType real,
                    ArchError *e);

/* The factors of step number t, from 1; the arrays are the caller's to set. */
AdamWArgument gpu_adamw(const AdamW *o, int64_t t);

bool gpu_start_adamw(GpuProgram *p, const AdamWArgument *a, int64_t instances,
                     ArchError *e);
bool gpu_start_losses(GpuProgram *p, const LossArgument *a, int64_t instances,
                      ArchError *e);
bool gpu_start_peak(GpuProgram *p, const PeakArgument *a, int64_t blocks, ArchError *e);

#endif
