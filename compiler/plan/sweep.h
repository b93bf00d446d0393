/* sweep.h - a lattice in bands of rows, each through all phases before the next.
 *
 * Where the fields of a block leave near memory, phases that walk the whole lattice one after
 * the other wait for it.  In a sweep each does a band of rows (first axis) at a time, as soon
 * as what its windows reach is there:
 *
 *     step t:   read_flux  band t      conv1  band t      conv2  band t - 1  (the phase's lag)
 *
 * Fields hold a few bands only, the *ring*, in which the first follows the last, as rows on a
 * periodic lattice do.  So phases, tables and halos are those of a lattice with so many rows.
 * Where the lattice really ends, nothing wraps: a phase does the bands before a part and behind
 * it that later ones reach, the rows there being those of other parts, made once more from the
 * input.
 *
 * A gradient begins where the forward pass ends, with dL/dy.  But if y is one number, and what
 * leads to it from the pools is linear, all gradients of a sample are dL/dy times what they are
 * for dL/dy = 1.  So forward and backward go in one sweep, with 1 in the place of dL/dy:
 *
 *     before     dy = 1, back to the pools
 *     the sweep  forward into the pools, backward from them, sums of gradients
 *     behind     from the pools to y, gradients there
 *     the loss   and with its derivative times the sums of this sample, to those of all
 *
 * A block must have but one sample then. */
#ifndef ARCHC_PLAN_SWEEP_H
#define ARCHC_PLAN_SWEEP_H

#include "plan/fuse.h"

typedef struct Sweep {
    Bands *bands; /* [groups] */
    int ring;
    Val slope; /* of a gradient: dL/dy */
} Sweep;

/* What becomes of the groups of a forward pass, or of a gradient; false: it cannot be a sweep.
 * One looks beyond the lattice along its first axis, or reads other than sites around its own;
 * the backward pass needs what comes behind the pools, or begins with more numbers than one. */
bool sweep_of(const Fusion *f, Sweep *sweep, Arena *a);

/* Rows of `in` that a window reaches beyond those of a band: they must be in the next one. */
int sweep_reach(const Window *w);

#endif
