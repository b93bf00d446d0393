#include "fibers.h"

#include <setjmp.h>
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

/* Stacks do not all begin in the same lines of a cache. */
enum { STACK_BYTES = 128 * 1024, STACK_APART = 320 };

CudaIndex threadIdx, blockIdx, blockDim, gridDim;
_Alignas(256) double shared[FIBERS_SHARED / sizeof(double)];

/* The argument of a kernel is a struct passed by value, of a type that only the kernel
 * knows: it reads as many of these bytes as it has.  (Up to 16 bytes would be passed in
 * registers, by the System V ABI: no kernel has so few.) */
typedef struct Argument {
    uint64_t word[sizeof((ArchCudaLaunch){0}.argument) / sizeof(uint64_t)];
} Argument;

typedef void Kernel(Argument argument);

/* A context to begin in; from then on jumps, as swapcontext calls the system twice. */
typedef struct Fiber {
    ucontext_t context;
    jmp_buf at;
    char *memory, *stack;
    bool begun, done;
} Fiber;

static Fiber fiber[FIBERS_THREADS];
static jmp_buf scheduler;
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
    if (setjmp(scheduler) == 0) {
        if (f->begun)
            longjmp(f->at, 1);
        f->begun = true;
        setcontext(&f->context);
    }
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
    if (setjmp(f->at) == 0)
        longjmp(scheduler, 1);
    entered(f);
}

/* What a thread waits for. */
typedef enum Wait { WAIT_NOTHING, WAIT_BLOCK, WAIT_WARP, WAIT_FOREVER } Wait;

static Wait waits[FIBERS_THREADS];

static void wait_for(Wait what)
{
    waits[threadIdx.x] = what;
    leave(running);
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
        wait_for(WAIT_BLOCK);
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

/* ---- tensor cores ---- */

enum { WARP_THREADS = 32 };

/* The product that a warp is in, and the next one, while some still fetch the results. */
typedef struct Product {
    double a[16][8], b[8][8], y[16][8];
    int given; /* threads that have given their numbers */
} Product;

static Product product[FIBERS_THREADS / WARP_THREADS][2];
static unsigned products_of[FIBERS_THREADS];

/* Of an operand only 10 bits behind the point are looked at. */
static double as_tf32(float x)
{
    return (double)float_of(bits_of(x) & 0xffffe000);
}

/* Sums are cut off to 23 bits, not rounded. */
static float cut_off(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= ~(uint64_t)0x1fffffff;
    memcpy(&x, &bits, sizeof x);
    return (float)x;
}

static void multiply(Product *p)
{
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 8; k++)
            for (int j = 0; j < 8; j++)
                p->y[i][j] += p->a[i][k] * p->b[k][j];
}

/* Which numbers are whose: PTX ISA, matrix fragments for mma.m16n8k8. */
void mma_tf32(float *y, const float *a, const float *b)
{
    unsigned me = threadIdx.x, row = me % WARP_THREADS / 4, column = me % 4;
    Product *p = &product[me / WARP_THREADS][products_of[me]++ % 2];
    for (unsigned k = 0; k < 4; k++) {
        p->a[row + k % 2 * 8][column + k / 2 * 4] = as_tf32(a[k]);
        p->y[row + k / 2 * 8][2 * column + k % 2] = (double)y[k];
    }
    for (unsigned k = 0; k < 2; k++)
        p->b[column + k * 4][row] = as_tf32(b[k]);
    if (++p->given % WARP_THREADS == 0)
        multiply(p);
    wait_for(WAIT_WARP);
    for (unsigned k = 0; k < 4; k++)
        y[k] = cut_off(p->y[row + k / 2 * 8][2 * column + k % 2]);
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
        waits[threadIdx.x] = WAIT_FOREVER;
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
    if (!f->memory)
        f->memory = malloc(STACK_BYTES + 64 * STACK_APART);
    if (!f->memory || getcontext(&f->context))
        abort();
    f->stack = f->memory + (f - fiber) % 64 * STACK_APART;
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK_BYTES;
    f->context.uc_link = NULL;
    f->begun = f->done = false;
    makecontext(&f->context, run_threads, 0);
}

static bool all_wait(int first, int count, Wait what)
{
    for (int i = first; i < first + count; i++)
        if (waits[i] != what)
            return false;
    return true;
}

/* On with `count` threads from `first` on, in the order `turn`. */
static void go_on(const int *turn, int first, int count)
{
    for (int i = 0; i < count; i++)
        waits[first + i] = WAIT_NOTHING;
    for (int i = 0; i < count; i++) {
        threadIdx.x = (unsigned)(first + turn[i]);
        resume(fiber_of[threadIdx.x]);
    }
}

/* Warp after warp, from product to product, until all threads wait for something else. */
static void run_warps(Order how)
{
    int turn[FIBERS_THREADS / WARP_THREADS], lane[WARP_THREADS];
    make_order(turn, threads / WARP_THREADS, how);
    for (int i = 0; i < threads / WARP_THREADS; i++)
        while (all_wait(turn[i] * WARP_THREADS, WARP_THREADS, WAIT_WARP)) {
            make_order(lane, WARP_THREADS, how);
            go_on(lane, turn[i] * WARP_THREADS, WARP_THREADS);
        }
}

/* From barrier to barrier, until all threads are done. */
static bool run_block(Order how)
{
    begun = done = 0;
    memset(waits, 0, sizeof waits);
    memset(products_of, 0, sizeof products_of);
    memset(product, 0, sizeof product);
    make_order(order, threads, how);
    for (int i = 0; begun < threads; i++) {
        start(&fiber[i]);
        resume(&fiber[i]);
    }
    run_warps(how);
    while (all_wait(0, threads, WAIT_BLOCK)) {
        make_order(order, threads, how);
        go_on(order, 0, threads);
        run_warps(how);
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
