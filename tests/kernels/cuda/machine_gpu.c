#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archrt/gpu.h"
#include "machine.h"

enum { PIECES_MAX = 64 };

static Gpu *gpu;
static GpuModule module;
static GpuMemory piece[PIECES_MAX];

static void must(bool good, const ArchError *e)
{
    if (good)
        return;
    printf("FAILED: %s\n", e->text);
    exit(1);
}

void machine_open(const ArchModel *m, const char *library)
{
    (void)library;
    ArchError e;
    char name[160]; /* as gpu_model_open() has it, so that both find it in the cache */
    GpuCompiler *compiler = NULL;
    if (!gpu_open(&gpu, 0, &e)) {
        printf("%s\n", e.text);
        exit(getenv("ARCHC_REQUIRE_GPU") ? 1 : 77);
    }
    must(gpu_compiler_open(&compiler, gpu_info(gpu)->driver, &e), &e);
    snprintf(name, sizeof name, "%.150s.cu", m->name);
    GpuSource source = {.name = name, .text = m->cuda_source};
    GpuCode code = {0};
    must(gpu_compile(compiler, &source, gpu_info(gpu)->arch, &code, &e) &&
             gpu_load(gpu, &code, &module, &e),
         &e);
    gpu_code_release(&code);
    gpu_compiler_close(compiler);
}

ArchCudaDevice machine_device(void)
{
    const GpuInfo *info = gpu_info(gpu);
    return (ArchCudaDevice){.multiprocessors = info->sms,
                            .threads = FIBERS_THREADS,
                            .shared_block = (size_t)info->shared_per_block,
                            .shared_total = (size_t)info->shared_per_sm};
}

/* The piece that begins at p; of all pieces if p is NULL, one not in use. */
static GpuMemory *piece_at(const void *p)
{
    for (int i = 0; i < PIECES_MAX; i++)
        if (piece[i].address == (uint64_t)(uintptr_t)p)
            return &piece[i];
    printf("FAILED: no piece of memory at %p\n", p);
    exit(1);
}

void *machine_new(size_t bytes)
{
    ArchError e;
    GpuMemory *p = piece_at(NULL);
    must(gpu_alloc(gpu, bytes ? bytes : 1, p, &e) && gpu_fill(gpu, *p, 0xff, &e), &e);
    return (void *)(uintptr_t)p->address;
}

void *machine_copy_of(const void *from, size_t bytes)
{
    ArchError e;
    void *p = machine_new(bytes);
    must(bytes == 0 || gpu_upload(gpu, *piece_at(p), from, bytes, &e), &e);
    return p;
}

void machine_fetch(void *to, const void *from, size_t bytes)
{
    ArchError e;
    must(bytes == 0 || gpu_download(gpu, to, *piece_at(from), bytes, &e), &e);
}

void machine_free(void *p)
{
    if (!p)
        return;
    GpuMemory *own = piece_at(p);
    gpu_free(gpu, own);
    *own = (GpuMemory){0};
}

static void launch_one(const ArchCudaLaunch *launch)
{
    ArchError e;
    GpuKernel kernel;
    uint64_t argument[sizeof launch->argument / sizeof *launch->argument];
    memcpy(argument, launch->argument, sizeof argument);
    GpuShape shape = {
        .grid = {launch->grid[0], launch->grid[1]},
        .block = {(unsigned)launch->threads              },
        .shared = (unsigned)launch->shared_bytes
    };
    must(gpu_kernel(gpu, module, launch->kernel, &kernel, &e) &&
             gpu_allow_shared(gpu, &kernel, shape.shared, &e) &&
             gpu_launch(gpu, &kernel, shape, (void *[]){argument}, &e),
         &e);
}

bool machine_launch(const ArchCudaLaunch *launch, int launches, Order order)
{
    (void)order;
    ArchError e;
    for (int k = 0; k < launches; k++)
        launch_one(&launch[k]);
    must(gpu_synchronize(gpu, &e), &e);
    return true;
}

/* A device does not tell. */
void machine_joined(bool joined)
{
    (void)joined;
}

void machine_without(int line)
{
    (void)line;
}

int machine_barriers(int line[FIBERS_BARRIERS])
{
    (void)line;
    return 0;
}
