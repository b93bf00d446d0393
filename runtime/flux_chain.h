/* flux_chain.h - the state of a chain, and the walk of a worm's head, for flux and
 * worms. */
#ifndef FLUX_CHAIN_H
#define FLUX_CHAIN_H

#include <stdlib.h>

#include "archrt/flux.h"
#include "archrt/lattice.h"
#include "archrt/rng.h"
#include "flux_table.h"

/* A configuration: links[a sites + x] is k from x to x + a, links[(rank + a) sites + x]
 * is l; half[x] = F_x / 2, where F_x is f_x and the number of worm ends at x. */
typedef struct FluxField {
    int8_t *links;
    int16_t *half;
} FluxField;

/* Random numbers in store: a worm needs one a step. */
enum { FLUX_DRAWS = 512 };
typedef struct FluxDraws {
    Rng rng;
    int used;
    uint32_t draw[FLUX_DRAWS];
} FluxDraws;

/* Where a choice of a head leads: a direction, or, behind all of them, closing. */
typedef struct FluxPlace {
    uint32_t to, link; /* the site; the k it changes, as an index of links */
} FluxPlace;

struct FluxChain {
    FluxParams params;
    Lattice lattice;
    FluxTable table;
    FluxPlace *place; /* flux_places() */
    FluxField field;
    FluxDraws draws;
    bool twin; /* lattice, table and places are those of another chain */
    uint64_t seed;
    int64_t proposals, updates;
    int64_t worms; /* in a sweep */
};

/* A worm on its way: from tail to head flux of the given sign has been laid. */
typedef struct FluxWorm {
    int32_t head, tail;
    int sign;
    bool overflow; /* a flux left -127 .. 127 on the step to `head` */
} FluxWorm;

/* One proposal: the direction as the neighbour table counts, the factor of the ends'
 * sites (FLUX_PLAIN, FLUX_TO_TAIL or FLUX_OFF_TAIL), and the draw that decides. */
typedef struct FluxMove {
    uint32_t way, factor, draw;
} FluxMove;

void flux_refill(FluxDraws *d);

/* How many numbers of the stream were taken; back, or on, to such a place. */
uint64_t flux_draws_taken(const FluxDraws *d);
void flux_draws_seek(FluxDraws *d, uint64_t taken);

static inline uint32_t flux_draw(FluxDraws *d)
{
    if (d->used == FLUX_DRAWS)
        flux_refill(d);
    return d->draw[d->used++];
}

/* Uniform in 0 .. n-1, without bias. */
uint32_t flux_below(FluxDraws *d, uint32_t n);

/* Proposes to move the head.  Of the F only one changes, because the head carries its
 * own end along:
 *     |k| grows:   F_new += 2, accepted with c r_{F_new/2} / (|k_new| + l)
 *     |k| shrinks: F_old -= 2, accepted with c (|k_old| + l) / r_{F_old/2 - 1}
 * where old and new are the link's flux and the head's site before and after.
 * Written without branches, because a processor cannot foresee either. */
static inline bool flux_step(const Lattice *g, const FluxTable *t, const FluxField *f,
                             FluxWorm *w, FluxMove move)
{
    const uint32_t rank = (uint32_t)g->rank;
    const bool backward = move.way >= rank;
    const uint32_t axis = backward ? move.way - rank : move.way;
    const int step = backward ? w->sign : -w->sign;
    const int32_t from = w->head,
                  to = g->neighbour[(uint32_t)from * 2 * rank + move.way];
    int8_t *k = &f->links[axis * (uint32_t)g->sites + (uint32_t)(backward ? to : from)];
    const int old = *k, new = old + step, l = k[rank * (uint32_t)g->sites];
    const bool grows = old * step >= 0;
    const uint64_t m = (uint64_t)(abs(grows ? new : old) + l);
    const uint32_t time = step > 0 ? FLUX_UP : FLUX_DOWN;
    const uint32_t factor = move.factor + (axis == 0 ? time : FLUX_SPACE);
    const uint64_t more = t->grow[factor][f->half[to]];
    const uint64_t less = t->shrink[factor][f->half[from] - 1];
    const bool accepted =
        (grows & (move.draw * m < more)) | (!grows & (move.draw < less * m));
    *k = (int8_t)(accepted ? new : old);
    f->half[to] = (int16_t)(f->half[to] + (accepted & grows));
    f->half[from] = (int16_t)(f->half[from] - (accepted & !grows));
    w->head = accepted ? to : from;
    w->overflow = accepted & (abs(new) > FLUX_MAX);
    return accepted;
}

/* n and |phi|^2 of a closed configuration. */
double flux_field_n(const Lattice *g, const FluxField *f);
double flux_field_phi2(const Lattice *g, const FluxTable *t, const FluxField *f);

/* Fills the error for a flux at `site` that left its range. */
bool flux_overflow(const FluxChain *c, int32_t site, ArchError *e);

#endif
