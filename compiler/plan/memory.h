/* memory.h - where the buffers of a kernel lie in `work`.
 *
 * A field lives from the phase that first touches it to the last; fields of one lattice
 * whose lives do not overlap share a slot, and those of which one takes the place of the other
 * number by number.  Tables and sums live through the whole call. */
#ifndef ARCHC_PLAN_MEMORY_H
#define ARCHC_PLAN_MEMORY_H

#include "plan/plan.h"

/* Marks the buffers that a phase reads or writes: touched[buffers of the Program]. */
void memory_touched(const Phase *phase, bool *touched);

void memory_plan(const Program *p, Kernel *k, Arena *a);

#endif
