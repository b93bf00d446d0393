/* enumerate.h - the 2x2 lattice by brute force: every configuration (k, l) of its eight
 * links, one by one, up to an order
 *
 *     m = sum over the links of |k| + 2l
 *
 * of the hopping expansion.  All terms are positive: Z, cut at an order, grows to its
 * limit.  mu enters only by e^{mu K}, K = sum of k_t: one enumeration serves all mu.
 *
 *     Enumeration *e = enumerate_new(4.25, 1, 24);
 *     for (int m = 4; m <= 24; m += 4)
 *         Exact x = enumerate_exact(e, 0.5, m);
 *     free(e); */
#ifndef ENUMERATE_H
#define ENUMERATE_H

#include "exact.h"

enum { ENUMERATE_MAX = 48 };

typedef struct Enumeration {
    int order;
    int64_t configurations;
    /* Sums over the configurations of order m with K = K' - ENUMERATE_MAX: of the
     * weight at mu = 0, and of the weight times |phi|^2. */
    double z[ENUMERATE_MAX + 1][2 * ENUMERATE_MAX + 1];
    double phi2[ENUMERATE_MAX + 1][2 * ENUMERATE_MAX + 1];
} Enumeration;

/* order <= ENUMERATE_MAX */
Enumeration *enumerate_new(double eta, double lambda, int order);

/* All configurations up to `order`. */
Exact enumerate_exact(const Enumeration *e, double mu, int order);

#endif
