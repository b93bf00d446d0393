/* measure.h - n and |phi|^2 of 32 independent chains, with errors. */
#ifndef MEASURE_H
#define MEASURE_H

#include "archrt/flux.h"

enum { MEASURE_CHAINS = 32 };

typedef struct Run {
    FluxParams params;
    int rank;
    int64_t extent[4];
    int64_t samples, between; /* over all chains; sweeps between samples */
} Run;

typedef struct Observable {
    double mean, error;
    double tau;    /* integrated autocorrelation time, in samples           */
    double spread; /* chi^2 of the chains' means about theirs, 31 degrees of
                    * freedom: large if the errors are too small, small if
                    * they are too large                                    */
} Observable;

typedef struct Measured {
    Observable n, phi2;
    double correlation; /* of the errors of n and |phi|^2                   */
    bool charged;       /* whether n = Q / (spatial sites) in every sample, Q
                         * the charge of each time slice                    */
} Measured;

/* Ends the program if a chain fails.  Different `stream` are independent. */
Measured measure(const Run *r, uint64_t seed, uint32_t stream);

#endif
