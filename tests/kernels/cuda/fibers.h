/* fibers.h - a grid of CUDA threads on a CPU, of kernels that were compiled with shim.h.
 *
 * Threads that meet a barrier are fibers.  Between two barriers the threads run one after the
 * other, and so do blocks, in an order that the caller chooses: where results depend on it,
 * a barrier is missing, or the end of a launch.  Shared memory holds NaN when a block begins, and under AddressSanitizer ends
 * where the launch says.  Warps meet in the products of tensor cores, which are made of
 * what their threads hold.  A library with kernels finds the shim's variables here. */
#ifndef TESTS_CUDA_FIBERS_H
#define TESTS_CUDA_FIBERS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum Order { ORDER_FORWARD, ORDER_REVERSED, ORDER_SHUFFLED } Order;

/* At most, of a block; shared memory as on the devices that matter. */
enum { FIBERS_THREADS = 256, FIBERS_SHARED = 227 * 1024, FIBERS_BARRIERS = 256 };

typedef struct FibersLaunch {
    void *kernel;         /* as dlsym() has it                             */
    const void *argument; /* all of ArchCudaLaunch.argument, whatever part */
    unsigned grid[2], threads;
    size_t shared_bytes;
    Order order;
} FibersLaunch;

/* False if some threads of a block wait at a barrier and others do not. */
bool fibers_launch(FibersLaunch launch);
/* Of one grid: each block does all of them before the next begins, as launches do not. */
bool fibers_launches(const FibersLaunch *launch, int launches);

/* A test of the tests: the barrier at `line` of the text does nothing; 0: all do.
 * fibers_barriers: the lines of all barriers met since its last call. */
void fibers_without(int line);
int fibers_barriers(int line[FIBERS_BARRIERS]);

#endif
