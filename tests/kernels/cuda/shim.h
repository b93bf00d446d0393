/* shim.h - what CUDA C means on a CPU.
 *
 * NAME.cu is compiled as C with this text in front of it.  Indices and the shared array are
 * those of the thread that fibers.c lets run; a barrier hands over to the next thread. */
#ifndef TESTS_CUDA_SHIM_H
#define TESTS_CUDA_SHIM_H

#include <math.h>

#define __global__
#define __device__
#define __shared__
#define __forceinline__ inline __attribute__((always_inline, unused))
#define __launch_bounds__(threads, blocks)
#define __grid_constant__

typedef struct CudaIndex {
    unsigned x, y, z;
} CudaIndex;

extern CudaIndex threadIdx, blockIdx, blockDim, gridDim;
extern double shared[];

/* The line tells barriers apart. */
void barrier_at(int line);
#define __syncthreads() barrier_at(__LINE__)

#endif
