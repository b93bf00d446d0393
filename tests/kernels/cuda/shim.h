/* shim.h - what CUDA C means on a CPU.
 *
 * NAME.cu is compiled as C with this text in front of it.  Indices and the shared array are
 * those of the thread that fibers.c lets run; a barrier hands over to the next thread. */
#ifndef TESTS_CUDA_SHIM_H
#define TESTS_CUDA_SHIM_H

#include <math.h>
#include <string.h>

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

/* Tensor cores: the threads of a warp meet in every product. */
void mma_tf32(float *y, const float *a, const float *b);
#define __syncwarp() (void)0

static inline unsigned bits_of(float x)
{
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of(unsigned bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
#define __float_as_uint bits_of
#define __uint_as_float float_of

#endif
