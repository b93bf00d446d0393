/* measure.h - n and |phi|^2 of one chain, with errors. */
#ifndef MEASURE_H
#define MEASURE_H

#include "archrt/flux.h"
#include "archrt/stats.h"

typedef struct Run {
    FluxParams params;
    int rank;
    int64_t extent[4];
    int64_t samples, between; /* sweeps between samples */
    uint32_t stream;
} Run;

typedef struct Measured {
    Stats n, phi2;
} Measured;

/* Ends the program if the chain fails. */
Measured measure(const Run *r);

#endif
