#include "gpu_tools.h"

#include <math.h>
#include <string.h>

#include "gpu_text.h"

#define BLOCKS_MAX 64 /* of one instance in a step of the optimiser */

GpuSource gpu_tools_source(ArchType real)
{
    static const char *const option[] = {"--fmad=false", "-DARCH_REAL_F64"};
    return (GpuSource){.name = "train_kernels.cu",
                       .text = gpu_text_train,
                       .option = option,
                       .options = real == ARCH_F64 ? 2 : 1};
}

bool gpu_tools_load(GpuProgram *p, Gpu *gpu, GpuCompiler *compiler, ArchType real,
                    ArchError *e)
{
    const GpuSource source = gpu_tools_source(real);
    return gpu_program_load(p, gpu, compiler, &source, e);
}

AdamWArgument gpu_adamw(const AdamW *o, int64_t t)
{
    return (AdamWArgument){.keep = 1 - o->lr * o->weight_decay,
                           .step = o->lr / (1 - pow(o->beta1, (double)t)),
                           .root = 1 / sqrt(1 - pow(o->beta2, (double)t)),
                           .c1 = 1 - o->beta1,
                           .b2 = o->beta2,
                           .c2 = 1 - o->beta2,
                           .eps = o->eps,
                           .ams = o->amsgrad};
}

static bool start(GpuProgram *p, const char *kernel, const void *argument, size_t bytes,
                  unsigned grid_x, unsigned grid_y, ArchError *e)
{
    ArchCudaLaunch l = {
        .kernel = kernel,
        .grid = {grid_x, grid_y},
        .threads = TRAIN_THREADS,
        .shared_bytes = sizeof(double) * TRAIN_THREADS,
        .argument_bytes = bytes
    };
    memcpy(l.argument, argument, bytes);
    return gpu_program_start(p, &l, e);
}

bool gpu_start_adamw(GpuProgram *p, const AdamWArgument *a, int64_t instances,
                     ArchError *e)
{
    long long blocks = (a->params + TRAIN_THREADS - 1) / TRAIN_THREADS;
    blocks = blocks < 1 ? 1 : blocks > BLOCKS_MAX ? BLOCKS_MAX : blocks;
    return start(p, "adamw", a, sizeof *a, (unsigned)blocks, (unsigned)instances, e);
}

bool gpu_start_losses(GpuProgram *p, const LossArgument *a, int64_t instances,
                      ArchError *e)
{
    return start(p, "add_losses", a, sizeof *a, 1, (unsigned)instances, e);
}

bool gpu_start_peak(GpuProgram *p, const PeakArgument *a, int64_t blocks, ArchError *e)
{
    return start(p, "peak", a, sizeof *a, (unsigned)blocks, 1, e);
}
