/* cuda_sum.h - sums over sites, cut into shares. */
#ifndef ARCHC_PLAN_CUDA_SUM_H
#define ARCHC_PLAN_CUDA_SUM_H

#include "plan/cuda.h"

/* A sum over the sites of `dy`, of products with the channels of `x` where there is one:
 *
 *     dw[o,c,k] += sum_p dy[o,p] x[c,near[k][p]]     db[o] += sum_p dy[o,p]
 *     y[c] = sum_p x[c,p]
 *
 * An item makes rows x columns of them. */
typedef struct Sum {
    Val dy, x;
    int out, in, taps;
    int rows, columns; /* divide out and in           */
    int items;
    BufId table;
    BufId parts;            /* instead of dy: [tile][out]  */
    const char *of;         /* names the shares            */
    const Ix *sites;        /* of a tile; or all parts     */
    const Ix *tap, *o, *c;  /* of the item                 */
    const Ix *first, *last; /* the sites it sums           */
    Reg sum, strip;         /* [rows][columns]             */
} Sum;

Sum cuda_sum_of(Cuda *z, const CudaStep *step);

/* The partial sums, [row][column][share][item]. */
BufId cuda_shares_buffer(Cuda *z, const CudaStep *step, const Sum *s, const char *of);
/* The sums of tiles, [tile][channel]. */
BufId cuda_parts(Cuda *z, const CudaStep *step, const char *of);
/* What a part of a pool sums over. */
Sum cuda_pool_sum(Cuda *z, const CudaStep *step, CudaPoolPart part);

/* Stores the sum of every share; sums them, for the item at `n` of the first share. */
void cuda_put_shares(Cuda *z, const CudaStep *step, Sum *s);
Reg cuda_add_shares(Cuda *z, const CudaStep *step, const Sum *s, const Ix *element,
                    const Ix *n, const Ix *shares);

/* Where x is that a tap of a site of dy looks at; where in all gradients a weight is. */
const Ix *cuda_sum_index_of_x(Cuda *z, const Sum *s, const Ix *tap, const Ix *site,
                              const Ix *channel);
const Ix *cuda_sum_weight_index(Cuda *z, const CudaStep *step, const Sum *s,
                                const Ix *out, const Ix *in, const Ix *tap);

/* cuda_mma_sum.c: gradients of weights on tensor cores. */
void cuda_mma_sum(Cuda *z, const CudaStep *step, const Sum *s);

const Ix *cuda_share_count(Cuda *z, const Sum *s);
/* Finds the sites of the share that the item is in; returns its number in the share. */
const Ix *cuda_find_share(Cuda *z, Sum *s, const Ix *shares, const Ix *item);

#endif
