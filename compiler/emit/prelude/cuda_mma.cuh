/* ---- tensor cores: products of matrices, made by the 32 threads of a warp ---- */

#define WARP (THREAD / 32)
#define WARPS (THREADS / 32)
/* Which numbers of a matrix a thread holds (PTX ISA, matrix fragments for mma.m16n8k8). */
#define MMA_ROW (THREAD % 32 / 4)
#define MMA_COLUMN (THREAD % 4)

/* Whether there is such a tile; where stores have parted the threads, they meet again. */
DEVICE int warp_meets(int tile, int tiles)
{
    __syncwarp();
    return tile < tiles;
}

#if defined __CUDA_ARCH__ && __CUDA_ARCH__ < 800
/* Before compute capability 8.0 tensor cores know no TF32: y[16][8] += a[16][8] b[8][8], of
 * which each thread has 4, 4 and 2, by numbers handed from thread to thread. */
DEVICE void mma(float *y0, float *y1, float *y2, float *y3, float a0, float a1, float a2,
                float a3, float b0, float b1)
{
    for (int k = 0; k < 8; k++) {
        const int of_a = 4 * MMA_ROW + k % 4, of_b = 8 * MMA_COLUMN + k % 4;
        const float upper = __shfl_sync(~0u, k < 4 ? a0 : a2, of_a),
                    lower = __shfl_sync(~0u, k < 4 ? a1 : a3, of_a),
                    left = __shfl_sync(~0u, k < 4 ? b0 : b1, of_b),
                    right = __shfl_sync(~0u, k < 4 ? b0 : b1, of_b + 4);
        *y0 = fmaf(upper, left, *y0);
        *y1 = fmaf(upper, right, *y1);
        *y2 = fmaf(lower, left, *y2);
        *y3 = fmaf(lower, right, *y3);
    }
}
#else
/* To the nearest with 10 bits behind the point; halves away from zero. */
DEVICE float to_tf32(float x)
{
    return __uint_as_float((__float_as_uint(x) + 0x1000) & 0xffffe000);
}

#ifdef __CUDACC__
/* y += a b; of a and b tensor cores see no more than 10 bits behind the point. */
DEVICE void mma_tf32(float *y, const float *a, const float *b)
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(y[0]), "+f"(y[1]), "+f"(y[2]), "+f"(y[3])
                 : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])),
                   "r"(__float_as_uint(a[2])), "r"(__float_as_uint(a[3])),
                   "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
}
#endif

#ifdef ARCH_TF32
/* A NaN may have its ones where they are cut off, or carry. */
DEVICE float as_tf32(float x)
{
    return x == x ? to_tf32(x) : __uint_as_float(0x7fffffff);
}

/* One product, of operands rounded to TF32: for those who asked for it. */
DEVICE void mma(float *y0, float *y1, float *y2, float *y3, float a0, float a1, float a2,
                float a3, float b0, float b1)
{
    const float a[4] = {as_tf32(a0), as_tf32(a1), as_tf32(a2), as_tf32(a3)},
                b[2] = {as_tf32(b0), as_tf32(b1)};
    float y[4] = {*y0, *y1, *y2, *y3};
    mma_tf32(y, a, b);
    *y0 = y[0];
    *y1 = y[1];
    *y2 = y[2];
    *y3 = y[3];
}
#else
/* The same to the accuracy of float, in three products: with a = hi + lo, of 11 and 10 bits,
 * what is left out is lo lo and the last bits of lo, 2^-21 of a product.  lo is not rounded:
 * where a is not a number hi may be one, as a NaN of all bits is carried to -0, and lo is not.
 * (An infinity becomes NaN.)  Tensor cores do not round sums but cut them off, so that long
 * ones would drift: theirs is of 8 products, the small ones first, and the rest is added here
 * (Ootomo, Yokota, Int. J. High Perform. Comput. Appl. 36 (2022) 475). */
DEVICE void mma(float *y0, float *y1, float *y2, float *y3, float a0, float a1, float a2,
                float a3, float b0, float b1)
{
    const float a[4] = {a0, a1, a2, a3}, b[2] = {b0, b1};
    float y[4] = {0, 0, 0, 0}, a_hi[4], a_lo[4], b_hi[2], b_lo[2];
    for (int k = 0; k < 4; k++) {
        a_hi[k] = to_tf32(a[k]);
        a_lo[k] = a[k] - a_hi[k];
    }
    for (int k = 0; k < 2; k++) {
        b_hi[k] = to_tf32(b[k]);
        b_lo[k] = b[k] - b_hi[k];
    }
    mma_tf32(y, a_lo, b_hi);
    mma_tf32(y, a_hi, b_lo);
    mma_tf32(y, a_hi, b_hi);
    *y0 += y[0];
    *y1 += y[1];
    *y2 += y[2];
    *y3 += y[3];
}
#endif
#endif
