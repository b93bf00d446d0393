/* cuda.h - from a Graph to a Program for a GPU.
 *
 * One sample per thread block, its fields in shared memory or, where they do not fit, in a
 * region of global memory that is the block's own:
 *
 *     field:   [site][channel], `pitch` numbers from one site to the next
 *     phase:   a loop over independent items - a tile of sites x channels each - dealt to
 *              the threads of the block
 *     epoch:   phases that do not read what another of them makes; a barrier stands behind
 *
 * A phase writes every number once, by one thread, and reads only what earlier epochs made:
 * in which order threads run is of no consequence.  Sums over sites are cut into shares,
 * one item each, whose partial sums another phase adds in order. */
#ifndef ARCHC_PLAN_CUDA_H
#define ARCHC_PLAN_CUDA_H

#include "plan/build.h"

enum {
    CUDA_THREADS =
        256,          /* at most, in a block                                          */
    CUDA_STRIP = 64,  /* sites summed before their sum is added to the rest           */
    CUDA_DIRECT = 128 /* items that need no shares: threads have enough to do         */
};

typedef enum CudaKind {
    CUDA_WALK,   /* an operator at every site, and pointwise ones behind it           */
    CUDA_READ,   /* input or seed, from the caller                                    */
    CUDA_POOL,   /* a global sum, mean or maximum                                     */
    CUDA_WEIGHT, /* conv_dw                                                           */
    CUDA_BIAS,   /* conv_db                                                           */
    CUDA_MOVE,   /* flatten, unflatten                                                */
    CUDA_LOSS,   /* a loss or its derivative                                          */
    CUDA_WRITE   /* output or dx, to the caller                                       */
} CudaKind;

typedef struct CudaStep {
    CudaKind kind;
    When when;
    Val value;  /* the root; or, if `load`, an operand of what follows           */
    bool load;  /* WALK                                                          */
    Val *chain; /* WALK: pointwise operators, in order                           */
    int chains;
} CudaStep;

/* Which steps make the values of a graph, in order. */
typedef struct CudaSteps {
    const Graph *g;
    What what;
    CudaStep *step;
    int steps;
    int *home;    /* [nodes] the step that makes the value, or -1                    */
    bool *stored; /* [nodes] read by another step                                    */
    bool *ghost;  /* [nodes] a window can look outside: a site of zeros is behind it */
    Val *arg_of;  /* [nodes] of a pool: the index of the maximum, if wanted          */
} CudaSteps;

CudaSteps *cuda_steps(const Graph *g, What what, Arena *a);

typedef struct Cuda {
    Build *b;
    const Graph *g;
    const CudaSteps *steps;
} Cuda;

/* cuda_phase.c: the phases of one step, as uses of a kernel. */
typedef void CudaUse(void *to, int phase, When when);
void cuda_phases(Cuda *z, const CudaStep *step, CudaUse *use, void *to);

/* cuda_value.c: where values lie. */
int cuda_pitch(int channels);
BufId cuda_buffer(Cuda *z, Val v);
int cuda_lattice(Cuda *z, Val v);
const Ix *cuda_sites(Cuda *z, Val v);
int cuda_taps(const Node *window, const Shape *of);
/* site * pitch + channel */
const Ix *cuda_index(Cuda *z, Val v, const Ix *site, const Ix *channel);
BufId cuda_table(Cuda *z, GeometryKind kind, const Node *window, Val from, Val to);
bool cuda_same_site(const Node *window, const Shape *of);
bool cuda_can_miss(GeometryKind kind, const Node *window, const Shape *of);
BufId cuda_packed(Cuda *z);
/* Gradients of one parameter; indices count from the first of all parameters. */
BufId cuda_sums(Cuda *z, int param);
/* The ghost site behind a field: zeros. */
void cuda_clear_ghost(Cuda *z, Val v);
/* item / count, and what is left of it. */
const Ix *cuda_quotient(Cuda *z, const char *name, const Ix *item, const Ix *count);
const Ix *cuda_rest(Cuda *z, const char *name, const Ix *item, const Ix *quotient,
                    const Ix *count);

/* cuda_chain.c: pointwise operators on numbers y[i][s] in registers, the channels from
 * `channel` on at the sites site[s], and their way to memory. */
enum { CUDA_TILE_SITES = 2 };

typedef struct CudaTile {
    Reg y;
    int channels, sites;
    const Ix *channel, *site[CUDA_TILE_SITES];
} CudaTile;

void cuda_chain(Cuda *z, const CudaStep *step, const CudaTile *t);

/* The bodies of phases. */
void cuda_conv(Cuda *z, const CudaStep *step);
void cuda_point(Cuda *z, const CudaStep *step);

/* Sums over sites: what each share sums, then the shares together.  With few items both
 * are phases of their own; a direct sum is one. */
bool cuda_sum_is_direct(Cuda *z, const CudaStep *step);
void cuda_sum(Cuda *z, const CudaStep *step);
void cuda_sum_shares(Cuda *z, const CudaStep *step);
void cuda_pool_max(Cuda *z, const CudaStep *step);
void cuda_pool_max_shares(Cuda *z, const CudaStep *step);

#endif
