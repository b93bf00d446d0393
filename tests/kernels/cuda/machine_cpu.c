#include "machine.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "shim.h"

#ifdef __SANITIZE_ADDRESS__
#    include <sanitizer/asan_interface.h>
#    include <sanitizer/common_interface_defs.h>
#endif

/* Shared memory of a block, as on the devices that matter. */
enum { SHARED_BYTES = 227 * 1024, STACK_BYTES = 128 * 1024 };

CudaIndex threadIdx, blockIdx, blockDim, gridDim;
_Alignas(256) double shared[SHARED_BYTES / sizeof(double)];

/* The argument of a kernel is a struct passed by value, of a type that only the kernel
 * knows: it reads as many of these bytes as it has. */
typedef struct Argument {
    uint64_t word[sizeof((ArchCudaLaunch){0}.argument) / sizeof(uint64_t)];
} Argument;

typedef void Kernel(Argument argument);

typedef struct Fiber {
    ucontext_t context;
    void *stack;
    bool done;
} Fiber;

static Fiber fiber[MACHINE_THREADS];
static ucontext_t scheduler;
static Fiber *running;
static void *library;
static Kernel *kernel;
static const Argument *argument;

/* ---- switches, which the sanitizer wants to know of ---- */

#ifdef __SANITIZE_ADDRESS__
static const void *scheduler_stack;
static size_t scheduler_bytes;
static void *scheduler_fake, *fiber_fake[MACHINE_THREADS];
#endif

static void resume(Fiber *f)
{
    running = f;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&scheduler_fake, f->stack, STACK_BYTES);
#endif
    swapcontext(&scheduler, &f->context);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(scheduler_fake, NULL, NULL);
#endif
}

static void entered(Fiber *f)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fiber_fake[f - fiber], &scheduler_stack,
                                    &scheduler_bytes);
#else
    (void)f;
#endif
}

static void leave(Fiber *f)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(f->done ? NULL : &fiber_fake[f - fiber],
                                   scheduler_stack, scheduler_bytes);
#endif
    swapcontext(&f->context, &scheduler);
    entered(f);
}

static int without, barrier[MACHINE_BARRIERS], barriers;

void barrier_at(int line)
{
    int i = 0;
    while (i < barriers && barrier[i] != line)
        i++;
    if (i == barriers && barriers < MACHINE_BARRIERS)
        barrier[barriers++] = line;
    if (line != without)
        leave(running);
}

void machine_without(int line)
{
    without = line;
}

int machine_barriers(int line[MACHINE_BARRIERS])
{
    int count = barriers;
    memcpy(line, barrier, sizeof barrier);
    barriers = 0;
    return count;
}

static void thread(void)
{
    Fiber *f = running;
    entered(f);
    kernel(*argument);
    f->done = true;
    leave(f);
}

/* ---- blocks ---- */

static void make_order(int *order, int threads, Order how)
{
    static uint32_t state = 1;
    for (int i = 0; i < threads; i++)
        order[i] = how == ORDER_REVERSED ? threads - 1 - i : i;
    for (int i = threads - 1; how == ORDER_SHUFFLED && i > 0; i--) {
        state = state * 1664525u + 1013904223u;
        int j = (int)(state >> 8) % (i + 1), other = order[j];
        order[j] = order[i];
        order[i] = other;
    }
}

static void start(Fiber *f)
{
    if (!f->stack)
        f->stack = malloc(STACK_BYTES);
    if (!f->stack || getcontext(&f->context))
        abort();
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK_BYTES;
    f->context.uc_link = NULL;
    f->done = false;
    makecontext(&f->context, thread, 0);
}

/* From barrier to barrier, until all threads are done. */
static bool run_block(int threads, Order how)
{
    int order[MACHINE_THREADS], done = 0;
    for (int i = 0; i < threads; i++)
        start(&fiber[i]);
    while (done == 0) {
        make_order(order, threads, how);
        for (int i = 0; i < threads; i++) {
            threadIdx.x = (unsigned)order[i];
            resume(&fiber[order[i]]);
            done += fiber[order[i]].done;
        }
    }
    return done == threads;
}

static void clear_shared(size_t bytes)
{
#ifdef __SANITIZE_ADDRESS__
    ASAN_UNPOISON_MEMORY_REGION(shared, sizeof shared);
#endif
    memset(shared, 0xff, sizeof shared);
#ifdef __SANITIZE_ADDRESS__
    ASAN_POISON_MEMORY_REGION((char *)shared + bytes, sizeof shared - bytes);
#else
    (void)bytes;
#endif
}

/* ---- the machine ---- */

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
                            .threads = MACHINE_THREADS,
                            .shared_block = SHARED_BYTES,
                            .shared_total = SHARED_BYTES + 1024};
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

bool machine_launch(const ArchCudaLaunch *launch, Order order)
{
    *(void **)&kernel = dlsym(library, launch->kernel);
    if (!kernel || launch->shared_bytes > sizeof shared ||
        launch->threads > MACHINE_THREADS) {
        printf("FAILED to launch %s, %d threads, %zu bytes\n", launch->kernel,
               launch->threads, launch->shared_bytes);
        exit(1);
    }
    argument = (const Argument *)launch->argument;
    blockDim = (CudaIndex){(unsigned)launch->threads, 1, 1};
    gridDim = (CudaIndex){launch->grid[0], launch->grid[1], 1};
    bool good = true;
    for (unsigned y = 0; y < launch->grid[1]; y++)
        for (unsigned x = 0; x < launch->grid[0]; x++) {
            blockIdx = (CudaIndex){x, y, 0};
            clear_shared(launch->shared_bytes);
            good &= run_block(launch->threads, order);
        }
    return good;
}
