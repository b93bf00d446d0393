/* worms.h - open worms on top of a closed configuration: violations of flux
 * conservation.
 *
 * An open worm is the path of a worm's head whose ends are left apart, so that
 *
 *     div_x = sum_nu ( k_{x,nu} - k_{x-nu,nu} ) = +1 and -1
 *
 * there.  Each starts at a site uniform over those that are no end yet, walks at least
 * m accepted steps, m uniform in 1 .. sites, with the Metropolis weights of the chain,
 * F_x counting the ends of all worms, never closing; it stops at the first site after
 * that which is neither its tail nor an end of another.  So violations never meet: the
 * number of worms is sum |div| / 2.  l stays as it is. */
#ifndef ARCHRT_WORMS_H
#define ARCHRT_WORMS_H

#include "archrt/flux.h"
#include "archrt/rng.h"

/* `links`, (2 rank, sites), receives the present configuration of the chain with
 * `worms` open worms; the chain itself does not change.  Errors (code USAGE): worms < 0
 * or above sites / 4; a flux beyond -127 .. 127; a worm that has not found its place
 * after 1000 sites proposals. */
bool worms_insert(const FluxChain *c, int worms, Rng *rng, int8_t *links, ArchError *e);

/* Whether `worms` worms fit on so many sites. */
bool worms_fit(int64_t sites, int64_t worms);

#endif
