#include "archrt/gpu_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archrt/model.h"

#include "file.h"
#include "gpu_program.h"

struct GpuModel {
    const ArchModel *m;
    GpuCompiler *compiler;
    GpuProgram program;
    ArchCudaDevice device;
    bool tf32; /* of its wide layers; false also if it has none */
};

static ArchCudaDevice device_of(const GpuInfo *info)
{
    return (ArchCudaDevice){.multiprocessors = info->sms,
                            .threads = info->threads_per_block,
                            .shared_block = (size_t)info->shared_per_block,
                            .shared_total = (size_t)info->shared_per_sm};
}

/* Whether it can be in TF32. */
static bool check_tf32(const Gpu *gpu, const ArchModel *m, ArchError *e)
{
    const GpuInfo *info = gpu_info(gpu);
    if (m->real != ARCH_F32)
        return error_set(e, ARCH_EXIT_USAGE, "--tf32 is of single precision: %s is %s",
                         m->name, model_real_name(m));
    return info->arch >= 80 ||
           error_set(e, ARCH_EXIT_DEVICE,
                     "--tf32: %s has no TF32, only sm_80 and later", info->name);
}

bool gpu_model_open(GpuModel **g, Gpu *gpu, GpuCompiler *compiler, const ArchModel *m,
                    bool tf32, ArchError *e)
{
    static const char *const option[] = {"-DARCH_TF32"};
    char name[160];
    *g = NULL;
    if (!m->cuda_source || !m->cuda_plan || !m->cuda_launch)
        return error_set(e, ARCH_EXIT_USAGE,
                         "%s has no CUDA kernels: compile it again with archc, or take "
                         "--device cpu",
                         m->name);
    if (tf32 && !check_tf32(gpu, m, e))
        return false;
    tf32 = tf32 && strstr(m->cuda_source, "ARCH_TF32");
    snprintf(name, sizeof name, "%.150s.cu", m->name);
    GpuSource source = {.name = name, .text = m->cuda_source};
    if (tf32) {
        source.option = option;
        source.options = 1;
    }
    GpuModel *new = memory_new(sizeof *new);
    *new = (GpuModel){
        .m = m, .compiler = compiler, .device = device_of(gpu_info(gpu)), .tf32 = tf32};
    if (gpu_program_load(&new->program, gpu, compiler, &source, e)) {
        *g = new;
        return true;
    }
    gpu_model_close(new);
    return false;
}

void gpu_model_close(GpuModel *g)
{
    if (!g)
        return;
    gpu_program_release(&g->program);
    free(g);
}

const ArchModel *gpu_model_of(const GpuModel *g)
{
    return g->m;
}

const char *gpu_model_precision(const GpuModel *g)
{
    return g->tf32 ? "tf32" : model_real_name(g->m);
}

Gpu *gpu_model_gpu(const GpuModel *g)
{
    return g->program.gpu;
}

GpuCompiler *gpu_model_compiler(const GpuModel *g)
{
    return g->compiler;
}

bool gpu_takes_instances(const Gpu *gpu, int64_t instances, ArchError *e)
{
    const GpuInfo *info = gpu_info(gpu);
    return instances <= info->grid_y ||
           error_set(e, ARCH_EXIT_USAGE,
                     "%lld instances are too many for %s, which takes %d at once: take "
                     "fewer, or --device cpu",
                     (long long)instances, info->name, info->grid_y);
}

bool gpu_model_plan(const GpuModel *g, const ArchCall *call, ArchWhat what,
                    ArchCudaPlan *plan, ArchError *e)
{
    if (!gpu_takes_instances(g->program.gpu, call->instances, e))
        return false;
    if (g->m->cuda_plan(call, what, &g->device, plan))
        return true;
    return error_set(e, ARCH_EXIT_USAGE, "%s cannot work on this lattice on a device",
                     g->m->name);
}

bool gpu_model_start(GpuModel *g, const GpuWork *work, ArchCudaStage stage,
                     ArchError *e)
{
    ArchCudaLaunch launch;
    int passes = stage == ARCH_CUDA_RUN ? work->plan->passes : 1;
    for (int pass = 0; pass < passes; pass++)
        if (g->m->cuda_launch(&work->call, work->plan, &work->arrays, stage, pass,
                              &launch) &&
            !gpu_program_start(&g->program, &launch, e))
            return false;
    return true;
}
