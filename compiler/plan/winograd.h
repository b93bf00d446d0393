/* winograd.h - convolutions with kernels of 2 in fewer products.
 *
 * Two neighbouring outputs of a kernel (g0, g1) at inputs x0, x1, x2 need three products
 * where the sums as they stand need four:
 *
 *     m0 = (x0 - x1) g0        m1 = x1 (g0 + g1)        m2 = (x2 - x1) g1
 *     y0 = m0 + m1             y1 = m1 + m2
 *
 * On both axes of a 2x2 kernel that is 9 products for 16, on a tile of 2x2 outputs.  The
 * same holds for the gradient of the kernel, where dy takes the place of g: its sums over
 * the sites become those of 9 products, from which the taps follow once, at the end.
 * (Winograd, Arithmetic Complexity of Computations, 1980; F(2x2, 3x3) for networks: Lavin
 * and Gray, arXiv:1509.09308.)
 *
 * The products of all channels are products of matrices, weights x inputs, one for each of
 * the 9.  What it costs: 3 operations a site for each channel read and 2.5 for each made,
 * so it is for many channels; and the rounding error of a site depends on its place in the
 * tile, so that only shifts by even distances leave the bits of a map as they are. */
#ifndef ARCHC_PLAN_WINOGRAD_H
#define ARCHC_PLAN_WINOGRAD_H

#include "plan/lower.h"

/* A walk that begins with such a convolution; one weight gradient. */
bool winograd_walks(const Graph *g, const Group *group);
bool winograd_can(const Lower *l, const Group *group);

/* The lattice of tiles: the phases below need them to cut the parts evenly. */
int winograd_tiles(Lower *l, const Group *group);

/* The loops of a walk over tiles. */
void winograd_sites(Lower *l, const Group *group);

/* The convolution at two sites of a tile, from its products, and what follows it. */
void winograd_outputs(Lower *l, const Step *step);

/* Sums over sites and samples of the products of a weight gradient. */
void winograd_weight(Lower *l, Val v);
int64_t winograd_region(const Lower *l, int param); /* numbers; 0: not made so */

/* Whether these are [product][in][out], not [product][out][in]. */
bool winograd_turns_dy(const Param *p);

#endif
