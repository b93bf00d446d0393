/* stats.h - the mean of a Markov chain with an honest error.
 *
 * The Gamma method: U. Wolff, Comput. Phys. Commun. 156 (2004) 143, hep-lat/0306017. */
#ifndef ARCHRT_STATS_H
#define ARCHRT_STATS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Stats {
    double mean;
    double error; /* of the mean, with autocorrelations                          */
    double tau;   /* integrated autocorrelation time, 0.5 for independent numbers */
    int64_t window;
} Stats;

/* Of x[0], x[stride], .., n numbers in the order of the chain.  A constant has error 0
 * and tau 0.5.  False if n < 1. */
bool stats_gamma(const double *x, int64_t n, int64_t stride, Stats *s);

#endif
