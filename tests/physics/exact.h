/* exact.h - exact answers for the flux representation, by other means than the
 * sampler's.  Those that sum over fluxes cut the sums at an order: what they leave out
 * falls faster than exponentially with it (lambda > 0). */
#ifndef EXACT_H
#define EXACT_H

#include "archrt/flux.h"

typedef struct Exact {
    double n, phi2;
} Exact;

/* lambda = 0, any rank: 2 cosh w_q = eta - 2 sum_i cos(q_i) over the spatial momenta q,
 *     n       = mean over q of sinh(T mu) / (cosh T w - cosh T mu)
 *     |phi|^2 = mean over q of sinh(T w) / (2 sinh w (cosh T w - cosh T mu)) */
Exact exact_free(const FluxParams *p, int rank, const int64_t *extent);

/* A ring of `extent` sites in time, no space: Z = sum_k e^{mu k T} tr M_k^T with
 * M_ll' = W(2|k| + 2l + 2l') / sqrt((|k|+l)! l! (|k|+l')! l'!); |k|, l < order. */
Exact exact_ring(const FluxParams *p, int extent, int order);

/* Two sites in space and `extent` >= 2 in time, by the transfer matrix between time
 * slices in the states (k, l) of both temporal links, |k| + 2l summed over them at most
 * `order`, as over the spatial links of a slice. */
Exact exact_two_columns(const FluxParams *p, int extent, int order);

#endif
