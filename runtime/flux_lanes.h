/* flux_lanes.h - several independent chains in one core, their steps in turn.
 *
 * A step of a worm's head waits for a chain of loads and comparisons.  While it waits, the
 * processor works on the steps of other chains.  Each chain finishes its updates by
 * itself and draws its own numbers, so what it comes to does not depend on its
 * neighbours. */
#ifndef FLUX_LANES_H
#define FLUX_LANES_H

#include "flux_chain.h"

/* What each chain is to do: sweeps, each of some worms and one proposal for every l. */
typedef struct FluxGoal {
    int64_t sweeps;
    int64_t worms; /* in a sweep; -1: as many as the chain says                       */
    int64_t
        steps; /* > 0: instead, worms until so many proposals are made; how many that
                      takes depends on their lengths, so nothing is to be measured    */
} FluxGoal;

/* (sites, 4 rank), then (rank, sites): where every choice leads, and the links of each axis in
 * the order of a sweep of l, `link` being the site they begin at.  NULL without memory. */
FluxPlace *flux_places(const Lattice *g);

/* n = 1 .. FLUX_LANES chains of one lattice and one point.  Errors: as flux_update(). */
bool flux_lanes_run(FluxChain *const *c, int n, const FluxGoal *goal, ArchError *e);

#endif
