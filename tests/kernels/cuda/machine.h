/* machine.h - where kernels run: a CPU, or a GPU.
 *
 * machine_cpu.c lends every thread of a block a fiber (fibers.h).
 *
 * machine_gpu.c compiles the text that the model carries; a device has its own order. */
#ifndef TESTS_CUDA_MACHINE_H
#define TESTS_CUDA_MACHINE_H

#include <stdbool.h>

#include "arch_model.h"
#include "fibers.h"

/* The kernels of a model: on a CPU from a library made with shim.h.  Does not return if
 * there is no such machine: exit 77. */
void machine_open(const ArchModel *m, const char *library);
ArchCudaDevice machine_device(void);

/* Memory that kernels see, filled with NaN, and copies from and to it. */
void *machine_new(size_t bytes);
void *machine_copy_of(const void *from, size_t bytes);
void machine_fetch(void *to, const void *from, size_t bytes);
void machine_free(void *p);

/* Launches of one grid, one after the other.  False if some threads of a block wait at a
 * barrier and others do not. */
bool machine_launch(const ArchCudaLaunch *launch, int launches, Order order);

/* A test of the tests, on a CPU: from now on a block does all launches of a call of
 * machine_launch before the next block begins. */
void machine_joined(bool joined);

/* As fibers_without() and fibers_barriers(); a device does not tell. */
void machine_without(int line);
int machine_barriers(int line[FIBERS_BARRIERS]);

#endif
