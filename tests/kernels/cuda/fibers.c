#include "fibers.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "arch_model.h"
#include "shim.h"

#ifdef __SANITIZE_ADDRESS__
#    include <sanitizer/asan_interface.h>
#    include <sanitizer/common_interface_defs.h>
#endif

enum { STACK_BYTES = 128 * 1024 };

CudaIndex threadIdx, blockIdx, blockDim, gridDim;
_Alignas(256) double shared[FIBERS_SHARED / sizeof(double)];

/* The argument of a kernel is a struct passed by value, of a type that only the kernel
 * knows: it reads as many of these bytes as it has.  (Up to 16 bytes would be passed in
 * registers, by the System V ABI: no kernel has so few.) */
typedef struct Argument {
    uint64_t word[sizeof((ArchCudaLaunch){0}.argument) / sizeof(uint64_t)];
} Argument;

typedef void Kernel(Argument argument);

typedef struct Fiber {
    ucontext_t context;
    void *stack;
    bool done;
} Fiber;

static Fiber fiber[FIBERS_THREADS];
static ucontext_t scheduler;
static Fiber *running;
static Kernel *kernel;
static const Argument *argument;

/* ---- switches, which the sanitizer wants to know of ---- */

#ifdef __SANITIZE_ADDRESS__
static const void *scheduler_stack;
static size_t scheduler_bytes;
static void *scheduler_fake, *fiber_fake[FIBERS_THREADS];
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

static int without, barrier[FIBERS_BARRIERS], barriers;

void barrier_at(int line)
{
    int i = 0;
    while (i < barriers && barrier[i] != line)
        i++;
    if (i == barriers && barriers < FIBERS_BARRIERS)
        barrier[barriers++] = line;
    if (line != without)
        leave(running);
}

void fibers_without(int line)
{
    without = line;
}

int fibers_barriers(int line[FIBERS_BARRIERS])
{
    int count = barriers;
    memcpy(line, barrier, sizeof barrier);
    barriers = 0;
    return count;
}

/* The threads of the running block, in the order of this round. */
static int order[FIBERS_THREADS], threads, begun, done;
static Fiber *fiber_of[FIBERS_THREADS];

/* Takes threads that have not begun, one after the other: those that come to their end
 * without a barrier need no fiber of their own. */
static void run_threads(void)
{
    Fiber *f = running;
    entered(f);
    while (begun < threads) {
        fiber_of[order[begun]] = f;
        threadIdx.x = (unsigned)order[begun++];
        kernel(*argument);
        done++;
    }
    f->done = true;
    leave(f);
}

/* ---- blocks ---- */

static void make_order(int *turn, int count, Order how)
{
    static uint32_t state = 1;
    for (int i = 0; i < count; i++)
        turn[i] = how == ORDER_REVERSED ? count - 1 - i : i;
    for (int i = count - 1; how == ORDER_SHUFFLED && i > 0; i--) {
        state = state * 1664525u + 1013904223u;
        const int j = (int)(state >> 8) % (i + 1), other = turn[j];
        turn[j] = turn[i];
        turn[i] = other;
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
    makecontext(&f->context, run_threads, 0);
}

/* From barrier to barrier, until all threads are done. */
static bool run_block(Order how)
{
    begun = done = 0;
    make_order(order, threads, how);
    for (int i = 0; begun < threads; i++) {
        start(&fiber[i]);
        resume(&fiber[i]);
    }
    while (done == 0) {
        make_order(order, threads, how);
        for (int i = 0; i < threads; i++) {
            threadIdx.x = (unsigned)order[i];
            resume(fiber_of[order[i]]);
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

static bool run_launch(const FibersLaunch *launch, unsigned block)
{
    memcpy(&kernel, &launch->kernel, sizeof kernel);
    argument = launch->argument;
    threads = (int)launch->threads;
    blockDim = (CudaIndex){launch->threads, 1, 1};
    gridDim = (CudaIndex){launch->grid[0], launch->grid[1], 1};
    blockIdx = (CudaIndex){block % launch->grid[0], block / launch->grid[0], 0};
    clear_shared(launch->shared_bytes);
    return run_block(launch->order);
}

bool fibers_launches(const FibersLaunch *launch, int launches)
{
    int blocks = (int)(launch->grid[0] * launch->grid[1]);
    int *turn = malloc((size_t)blocks * sizeof *turn);
    if (!turn)
        abort();
    make_order(turn, blocks, launch->order);
    bool good = true;
    for (int i = 0; i < blocks; i++)
        for (int k = 0; k < launches; k++)
            good &= run_launch(&launch[k], (unsigned)turn[i]);
    free(turn);
    return good;
}

bool fibers_launch(FibersLaunch launch)
{
    return fibers_launches(&launch, 1);
}
