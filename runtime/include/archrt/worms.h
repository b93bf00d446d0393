/* worms.h - open worms on top of a closed configuration: violations of flux
 * conservation.
 *
 * An open worm is the path of a worm's head whose ends are left apart, so that
 *
 *     div_x = sum_nu ( k_{x,nu} - k_{x-nu,nu} ) = +1 and -1
 *
 * there.  Each starts at a site uniform over those that are no end yet, walks at least
 * m accepted steps, m drawn from a WormsLength, with the Metropolis weights of the
 * chain, F_x counting the ends of all worms, never closing; it stops at the first site
 * after that which is neither its tail nor an end of another.  So violations never meet:
 * the number of worms is sum |div| / 2.  l stays as it is.
 *
 * How long worms are decides how far apart their ends lie, and with it how hard they
 * are to find for a network with strides. */
#ifndef ARCHRT_WORMS_H
#define ARCHRT_WORMS_H

#include "archrt/flux.h"
#include "archrt/rng.h"

/* The distribution of m. */
typedef enum WormsLength {
    WORMS_UNIFORM,  /* 1 .. steps, steps = 0: 1 .. sites  */
    WORMS_FIXED,    /* steps                              */
    WORMS_GEOMETRIC /* 1, 2, .. with mean steps           */
} WormsLength;

/* The ways of heads, one worm behind the other; all 0 to begin with. */
typedef struct WormsPaths {
    int worms;
    int64_t steps, space;
    int64_t *end;  /* (worms) steps up to and with this worm                         */
    int32_t *step; /* (steps, 2) a site, and the direction it was left by, counted as
                      Lattice.neighbour does; -1 at the end of a worm                */
} WormsPaths;

void worms_paths_release(WormsPaths *p);

typedef struct WormsSpec {
    int worms;
    WormsLength length;
    double steps;
    WormsPaths *paths; /* NULL, or the worms are appended */
} WormsSpec;

/* As worms_insert(), with all there is to choose.  Errors: also steps that do not fit,
 * and no memory for paths. */
bool worms_open(const FluxChain *c, const WormsSpec *s, Rng *rng, int8_t *links,
                ArchError *e);

/* A closed configuration with n and |phi|^2. */
typedef struct WormsClosed {
    int8_t *links;
    double n, phi2;
} WormsClosed;

/* to->links receives the configuration of the chain after one worm more, opened, led
 * and closed as those of the chain; if the opening is refused its path is one site.  It
 * is distributed like the chain's, which does not change. */
bool worms_close(const FluxChain *c, WormsPaths *paths, Rng *rng, WormsClosed *to,
                 ArchError *e);

/* Whether steps suit the distribution on so many sites: 1 .. 10 sites, whole but for
 * the mean.  Errors: code USAGE. */
bool worms_length_fits(WormsLength length, double steps, int64_t sites, ArchError *e);

/* `links`, (2 rank, sites), receives the present configuration of the chain with
 * `worms` open worms of WORMS_UNIFORM length; the chain itself does not change.  Errors
 * (code USAGE): worms < 0 or above sites / 4; a flux beyond -127 .. 127; a worm that has
 * not found its place after 1000 (sites + m) proposals. */
bool worms_insert(const FluxChain *c, int worms, Rng *rng, int8_t *links, ArchError *e);

/* Whether `worms` worms fit on so many sites. */
bool worms_fit(int64_t sites, int64_t worms);

#endif
