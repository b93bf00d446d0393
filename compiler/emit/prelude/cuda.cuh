/* ---- CUDA C; also what NVRTC compiles: no header is included ---- */

/* Up to 256 threads.  A sample in a block: what is in registers stays there, however few
 * blocks fit beside.  On the grid: two blocks beside each other. */
#ifdef __cplusplus
#define KERNEL extern "C" __global__ void
#else
#define KERNEL __global__ void
#endif
#define ENTRY KERNEL __launch_bounds__(256, 1)
#define GRID_ENTRY KERNEL __launch_bounds__(256, 2)
#define DEVICE static __device__ __forceinline__
#define THREAD ((int)threadIdx.x)
#define THREADS ((int)blockDim.x)
/* Fields and packed weights: four numbers may be loaded at once. */
#define ALIGNED(p) ((real *)__builtin_assume_aligned(p, 4 * sizeof(real)))
/* Turns of the next loop that are unrolled: with more, registers run out. */
#ifdef __CUDACC__
#define PRAGMA(text) _Pragma(#text)
#define AT_ONCE(turns) PRAGMA(unroll turns)
#else
#define AT_ONCE(turns)
#endif

typedef long long int64;

#ifdef ARCH_REAL_F64
#define REAL_FUNCTION(name) name
#else
#define REAL_FUNCTION(name) name##f
#endif

DEVICE real real_fma(real a, real b, real c)
{
    return REAL_FUNCTION(fma)(a, b, c);
}

DEVICE real real_max(real a, real b)
{
    return a > b ? a : b;
}

DEVICE real real_tanh(real x)
{
    return REAL_FUNCTION(tanh)(x);
}

DEVICE real real_sigmoid(real x)
{
    return 1 / (1 + REAL_FUNCTION(exp)(-x));
}

/* Into how many shares the threads cut a sum over the sites, if `at_once` of them sum
 * different things: enough for all threads, but not less than 16 sites each. */
DEVICE int shares_of(int sites, int at_once)
{
    const int most = (sites + 15) / 16, fit = THREADS / at_once;
    return fit < 1 ? 1 : fit < most ? fit : most;
}
