/* train_kernels.cu - what a training on a device needs besides the network: the optimiser,
 * the validation loss, and the loop of multiply-adds that speed is measured against.
 *
 * Compiled by NVRTC without contraction, so that AdamW has the bits that runtime/optim.c
 * has; -DARCH_REAL_F64 for doubles. */
#ifdef ARCH_REAL_F64
typedef double real;
#define REAL_SQRT sqrt
#define REAL_FMA  fma
#else
typedef float real;
#define REAL_SQRT sqrtf
#define REAL_FMA  fmaf
#endif

#ifdef __cplusplus
#define ENTRY extern "C" __global__ void __launch_bounds__(TRAIN_THREADS, 1)
#else
#define ENTRY __global__ void __launch_bounds__(TRAIN_THREADS, 1)
#endif
#define DEVICE static __device__ __forceinline__

/* The formulas of archrt/optim.h, in the order of runtime/optim.c. */
ENTRY adamw(const __grid_constant__ AdamWArgument a)
{
    const long long first = (long long)blockIdx.y * a.params;
    const long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const real keep = (real)a.keep, step = (real)a.step, root = (real)a.root;
    const real c1 = (real)a.c1, b2 = (real)a.b2, c2 = (real)a.c2, eps = (real)a.eps;
    const real ams = (real)a.ams;
    real *w = (real *)a.w + first, *m = (real *)a.m + first;
    real *v = (real *)a.v + first, *u = (real *)a.u + first;
    const real *g = (const real *)a.g + first;
    for (long long i = thread; i < a.params; i += (long long)gridDim.x * blockDim.x) {
        const real grad = g[i];
        const real mean = m[i] + c1 * (grad - m[i]);
        const real square = b2 * v[i] + c2 * (grad * grad);
        const real old = ams * u[i];
        const real top = old > square ? old : square;
        m[i] = mean;
        v[i] = square;
        u[i] = top;
        w[i] = keep * w[i] - step * (mean / (REAL_SQRT(top) * root + eps));
    }
    if (thread == 0)
        a.loss_sum[blockIdx.y] += a.loss[blockIdx.y] * a.samples;
}

/* Logarithms are bounded by -100, as in PyTorch. */
DEVICE double bounded_log(double p)
{
    const double l = p > 0 ? log(p) : -100;
    return l < -100 ? -100 : l;
}

DEVICE double loss_of(int cross_entropy, double y, double label)
{
    if (cross_entropy)
        return -label * bounded_log(y) - (1 - label) * bounded_log(1 - y);
    return (y - label) * (y - label);
}

/* In a fixed order: strided over the threads, then a tree. */
ENTRY add_losses(const __grid_constant__ LossArgument a)
{
    extern __shared__ double shared[];
    const long long count = a.rows * a.width;
    const real *y = (const real *)a.y + (long long)blockIdx.y * count;
    const real *target = (const real *)a.target;
    double sum = 0;
    for (long long i = threadIdx.x; i < count; i += TRAIN_THREADS) {
        const long long row = i / a.width, output = i - row * a.width;
        sum += loss_of(a.cross_entropy, y[i], target[a.row[row] * a.width + output]);
    }
    shared[threadIdx.x] = sum;
    __syncthreads();
    for (int half = TRAIN_THREADS / 2; half > 0; half /= 2) {
        if ((int)threadIdx.x < half)
            shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0)
        a.sum[blockIdx.y] += shared[0] / (double)a.width;
}

ENTRY peak(const __grid_constant__ PeakArgument a)
{
    real x[PEAK_CHAINS], sum = 0;
    const real f = (real)a.factor, g = (real)a.term;
#pragma unroll
    for (int c = 0; c < PEAK_CHAINS; c++)
        x[c] = 1 + (real)threadIdx.x / TRAIN_THREADS * c;
    for (long long i = 0; i < a.rounds; i++) {
#pragma unroll
        for (int k = 0; k < PEAK_FMAS / PEAK_CHAINS; k++) {
#pragma unroll
            for (int c = 0; c < PEAK_CHAINS; c++)
                x[c] = REAL_FMA(x[c], f, g);
        }
    }
#pragma unroll
    for (int c = 0; c < PEAK_CHAINS; c++)
        sum += x[c];
    ((real *)a.out)[(long long)blockIdx.x * blockDim.x + threadIdx.x] = sum;
}
