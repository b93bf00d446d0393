#include "archrt/lattice.h"

#include <stdio.h>
#include <stdlib.h>

void lattice_text(int rank, const int64_t *extent, char text[96])
{
    int length = snprintf(text, 96, "%s", rank == 0 ? "1" : "");
    for (int i = 0; i < rank; i++)
        length += snprintf(text + length, 96 - (size_t)length, "%s%lld",
                           i > 0 ? "x" : "", (long long)extent[i]);
}

void lattice_position(const Lattice *l, int32_t site, int64_t position[ARCH_AXES_MAX])
{
    int64_t rest = site;
    for (int i = l->rank - 1; i >= 0; i--) {
        position[i] = rest % l->extent[i];
        rest /= l->extent[i];
    }
}

void lattice_position_text(const Lattice *l, int32_t site, char text[96])
{
    int64_t position[ARCH_AXES_MAX];
    int length = 0;
    lattice_position(l, site, position);
    for (int i = 0; i < l->rank; i++)
        length += snprintf(text + length, 96 - (size_t)length, "%s%lld",
                           i > 0 ? ", " : "", (long long)position[i]);
}

static int32_t site_at(const Lattice *l, const int64_t position[ARCH_AXES_MAX])
{
    int64_t site = 0;
    for (int i = 0; i < l->rank; i++)
        site = site * l->extent[i] + position[i];
    return (int32_t)site;
}

static void find_neighbours(Lattice *l)
{
    int32_t *next = l->neighbour;
    for (int32_t site = 0; site < l->sites; site++) {
        for (int k = 0; k < 2 * l->rank; k++) {
            int64_t p[ARCH_AXES_MAX];
            const int axis = k % l->rank;
            const int64_t extent = l->extent[axis];
            lattice_position(l, site, p);
            p[axis] = (p[axis] + (k < l->rank ? 1 : extent - 1)) % extent;
            *next++ = site_at(l, p);
        }
    }
}

static bool check(int rank, const int64_t *extent, int64_t least, ArchError *e)
{
    double sites = 1;
    char text[96];
    if (rank < 1 || rank > ARCH_AXES_MAX)
        return error_set(e, ARCH_EXIT_USAGE, "a lattice has 1 to %d axes, not %d",
                         ARCH_AXES_MAX, rank);
    lattice_text(rank, extent, text);
    for (int i = 0; i < rank; i++) {
        sites *= (double)extent[i];
        if (extent[i] < least)
            return error_set(e, ARCH_EXIT_USAGE,
                             "lattice %s: every extent must be at least %lld", text,
                             (long long)least);
    }
    if (sites > (double)LATTICE_SITES_MAX)
        return error_set(e, ARCH_EXIT_USAGE, "lattice %s: more than %lld sites", text,
                         (long long)LATTICE_SITES_MAX);
    return true;
}

bool lattice_init(Lattice *l, int rank, const int64_t *extent, int64_t least,
                  ArchError *e)
{
    *l = (Lattice){.rank = rank, .sites = 1};
    if (!check(rank, extent, least, e))
        return false;
    for (int i = 0; i < rank; i++) {
        l->extent[i] = extent[i];
        l->sites *= (int32_t)extent[i];
    }
    l->neighbour = malloc((size_t)l->sites * 2 * (size_t)rank * sizeof *l->neighbour);
    if (l->neighbour == NULL)
        return error_set(e, ARCH_EXIT_FILE, "out of memory for a lattice of %d sites",
                         (int)l->sites);
    find_neighbours(l);
    return true;
}

void lattice_release(Lattice *l)
{
    free(l->neighbour);
    l->neighbour = NULL;
}
