/* machine.h - where kernels run: a CPU, or a GPU.
 *
 * machine_cpu.c lends every thread of a block a fiber.  Between two barriers the threads run
 * one after the other, in an order that the caller chooses: where results depend on it, a
 * barrier is missing.  Shared memory holds NaN when a block begins, and under
 * AddressSanitizer ends where the launch says.
 *
 * machine_gpu.c compiles the text that the model carries; a device has its own order. */
#ifndef TESTS_CUDA_MACHINE_H
#define TESTS_CUDA_MACHINE_H

#include <stdbool.h>

#include "arch_model.h"

typedef enum Order { ORDER_FORWARD, ORDER_REVERSED, ORDER_SHUFFLED } Order;

enum { MACHINE_THREADS = 256 };

/* The kernels of a model: on a CPU from a library made with shim.h.  Does not return if
 * there is no such machine: exit 77. */
void machine_open(const ArchModel *m, const char *library);
ArchCudaDevice machine_device(void);

/* Memory that kernels see, filled with NaN, and copies from and to it. */
void *machine_new(size_t bytes);
void *machine_copy_of(const void *from, size_t bytes);
void machine_fetch(void *to, const void *from, size_t bytes);
void machine_free(void *p);

/* False if some threads of a block wait at a barrier and others do not. */
bool machine_launch(const ArchCudaLaunch *launch, Order order);

/* A test of the tests, on a CPU: the barrier at `line` of the text does nothing; 0: all do.
 * machine_barriers: the lines of all barriers met since its last call. */
enum { MACHINE_BARRIERS = 256 };
void machine_without(int line);
int machine_barriers(int line[MACHINE_BARRIERS]);

#endif
