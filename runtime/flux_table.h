/* flux_table.h - the weights of the flux representation as ratios and integer
 * thresholds.
 *
 * W enters only through r_p = W(2p+2) / W(2p).  A step of a worm is accepted with
 * probability min(1, q), q = c r_p / m where |k| grows, q = c m / r_p where it shrinks;
 * m is a small integer and c a product of e^{+-mu} and 1/2, 1 or 2.  With a draw u of
 * 32 bits
 *
 *     u 2^-32 < c r_p / m   <=>   u m < grow[p],    grow[p]   = c r_p 2^32
 *     u 2^-32 < c m / r_p   <=>   u < m shrink[p],  shrink[p] = c / r_p 2^32
 *
 * so that a step has no floating point and gives the same on every machine. */
#ifndef FLUX_TABLE_H
#define FLUX_TABLE_H

#include <stdint.h>

#include "archrt/flux.h"

/* Which factor c: how the step touches the tail, and what it does to k_t. */
enum {
    FLUX_PLAIN = 0,    /* neither end of the step is the tail: 1   */
    FLUX_TO_TAIL = 3,  /* 1/2                                      */
    FLUX_OFF_TAIL = 6, /* 2                                        */
    FLUX_SPACE = 0,    /* 1                                        */
    FLUX_UP = 1,       /* k_t grows by one: e^mu                   */
    FLUX_DOWN = 2,     /* k_t falls by one: e^-mu                  */
    FLUX_FACTORS = 9
};

enum { FLUX_MAX = 127 }; /* of |k| and of l: they are stored as int8 */

typedef struct FluxTable {
    int size;  /* entries, p = 0 .. size-1                          */
    double *r; /* r_p                                               */
    uint64_t
        *grow[FLUX_FACTORS]; /* c r_p 2^32                                        */
    uint64_t
        *shrink[FLUX_FACTORS]; /* c / r_p 2^32                                      */
    uint64_t *open, *close;    /* C r_p 2^32 and 2^32 / (C r_p), C = 1 / r_2        */
} FluxTable;

/* p goes as far as the fluxes of a site in `rank` dimensions can.  Errors: as
 * flux_new(). */
bool flux_table_init(FluxTable *t, const FluxParams *p, int rank, ArchError *e);
void flux_table_release(FluxTable *t);

/* r_0 .. r_{size-1} for any eta and lambda > 0, and for eta > 0 at lambda = 0; false if
 * they are no finite positive numbers. */
bool flux_ratios(double eta, double lambda, int size, double *r);

#endif
