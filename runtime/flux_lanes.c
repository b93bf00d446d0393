#include "flux_lanes.h"

#include <string.h>

/* What a choice does: one of the directions or, for as many choices again, to close. */
typedef struct Way {
    int64_t move;    /* all bits; none: the worm closes                              */
    int64_t step;    /* to k: +-1, 0 for closing                                     */
    int64_t least;   /* |k| grows if k step >= least: 0, 1 for closing               */
    int64_t none;    /* 64 bytes in all: a shift finds them                          */
    uint32_t row[8]; /* of thresholds: + 1 if |k| grows, 2 onto the tail, 4 off it   */
} Way;

enum { WAYS_MAX = 4 * ARCH_AXES_MAX };

/* What the chains of a group have in common. */
typedef struct Board {
    const FluxPlace *place;    /* (sites, 2 ways) */
    const uint64_t *threshold; /* rows of FluxTable */
    int32_t sites;
    ptrdiff_t l;          /* from k of a link to its l */
    Way way[2][WAYS_MAX]; /* of worms of sign -1, +1 */
} Board;

/* One chain of the group. */
typedef struct Lane {
    int8_t *links;
    int16_t *half;
    FluxDraws *draws;
    const Way *way;
    uint64_t head, tail;
    FluxChain *chain;
    int64_t sweeps, worms, end; /* left to do; the sweep's end in proposals */
    int64_t begun;              /* round of the first step of this worm     */
} Lane;

/* Rows of FluxTable: open, close, grow, shrink. */
static Way way_of(const FluxChain *c, int choice, int sign)
{
    const int rank = c->lattice.rank;
    const uint32_t size = (uint32_t)c->table.size;
    const int step = choice >= rank ? sign : -sign;
    const uint32_t time = choice % rank > 0 ? FLUX_SPACE
                          : step > 0        ? FLUX_UP
                                            : FLUX_DOWN;
    Way w = {.move = -1, .step = step};
    if (choice >= 2 * rank)
        w = (Way){.least = 1};
    for (uint32_t i = 0; i < 8; i++) {
        const uint32_t tail = i & 4 ? FLUX_OFF_TAIL : i & 2 ? FLUX_TO_TAIL : FLUX_PLAIN;
        const uint32_t row = 2 + tail + time + (i & 1 ? 0 : FLUX_FACTORS);
        w.row[i] = size * (choice >= 2 * rank ? 1 : row);
    }
    return w;
}

static void fill_board(Board *b, const FluxChain *c)
{
    const int choices = 4 * c->lattice.rank;
    for (int i = 0; i < choices; i++) {
        b->way[0][i] = way_of(c, i, -1);
        b->way[1][i] = way_of(c, i, 1);
    }
    b->place = c->place;
    b->threshold = c->table.open;
    b->sites = c->lattice.sites;
    b->l = (ptrdiff_t)c->lattice.rank * c->lattice.sites;
}

/* Links along an axis, in the order of sweeps of l.  All sites of one coordinate come
 * before those of the next: links one after the other share no site, and overlap in
 * time. */
static FluxPlace *order_links(const Lattice *g, int axis, int32_t inner,
                              FluxPlace *order)
{
    const int32_t block = inner * (int32_t)g->extent[axis];
    for (int32_t first = 0; first < block; first += inner)
        for (int32_t outer = first; outer < g->sites; outer += block)
            for (int32_t x = outer; x < outer + inner; x++)
                *order++ = (FluxPlace){(uint32_t)g->neighbour[x * 2 * g->rank + axis],
                                       (uint32_t)x};
    return order;
}

FluxPlace *flux_places(const Lattice *g)
{
    const int ways = 2 * g->rank;
    const size_t choices = 2 * (size_t)ways, sites = (size_t)g->sites;
    FluxPlace *all = malloc(sites * (choices + (size_t)g->rank) * sizeof *all);
    if (all == NULL)
        return NULL;
    for (int32_t x = 0; x < g->sites; x++)
        for (int w = 0; w < 2 * ways; w++) {
            const int32_t next = w < ways ? g->neighbour[x * ways + w] : x;
            const int axis = w < ways ? w % g->rank : 0;
            const int32_t from = w < g->rank || w >= ways ? x : next;
            all[x * 2 * ways + w] =
                (FluxPlace){(uint32_t)next, (uint32_t)(axis * g->sites + from)};
        }
    FluxPlace *order = all + sites * choices;
    int32_t inner = g->sites;
    for (int axis = 0; axis < g->rank; axis++) {
        inner /= (int32_t)g->extent[axis];
        order = order_links(g, axis, inner, order);
    }
    return all;
}

/* All bits if x < 0, else none: what follows a coin must not be a branch. */
static inline int64_t negative(int64_t x)
{
    return x >> 63;
}

/* One proposal of the head, to move or, at home, with probability 1/2 to close the worm.
 * One draw u of 32 bits gives the choice, the high word of u n, and the acceptance, the
 * low word.  Of the F only one changes, because the head carries its own end along:
 *     |k| grows:   F_new += 2, accepted with c r_{F_new/2} / (|k_new| + l)
 *     |k| shrinks: F_old -= 2, accepted with c (|k_old| + l) / r_{F_old/2 - 1}
 *     closing:     F_old -= 2, accepted with 1 / (C r_{F_old/2 - 1})
 * True if the worm closed, or if a flux left its range. */
static inline bool lane_step(const Board *b, Lane *w, uint64_t ways)
{
    const uint64_t from = w->head;
    const uint64_t home = from == w->tail;
    const uint64_t product = flux_draw(w->draws) * (ways + ways * home);
    const uint64_t u = (uint32_t)product, choice = product >> 32;
    const Way *way = &w->way[choice];
    const FluxPlace place = b->place[from * 2 * ways + choice];
    const uint64_t to = place.to, turn = to ^ from;
    int8_t *k = &w->links[place.link];
    const int64_t old = *k, l = k[b->l], along = old * way->step;
    const int64_t shrinks = negative(along - way->least);
    /* |k| + l of the larger k, less one; 0 for closing. */
    const uint64_t m = (uint64_t)(((along ^ shrinks) + l) & way->move);
    const uint64_t less = m & (uint64_t)shrinks;
    int16_t *half = &w->half[to ^ (turn & (uint64_t)shrinks)];
    const uint32_t *row = &way->row[4 * home + 2 * (uint64_t)(to == w->tail)];
    const uint64_t t = b->threshold[row[1 + shrinks] + (uint64_t)(*half + shrinks)];
    const int64_t yes = negative((int64_t)(u * (1 + m - less) - t * (1 + less)));
    const int64_t new = old + (way->step & yes);
    *k = (int8_t) new;
    *half = (int16_t)(*half + ((1 + 2 * shrinks) & yes));
    w->head = from ^ (turn & (uint64_t)yes);
    return yes < way->move || *k < -FLUX_MAX;
}

/* One proposal for the l of each of n links of an axis, by one up or down, with
 *     up:    q = r_{F_x/2} r_{F_y/2} / ((|k| + l + 1) (l + 1))
 *     down:  q = (|k| + l) l / (r_{F_x/2 - 1} r_{F_y/2 - 1})
 * Both sides of a comparison are products of doubles, without a sum that a compiler
 * could fuse, so they round alike everywhere.  k and l begin at site 0.  Without
 * branches, because a processor cannot foresee either. */
static void propose_l(const FluxPlace *link, int32_t n, const uint32_t *draw,
                      const double *r, const int8_t *restrict k, int8_t *restrict l,
                      int16_t *restrict half)
{
    for (int32_t i = 0; i < n; i++) {
        const uint32_t x = link[i].link, y = link[i].to;
        const int old = l[x], up = (int)(draw[i] >> 31), down = up ^ 1;
        const double u = (double)(int64_t)(draw[i] << 1) * 0x1p-32;
        const double m = (double)((abs(k[x]) + old + up) * (old + up));
        const double *before = r - (down & (old > 0));
        const double w = before[half[x]] * before[half[y]];
        const int change = (up & (u * m < w)) - (down & (u * w < m));
        l[x] = (int8_t)(old + change);
        half[x] = (int16_t)(half[x] + change);
        half[y] = (int16_t)(half[y] + change);
    }
}

/* One proposal for each link, in the order of the places. */
static bool sweep_l(FluxChain *c, ArchError *e)
{
    const int32_t rank = c->lattice.rank, sites = c->lattice.sites;
    const FluxPlace *link = c->place + (size_t)sites * 4 * (size_t)rank;
    FluxDraws *d = &c->draws;
    for (int axis = 0; axis < rank; axis++, link += sites) {
        int8_t *k = c->field.links + axis * sites, *l = k + rank * sites;
        for (int32_t i = 0, n; i < sites; i += n, d->used += n) {
            if (d->used == FLUX_DRAWS)
                flux_refill(d);
            n = sites - i < FLUX_DRAWS - d->used ? sites - i : FLUX_DRAWS - d->used;
            propose_l(link + i, n, d->draw + d->used, c->table.r, k, l, c->field.half);
        }
        const int8_t *most = memchr(l, FLUX_MAX, (size_t)sites);
        if (most != NULL)
            return flux_overflow(c, (int32_t)(most - l), e);
    }
    return true;
}

/* What a lane comes to next. */
typedef enum Event { EVENT_WORM, EVENT_DONE, EVENT_FAILED } Event;

typedef struct Group {
    Board board;
    const FluxGoal *goal;
    ArchError *error;
    int64_t round; /* of steps: one of each lane */
    int lanes;     /* at the beginning */
    Lane lane[FLUX_LANES];
} Group;

static void begin_sweep(Lane *w, const FluxGoal *goal)
{
    w->worms = goal->worms >= 0 ? goal->worms : w->chain->worms;
    w->end = w->chain->proposals + goal->steps;
}

/* Opens the next worm, whose first step is that of round `first`.  A refused opening is an
 * update as well. */
static Event lane_begin(const Group *g, Lane *w, int64_t first)
{
    FluxChain *c = w->chain;
    for (;;) {
        while (g->goal->steps > 0 ? c->proposals < w->end : w->worms > 0) {
            const int32_t x = (int32_t)flux_below(w->draws, (uint32_t)g->board.sites);
            const uint64_t product = (uint64_t)flux_draw(w->draws) * 2;
            w->worms--;
            c->updates++;
            c->proposals++;
            if ((uint32_t)product >= c->table.open[w->half[x]])
                continue;
            w->half[x] = (int16_t)(w->half[x] + 1);
            w->head = w->tail = (uint64_t)x;
            w->way = g->board.way[product >> 32];
            w->begun = first;
            return EVENT_WORM;
        }
        if (!sweep_l(c, g->error))
            return EVENT_FAILED;
        if (--w->sweeps == 0)
            return EVENT_DONE;
        begin_sweep(w, g->goal);
    }
}

/* Whether the step that led the head here took a flux out of its range: +-128, which
 * int8 holds as -128. */
static bool left_range(const Board *b, const Lane *w)
{
    const int ways = 2 * w->chain->lattice.rank;
    for (int i = 0; i < ways; i++)
        if (w->links[b->place[w->head * 2 * (uint64_t)ways + (uint64_t)i].link] <
            -FLUX_MAX)
            return true;
    return false;
}

/* A worm closed, or a flux left its range. */
static Event lane_event(const Group *g, Lane *w)
{
    w->chain->proposals += g->round + 1 - w->begun;
    if (!left_range(&g->board, w))
        return lane_begin(g, w, g->round + 1);
    flux_overflow(w->chain, (int32_t)w->head, g->error);
    return EVENT_FAILED;
}

/* All lanes step in turn until each has done its sweeps.  `ways`, the directions, is
 * a constant of the compiler's for the common case. */
static inline __attribute__((always_inline)) bool run(Group *g, uint64_t ways)
{
    Lane *end = g->lane + g->lanes;
    for (g->round = 0; end > g->lane; g->round++)
        for (Lane *w = g->lane; w < end;) {
            Event event = EVENT_WORM;
            if (__builtin_expect(lane_step(&g->board, w, ways), 0))
                event = lane_event(g, w);
            if (event == EVENT_FAILED)
                return false;
            if (event == EVENT_DONE)
                *w = *--end;
            else
                w++;
        }
    return true;
}

bool flux_lanes_run(FluxChain *const *c, int n, const FluxGoal *goal, ArchError *e)
{
    Group g = {.goal = goal, .error = e};
    if (goal->sweeps < 1)
        return true;
    fill_board(&g.board, c[0]);
    for (int i = 0; i < n; i++) {
        Lane *w = &g.lane[g.lanes];
        *w = (Lane){.links = c[i]->field.links,
                    .half = c[i]->field.half,
                    .draws = &c[i]->draws,
                    .chain = c[i],
                    .sweeps = goal->sweeps};
        begin_sweep(w, goal);
        const Event event = lane_begin(&g, w, 0);
        if (event == EVENT_FAILED)
            return false;
        g.lanes += event == EVENT_WORM;
    }
    const uint64_t ways = 2 * (uint64_t)c[0]->lattice.rank;
    return ways == 4 ? run(&g, 4) : run(&g, ways);
}
