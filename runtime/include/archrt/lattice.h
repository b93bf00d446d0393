/* lattice.h - a periodic box of sites in any number of dimensions.
 *
 * Sites are numbered row by row, the last axis fastest: on T x X site (t, x) is t X +
 * x. */
#ifndef ARCHRT_LATTICE_H
#define ARCHRT_LATTICE_H

#include <stdint.h>

#include "arch_model.h"
#include "archrt/error.h"

#define LATTICE_SITES_MAX (INT64_C(1) << 26)

typedef struct Lattice {
    int rank;
    int64_t extent[ARCH_AXES_MAX];
    int32_t sites;
    /* (sites, 2 rank): one step forward along axis 0, 1, .., then one step backward. */
    int32_t *neighbour;
} Lattice;

/* Errors (code USAGE): no axis or too many, an extent below `least`, too many sites. */
bool lattice_init(Lattice *l, int rank, const int64_t *extent, int64_t least,
                  ArchError *e);
void lattice_release(Lattice *l);

/* Coordinates of a site, time first. */
void lattice_position(const Lattice *l, int32_t site, int64_t position[ARCH_AXES_MAX]);

/* "12, 3" for t = 12, x = 3; `text` holds at least 96 bytes. */
void lattice_position_text(const Lattice *l, int32_t site, char text[96]);

/* "60x4"; `text` holds at least 96 bytes. */
void lattice_text(int rank, const int64_t *extent, char text[96]);

#endif
