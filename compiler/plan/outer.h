/* outer.h - gradients of weights as products of matrices.
 *
 *     dw[o][c] += sum over sites s and samples q of dy[s][o][q] x[s][c][q]
 *
 * With samples in the lanes every sum ends in one over lanes.  Where the channels are many
 * it is cheaper to turn x around, once for each strip of sites, so that channels lie in the
 * lanes: then a dy is a number for all lanes, and sums are whole when the strip is.
 *
 *     panels:  [product][c / width][site][q][width]     x turned around
 *     sums:    [product][o][c] */
#ifndef ARCHC_PLAN_OUTER_H
#define ARCHC_PLAN_OUTER_H

#include "plan/lower.h"

/* Sites and tiles of a strip: what the products of a strip read lies in near memory. */
enum { OUTER_SITES = 16, OUTER_TILES = 8 };

typedef struct Outer {
    int out, in, products;
    int strip; /* at most so many sites               */
    BufId panels;
    BufId dy;                   /* [product][site][out]                */
    int64_t dy_row, dy_product; /* vectors from one to the next        */
    const Ix *dy_first;         /* the site of dy with which it begins */
    const Ix *sites;            /* of this strip                       */
    int64_t region;             /* of the sums                         */
} Outer;

/* Whether the gradient of a parameter is made so from the fields as they are: many channels,
 * each site alone. */
bool outer_can(const Graph *g, int param);
void outer_weight(Lower *l, Val v);

/* The steps: the buffer of panels of a field; 16 samples of a site turned around, from
 * `first` of `from` on; all sums of a strip. */
BufId outer_panels(Lower *l, const Outer *o, Val x);
void outer_transpose(Lower *l, const Outer *o, const Ix *product, const Ix *site,
                     BufId from, const Ix *first);
void outer_sums(Lower *l, const Outer *o);

#endif
