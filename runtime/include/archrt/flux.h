/* flux.h - Monte Carlo for the complex scalar field at chemical potential, in fluxes.
 *
 *     S = sum_x ( eta |phi_x|^2 + lambda |phi_x|^4
 *                 - sum_nu ( e^{ mu d_{nu,t}} phi*_x phi_{x+nu}
 *                          + e^{-mu d_{nu,t}} phi*_x phi_{x-nu} ) )
 *
 * with eta = 2 D + m^2.  Expanding the exponentials of the links gives a sum without a
 * sign problem (Gattringer and Kloiber, Nucl. Phys. B 869 (2013) 56) over k in Z and
 * l >= 0 on links, k conserved at every site:
 *
 *     Z = sum_{k,l} prod_{x,nu} 1 / ((|k|+l)! l!)  prod_x e^{mu k_t} W(f_x)
 *     W(f) = int_0^inf dr r^{f+1} exp(-eta r^2 - lambda r^4)
 *     f_x  = sum over the links at x of |k| + 2 l
 *
 * sampled here by worms (Prokof'ev and Svistunov, Phys. Rev. Lett. 87 (2001) 160601)
 * that keep the site weight of head and tail, and by sweeps that change l.
 *
 *     ArchError e;
 *     const FluxParams p = {.eta = 4.25, .lambda = 1, .mu = 1};
 *     const int64_t extent[] = {8, 8};                           // time first
 *     FluxChain *chain = flux_new(&p, 2, extent, seed, stream, &e);
 *     if (chain == NULL || !flux_thermalise(chain, FLUX_THERMAL, &e))
 *         ...                                                    // e.text says why
 *     for (int i = 0; i < samples; i++) {
 *         if (!flux_advance(chain, FLUX_BETWEEN, &e))
 *             ...
 *         const int8_t *x = flux_links(chain);                   // (4, 8, 8)
 *         printf("%g %g\n", flux_n(chain), flux_phi2(chain));
 *     }
 *     flux_free(chain);
 *
 * A chain is a function of parameters, extents, seed and stream alone: chains of
 * different streams are independent and may run in different threads. */
#ifndef ARCHRT_FLUX_H
#define ARCHRT_FLUX_H

#include <stdint.h>

#include "archrt/error.h"

typedef struct FluxParams {
    double eta, lambda, mu;
} FluxParams;

typedef struct FluxChain FluxChain;

/* Begins at k = l = 0.  Errors (code USAGE), NULL: lambda < 0; lambda = 0 without a
 * ground state, eta <= 2 (D - 1) + 2 cosh mu; an extent below 2; rank 0 or above 4. */
FluxChain *flux_new(const FluxParams *p, int rank, const int64_t *extent, uint64_t seed,
                    uint32_t stream, ArchError *e);
void flux_free(FluxChain *c);

/* What follows returns false (code USAGE) if a flux leaves -127 .. 127: the error names
 * the parameters and a site of the link.  The chain is of no use after that. */

/* Exactly `updates` worms, from opening to closing or to a refused opening, then one
 * sweep over all l.  Measure only between such calls, and let nothing random choose
 * `updates`: whoever stops at a time or after so many steps favours some lengths of
 * worms. */
bool flux_update(FluxChain *c, int64_t updates, ArchError *e);

/* A sweep is a fixed number of worms, about FLUX_STEPS proposals of a head per link,
 * and one sweep over all l.  The autocorrelation times of n and |phi|^2 are 5 to 12
 * sweeps, 20 near the onset of condensation. */
enum {
    FLUX_STEPS = 3,      /* proposals per link in a sweep, on average       */
    FLUX_THERMAL = 1000, /* sweeps that forget the cold start               */
    FLUX_BETWEEN = 20    /* sweeps between samples that are to be independent */
};

/* From the cold start to equilibrium.  The first half of the sweeps measures how many
 * worms make one; the second half and all that follow keep that number. */
bool flux_thermalise(FluxChain *c, int64_t sweeps, ArchError *e);

/* Goes on by this many sweeps; after flux_thermalise(). */
bool flux_advance(FluxChain *c, int64_t sweeps, ArchError *e);

/* Chains of one lattice and one point advance together: in one core their steps are taken
 * in turn, up to FLUX_LANES at once, which hides what each has to wait for.  Each does
 * exactly what it would do alone.  flux_twin() makes a chain of another stream that uses
 * the tables of `of`, which has to outlive it. */
enum { FLUX_LANES = 8 };
FluxChain *flux_twin(const FluxChain *of, uint32_t stream, ArchError *e);
bool flux_thermalise_all(FluxChain *const *c, int n, int64_t sweeps, ArchError *e);
bool flux_advance_all(FluxChain *const *c, int n, int64_t sweeps, ArchError *e);

/* (2 rank, sites): k along axis 0 (time), 1, .., then l along axis 0, 1, ..; on T x X
 * the channels k_t, k_x, l_t, l_x.  Belongs to the chain and changes with it. */
const int8_t *flux_links(const FluxChain *c);

double flux_n(const FluxChain *c);    /* particle density: sum of k_t / sites */
double flux_phi2(const FluxChain *c); /* |phi|^2: mean of W(f+2) / W(f)       */

int64_t flux_proposals(const FluxChain *c); /* moves of worm heads proposed so far */
int64_t flux_worms(const FluxChain *c);     /* in a sweep, as flux_thermalise() chose */

#endif
