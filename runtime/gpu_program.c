#include "gpu_program.h"

#include <string.h>

#define SHARED_FREE (48 << 10) /* what every launch may have */

bool gpu_program_load(GpuProgram *p, Gpu *gpu, GpuCompiler *compiler,
                      const GpuSource *source, ArchError *e)
{
    GpuCode code = {0};
    *p = (GpuProgram){.gpu = gpu};
    bool ok = gpu_compile(compiler, source, gpu_info(gpu)->arch, &code, e) &&
              gpu_load(gpu, &code, &p->module, e);
    gpu_code_release(&code);
    return ok;
}

void gpu_program_release(GpuProgram *p)
{
    if (p->gpu)
        gpu_unload(p->gpu, &p->module);
    *p = (GpuProgram){0};
}

/* Number of a kernel in the table; -1 after an error. */
static int find(GpuProgram *p, const char *name, ArchError *e)
{
    int i = 0;
    while (i < p->kernels && strcmp(p->kernel[i].name, name) != 0)
        i++;
    if (i < p->kernels)
        return i;
    if (i == GPU_PROGRAM_KERNELS)
        p->kernels = i = 0; /* what was looked up can be looked up again */
    if (!gpu_kernel(p->gpu, p->module, name, &p->kernel[i], e))
        return -1;
    p->shared[i] = SHARED_FREE;
    p->kernels++;
    return i;
}

bool gpu_program_start(GpuProgram *p, const ArchCudaLaunch *launch, ArchError *e)
{
    uint64_t argument[sizeof launch->argument / sizeof *launch->argument];
    int i = find(p, launch->kernel, e);
    if (i < 0)
        return false;
    if (launch->shared_bytes > p->shared[i]) {
        if (!gpu_allow_shared(p->gpu, &p->kernel[i], (unsigned)launch->shared_bytes, e))
            return false;
        p->shared[i] = launch->shared_bytes;
    }
    memcpy(argument, launch->argument,
           sizeof argument); /* which a launch may not keep */
    GpuShape shape = {
        .grid = {launch->grid[0], launch->grid[1]},
        .block = {(unsigned)launch->threads              },
        .shared = (unsigned)launch->shared_bytes
    };
    return gpu_launch(p->gpu, &p->kernel[i], shape, (void *[]){argument}, e);
}
