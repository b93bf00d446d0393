/* cuda_mma.h - products of matrices on tensor cores.
 *
 * A product y[16][8] += a[16][8] b[8][8] is made by the 32 threads of a warp.  Of y, a and b
 * each of them holds some numbers (PTX ISA, "Matrix fragments for mma.m16n8k8"):
 *
 *     y[row][2 column], y[row][2 column + 1], y[row + 8][..], y[row + 8][..]
 *     a[row][column], a[row + 8][column], a[row][column + 4], a[row + 8][column + 4]
 *     b[column][row], b[column + 4][row]
 *
 * with row = MMA_ROW, 0 .. 7, and column = MMA_COLUMN, 0 .. 3. */
#ifndef ARCHC_PLAN_CUDA_MMA_H
#define ARCHC_PLAN_CUDA_MMA_H

#include "plan/cuda.h"

enum {
    MMA_ROWS = 16,
    MMA_COLUMNS = 8,
    MMA_DEPTH = 8, /* columns of a, rows of b       */
    MMA_TURNS = 2  /* of that loop at once          */
};

const Ix *cuda_mma_row(Cuda *z);
const Ix *cuda_mma_column(Cuda *z);
/* y += a b: y[0][0], y[1][0], y[0][1], y[1][1], a[0] .. a[3] and b0, b1, as above. */
void cuda_mma_multiply(Cuda *z, Reg y, Reg a, const Vx *b0, const Vx *b1);

#endif
