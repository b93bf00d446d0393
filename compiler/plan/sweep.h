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
 * Where the lattice really ends, nothing wraps: a phase goes on for the bands that later ones
 * still reach, the rows there being those of the next part, made once more from the input. */
#ifndef ARCHC_PLAN_SWEEP_H
#define ARCHC_PLAN_SWEEP_H

#include "plan/fuse.h"

typedef struct Sweep {
    Bands *bands; /* [groups] */
    int ring;     /* bands    */
} Sweep;

/* The groups of a forward pass that walk lattices as one sweep, or false: if one looks beyond
 * the lattice along its first axis, or reads other than sites around its own. */
bool sweep_of(const Fusion *f, Sweep *sweep, Arena *a);

/* Rows of `in` that a window reaches beyond those of a band: they must be in the next one. */
int sweep_reach(const Window *w);

#endif
