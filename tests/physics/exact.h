/* exact.h - exact answers for the flux representation, by other means than the
 * sampler's. */
#ifndef EXACT_H
#define EXACT_H

#include "archrt/flux.h"

typedef struct Exact {
    double n, phi2;
} Exact;

/* I_p = int_0^inf u^p exp(-eta u - lambda u^2) du, by quadrature; W(2p) = I_p / 2. */
double exact_integral(double eta, double lambda, int p);

/* A ring of `extent` sites in time, no space: Z = sum_k e^{mu k T} tr M_k^T with
 * M_ll' = W(2|k| + 2l + 2l') / sqrt((|k|+l)! l! (|k|+l')! l'!). */
Exact exact_ring(const FluxParams *p, int extent);

/* Two sites in space and `extent` >= 2 in time, by the transfer matrix between time slices
 * in the states (k, l) of both temporal links; |k| <= 12 and l < 5 there leave an error of
 * 1e-4 at n = 1.2. */
Exact exact_two_columns(const FluxParams *p, int extent);

/* lambda = 0, any rank: 2 cosh w_q = eta - 2 sum_i cos(q_i) over the spatial momenta q,
 *     n       = mean over q of sinh(T mu) / (cosh T w - cosh T mu)
 *     |phi|^2 = mean over q of sinh(T w) / (2 sinh w (cosh T w - cosh T mu)) */
Exact exact_free(const FluxParams *p, int rank, const int64_t *extent);

#endif
