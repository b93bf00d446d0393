/* flux_kernels.h - the arguments of the kernels in flux_kernels.cu.
 *
 * This text is compiled in front of theirs, too; the same struct has the same layout on
 * both sides.  Arrays are the device's. */
#ifndef ARCHRT_FLUX_KERNELS_H
#define ARCHRT_FLUX_KERNELS_H

/* Of a block, at most. */
#define FLUX_THREADS 128

/* A chain between two launches. */
typedef struct FluxState {
    unsigned key[2], counter[4]; /* of Philox, at the first number                 */
    unsigned long long draws;    /* numbers taken so far                           */
    long long sweeps, worms;     /* to do; worms in each                           */
    long long proposals, updates;
    long long point;  /* its row of the tables                                     */
    long long failed; /* 1 + a site where a flux left its range; 0: none has       */
} FluxState;

/* As FluxPlace in flux_chain.h. */
typedef struct FluxLink {
    unsigned to, from;
} FluxLink;

/* A thread a chain, blocks of `threads`.  worms_shared keeps the fields of a block in its
 * shared memory, worms_global in `work`: for each chain `words` words of 32 bits. */
typedef struct FluxArgument {
    signed char *links; /* (chains, 2 rank, sites), as FluxField has them */
    short *half;        /* (chains, sites)                                */
    FluxState *state;   /* (chains)                                       */
    unsigned short *work;
    const unsigned *neighbour; /* (sites, 2 rank)                             */
    const FluxLink *link;      /* (rank, sites), in the order of a sweep of l */
    const unsigned long long
        *threshold;  /* (points, FLUX_ROWS, size)                   */
    const double *r; /* (points, size)                              */
    long long chains, sites, rank, size, words;
    long long sweeps; /* of a launch, at most */
} FluxArgument;

/* Of a FluxTable: open, close, grow, shrink. */
#define FLUX_ROW_OPEN   0
#define FLUX_ROW_CLOSE  1
#define FLUX_ROW_GROW   2
#define FLUX_ROW_SHRINK 11
#define FLUX_ROWS       20

#endif
