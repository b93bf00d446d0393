/* check_cuda.h - what is being checked of the CUDA text of a model, and against what. */
#ifndef CHECK_CUDA_H
#define CHECK_CUDA_H

#include "check.h"
#include "launch.h"

typedef struct Check {
    Tally tally;
    const Graph *g, *loss, *vjp; /* loss NULL: it has none */
    const ArchModel *m;
    double worst[3];
    double most;   /* that ratios may be            */
    bool barriers; /* leave out one after the other  */
    int spread;    /* calls that were, over the grid */
    int tile;      /* in tiles of so many sites      */
    bool larger;   /* is some lattice: one tile is not spread */
    Values values;

    /* What is being checked now. */
    Case c[INSTANCES_MAX]; /* one input, weights of each instance */
    Batch b;
} Check;

extern const char *const what_name[3];

/* Lattice, batch and device, for a message. */
const char *where(const Check *k);
/* An answer against the oracle, every instance. */
void compare_all(Check *k, ArchWhat what, const Answer *a);
/* Makes shared memory so small that samples are spread over the grid, in tiles of some sites;
 * whether that can be. */
bool spread(Check *k, ArchWhat what);
/* Each barrier and each end of a launch left out: that must show. */
void check_barriers(Check *k);

#endif
