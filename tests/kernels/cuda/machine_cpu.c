#include "machine.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *library;

void machine_open(const ArchModel *m, const char *path)
{
    library = dlopen(path, RTLD_NOW);
    if (!library || !m->cuda_source) {
        printf("no kernels: %s\n", library ? m->name : dlerror());
        exit(1);
    }
}

ArchCudaDevice machine_device(void)
{
    return (ArchCudaDevice){.multiprocessors = 3,
                            .threads = FIBERS_THREADS,
                            .shared_block = FIBERS_SHARED,
                            .shared_total = FIBERS_SHARED + 1024};
}

void *machine_new(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 256, bytes ? bytes : 1))
        abort();
    memset(p, 0xff, bytes);
    return p;
}

void *machine_copy_of(const void *from, size_t bytes)
{
    void *p = machine_new(bytes);
    memcpy(p, from, bytes);
    return p;
}

void machine_fetch(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}

void machine_free(void *p)
{
    free(p);
}

static FibersLaunch find_kernel(const ArchCudaLaunch *launch, Order order)
{
    void *kernel = dlsym(library, launch->kernel);
    if (!kernel || launch->shared_bytes > FIBERS_SHARED ||
        launch->threads > FIBERS_THREADS) {
        printf("FAILED to launch %s, %d threads, %zu bytes\n", launch->kernel,
               launch->threads, launch->shared_bytes);
        exit(1);
    }
    return (FibersLaunch){
        .kernel = kernel,
        .argument = launch->argument,
        .grid = {launch->grid[0], launch->grid[1]},
        .threads = (unsigned)launch->threads,
        .shared_bytes = launch->shared_bytes,
        .order = order
    };
}

static bool joined;

void machine_joined(bool value)
{
    joined = value;
}

bool machine_launch(const ArchCudaLaunch *launch, int launches, Order order)
{
    FibersLaunch all[2];
    bool good = launches <= 2;
    for (int k = 0; good && k < launches; k++)
        all[k] = find_kernel(&launch[k], order);
    for (int k = 0; good && k < launches; k += joined ? launches : 1)
        good &= fibers_launches(&all[k], joined ? launches : 1);
    return good;
}

void machine_without(int line)
{
    fibers_without(line);
}

int machine_barriers(int line[FIBERS_BARRIERS])
{
    return fibers_barriers(line);
}
