/* cuda.h - from a Graph to a Program for a GPU.
 *
 * A phase is a loop over independent items, a tile of sites x channels each, dealt to the
 * threads of a block.  It writes every number once, by one thread, and reads only what
 * earlier epochs made: in which order threads run is of no consequence.
 *
 *     field:   [site][channel], `pitch` numbers from one site to the next
 *     epoch:   phases that do not read what another of them makes; a barrier stands behind
 *     pass:    phases that read what others of them made at the same site alone
 *
 * The same phases run in two ways (Spread).  On a *block* a sample has a block to itself
 * and all its fields in shared memory; barriers are all that stands between phases.  On the
 * *grid* the lattice of a sample is cut into tiles, which are dealt to all blocks; each
 * pass is a launch.  What only the tile of one pass needs is *near*, in shared memory; what
 * a window reaches from other tiles, and what later passes read, is *far*, in global
 * memory.  On a block there is one tile, the whole lattice, and far is where near is.
 *
 * Sums over sites are cut into shares, one item each, whose partial sums another phase adds
 * in order.  On the grid a pool makes a partial sum for every tile, which a later pass adds;
 * gradients of weights are added up by every block, and by the last launch over blocks. */
#ifndef ARCHC_PLAN_CUDA_H
#define ARCHC_PLAN_CUDA_H

#include "plan/build.h"

enum {
    CUDA_THREADS =
        256,         /* at most, in a block                                          */
    CUDA_STRIP = 64, /* sites summed before their sum is added to the rest           */
    CUDA_DIRECT = 128, /* items that need no shares: threads have enough to do        */
    CUDA_NEAR = 4096 /* numbers of a vector that is near                             */
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

/* In which pass each step is, and what has to be far. */
typedef struct CudaPasses {
    int *of_step; /* [steps]                                         */
    int *pool;    /* [steps] of a pool: where its tiles are added    */
    int *lattice; /* [passes] whose tiles it walks                   */
    int passes;
    bool *far; /* [nodes] */
} CudaPasses;

typedef struct Cuda {
    Build *b;
    const Graph *g;
    const CudaSteps *steps;
    const CudaPasses *passes;
} Cuda;

CudaPasses *cuda_passes(Cuda *z, Arena *a);
int cuda_walk(Cuda *z, const CudaStep *step); /* the lattice whose sites a step walks */

/* cuda_phase.c: the phases of one step, as uses of a kernel. */
enum { ON_BLOCK = 1 << SPREAD_BLOCK, ON_GRID = 1 << SPREAD_GRID };

typedef struct CudaUse {
    PhaseUse use;
    int spreads; /* ON_BLOCK, ON_GRID */
    int pass;    /* on the grid       */
} CudaUse;

typedef void CudaUser(void *to, CudaUse use);
void cuda_phases(Cuda *z, const CudaStep *step, CudaUser *user, void *to);

/* cuda_epoch.c: in which order the phases run. */
Schedule *cuda_schedule(const Program *p, const CudaUse *use, int uses, Spread spread,
                        const CudaPasses *passes, Arena *a);

/* cuda_value.c: where values lie. */
int cuda_pitch(int channels);
BufId cuda_buffer(Cuda *z, Val v);
int cuda_lattice(Cuda *z, Val v);
const Ix *cuda_sites(Cuda *z, Val v);
int cuda_taps(const Node *window, const Shape *of);
/* The tile of the lattice of v: how many sites, and which site of the lattice site `s` of
 * the tile is. */
const Ix *cuda_tile(Cuda *z, Val v);
const Ix *cuda_site(Cuda *z, Val v, const Ix *s);
/* Where the channel of a field is, at site `s` of the tile; at any site of the lattice,
 * where the field is far. */
const Ix *cuda_here(Cuda *z, Val v, const Ix *s, const Ix *channel);
const Ix *cuda_there(Cuda *z, Val v, const Ix *site, const Ix *channel);
BufId cuda_table(Cuda *z, GeometryKind kind, const Node *window, Val from, Val to);
bool cuda_same_site(const Node *window, const Shape *of);
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
    /* NULL, or the site that is meant: where there is none below `end`, site[s] is the last
     * one, and what is made there is not stored: another item makes it. */
    const Ix *meant[CUDA_TILE_SITES], *end;
} CudaTile;

void cuda_tile_site(Cuda *z, CudaTile *t, int s, const Ix *meant, const Ix *end);
void cuda_chain(Cuda *z, const CudaStep *step, const CudaTile *t);

/* cuda_mma.c: whether tensor cores make a convolution, in products of 16 x 8 x 8 numbers. */
bool cuda_on_tensor_cores(const Cuda *z, const CudaStep *step);

/* The bodies of phases. */
void cuda_conv(Cuda *z, const CudaStep *step);
void cuda_point(Cuda *z, const CudaStep *step);

/* A pool: the shares of a tile; their sum, which is the pool on a block and a part of it on
 * the grid; there the shares of the parts, and their sum. */
typedef enum CudaPoolPart {
    POOL_SHARES,
    POOL_ADD,
    POOL_TILE,
    POOL_TILES,
    POOL_ADD_TILES
} CudaPoolPart;

/* Sums over sites: what each share sums, then the shares together.  With few items both
 * are phases of their own; a direct sum is one. */
bool cuda_sum_is_direct(Cuda *z, const CudaStep *step);
void cuda_sum(Cuda *z, const CudaStep *step);
void cuda_sum_shares(Cuda *z, const CudaStep *step);
void cuda_pool(Cuda *z, const CudaStep *step, CudaPoolPart part);
void cuda_pool_max(Cuda *z, const CudaStep *step, CudaPoolPart part);

#endif
