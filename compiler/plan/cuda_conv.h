/* cuda_conv.h - one convolution, or its adjoint by x, however it is made. */
#ifndef ARCHC_PLAN_CUDA_CONV_H
#define ARCHC_PLAN_CUDA_CONV_H

#include "plan/cuda.h"

/* What its loops need to know. */
typedef struct CudaConv {
    const CudaStep *step;
    Val x; /* the value read                                         */
    int out, in, taps;
    BufId table;     /* near[tap][site], or none for a 1x1 convolution         */
    int64_t weights; /* offset in the packed parameters                        */
    int64_t bias;    /* likewise, -1: none                                     */
    const Ix *sites; /* of the block's part of the lattice                     */
} CudaConv;

CudaConv cuda_conv_of(Cuda *z, const CudaStep *step);

/* y[i][s] = bias or 0; `bias` names the pointer to it. */
void cuda_conv_begin(Cuda *z, const CudaConv *c, const CudaTile *t, const char *bias);
/* x_s: at `channel`, where a tap of site s looks. */
Ptr cuda_conv_taps(Cuda *z, const CudaConv *c, const CudaTile *t, const Ix *tap,
                   const Ix *channel);

/* cuda_mma.c: on tensor cores. */
void cuda_mma_conv(Cuda *z, const CudaConv *c);

#endif
