/* flux_pilot.h - how far apart samples are independent, measured before they are made.
 *
 * A pilot is a chain with random numbers of its own, so that it disturbs no other and
 * finds the same on every machine.  It finds how many worms make a sweep; then it
 * measures n and |phi|^2 after every sweep, forgets the first fifth, and takes the larger
 * of the two integrated autocorrelation times, in sweeps.  With tau that time and its
 * error on top (Wolff's Gamma method, section 3.3 and eq. (42)):
 *
 *     sweeps between samples   4 tau     neighbours correlate by about exp(-4) = 2 %,
 *                                        so tau_int of the samples is 0.5 to 0.52
 *     thermalisation           20 tau, at least 100
 *
 * A pilot that is too short for its own tau goes on, within bounds. */
#ifndef FLUX_PILOT_H
#define FLUX_PILOT_H

#include "archrt/dataset.h"
#include "archrt/flux.h"

enum { PILOT_MOST = 1 << 17 }; /* sweeps */

typedef struct FluxPilotSpec {
    double taus; /* to be measured for so many tau                               */
    /* Sweeps: until the first look, and at most; PILOT_MOST.  A series that is short
     * against tau shows a tau shorter than itself, and would be content.  At the end there
     * is no result from less than 20 tau. */
    int64_t first, most;
    int64_t between, thermal; /* as in FluxDataSpec: if both are given, nothing is
                                 measured                                         */
    /* Called now and then with the share of the sweeps done; false, with *e filled, ends
     * the pilot.  May be NULL. */
    bool (*tick)(void *data, double done, ArchError *e);
    void *data;
} FluxPilotSpec;

/* How many tau a pilot of so many samples should last: a twentieth of them, a percent or
 * two of the work; 50, for an error of 40 %, to 1000, for one of 10 %. */
double flux_pilot_taus(double samples);

/* And how many sweeps at least: four for each sample, 500 to 4000. */
int64_t flux_pilot_first(double samples);

/* `c` is new.  Errors (code USAGE): as flux_update(); no result within s->most. */
bool flux_pilot_run(const FluxPilotSpec *s, FluxChain *c, DatasetSampling *found,
                    ArchError *e);

#endif
