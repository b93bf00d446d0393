/* winograd_impl.h - what the walk over tiles and the gradient of a kernel share. */
#ifndef ARCHC_PLAN_WINOGRAD_IMPL_H
#define ARCHC_PLAN_WINOGRAD_IMPL_H

#include "plan/winograd.h"

enum { AT_ONCE = 4 }; /* tiles of which the products are made together */

/* One convolution, or the gradient of its kernel: 3 ^ axes products at every tile. */
typedef struct Winograd {
    Val x; /* the field whose patches are transformed */
    int axes, in, out, products;
    Window window; /* a patch: 3 sites an axis, every other site */
    int lattice;   /* of tiles                                   */
    BufId near;
    BufId patch;   /* [product][AT_ONCE][in]: sums of inputs     */
    BufId product; /* [product][AT_ONCE][out]                    */
    int width;     /* outputs of a block of packed weights       */
    int64_t weights, bias;
    /* Of the outputs being made: the product with which their row of the tile begins, and
     * which tile of those at once it is. */
    const Ix *row, *n;
} Winograd;

int winograd_power(int base, int exponent);

/* Digit of a product or a site of a patch: its coordinate, the last axis moves fastest. */
int winograd_digit(const Winograd *w, int product, int axis);

/* A corner of a tile or one of the products beside it: one bit of `corner` an axis, the
 * last axis the lowest. */
int winograd_corner(int axes, int corner);

/* The site of the patch at which the tile begins. */
int winograd_first(const Winograd *w);

/* Of the field x, for the window of n; back: for its adjoint. */
Winograd winograd_of(Lower *l, const Node *n, Val x, int in, int out, bool back);

/* Zeros outside and the sites of other parts, where patches look at them. */
void winograd_surround(Lower *l, const Winograd *w);

/* Where number `at` of a tile's patch lies. */
const Ix *winograd_site(Lower *l, const Winograd *w, const Ix *at, const Ix *tile);

/* So many vectors of every site of a patch, or of a tile, and in their place as many of each
 * product. */
typedef struct Vectors {
    const char *var;
    int count;
    Ptr from;              /* [site], one vector behind the other             */
    Ptr to;                /* of the first product                            */
    int64_t next, product; /* numbers from vector to vector, product to product */
} Vectors;

/* (x0, x1, x2) -> (x0 - x1, x1, x2 - x1) along every axis of a patch: what the products
 * take. */
void winograd_differences(Lower *l, const Winograd *w, const Vectors *v);

#endif
