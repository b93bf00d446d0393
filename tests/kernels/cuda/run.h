/* run.h - launches of kernels on a CPU: a fiber for every thread of a block.
 *
 * Between two barriers the threads run one after the other, in an order that the caller
 * chooses: where results depend on it, a barrier is missing.  Shared memory holds NaN when a
 * block begins, and under AddressSanitizer ends where the launch says. */
#ifndef TESTS_CUDA_RUN_H
#define TESTS_CUDA_RUN_H

#include <stdbool.h>

#include "arch_model.h"

typedef enum RunOrder { RUN_FORWARD, RUN_REVERSED, RUN_SHUFFLED } RunOrder;

/* What a block can have on the devices that matter. */
enum { RUN_SHARED_BYTES = 227 * 1024, RUN_THREADS = 256 };

/* A test of the tests: the barrier at `line` of the text does nothing; 0: all do. */
void run_without(int line);
/* The lines of all barriers that launches have met since the last call. */
enum { RUN_BARRIERS = 256 };
int run_barriers(int line[RUN_BARRIERS]);

/* Runs a kernel of a library made with shim.h.  False if some threads of a block wait at a
 * barrier and others do not. */
bool run_launch(void *library, const ArchCudaLaunch *launch, RunOrder order);

#endif
