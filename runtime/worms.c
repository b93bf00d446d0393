#include "archrt/worms.h"

#include "flux_chain.h"

#include <string.h>

#include <math.h>

enum { SITES_PER_WORM = 4, PROPOSALS_PER_SITE = 1000, STEPS_PER_SITE = 10 };

/* A configuration that is being opened. */
typedef struct Opening {
    const FluxChain *chain;
    const WormsSpec *spec;
    FluxField field;
    bool *is_end; /* (sites) */
    Rng *rng;
} Opening;

void worms_paths_release(WormsPaths *p)
{
    free(p->end);
    free(p->step);
    *p = (WormsPaths){0};
}

/* Appends a step; way -1 ends the worm.  False without memory. */
static bool add_step(WormsPaths *p, int32_t site, int32_t way)
{
    if (p == NULL)
        return true;
    if (p->steps == p->space) {
        const int64_t space = 2 * p->space + 16;
        int32_t *more = realloc(p->step, (size_t)space * 2 * sizeof *more);
        if (more == NULL)
            return false;
        p->step = more;
        p->space = space;
    }
    p->step[2 * p->steps] = site;
    p->step[2 * p->steps++ + 1] = way;
    if (way >= 0)
        return true;
    int64_t *end = realloc(p->end, (size_t)(p->worms + 1) * sizeof *end);
    if (end == NULL)
        return false;
    p->end = end;
    p->end[p->worms++] = p->steps;
    return true;
}

static bool no_memory(ArchError *e)
{
    return error_set(e, ARCH_EXIT_FILE, "out of memory for worms");
}

bool worms_length_fits(WormsLength length, double steps, int64_t sites, ArchError *e)
{
    const double most = (double)sites * STEPS_PER_SITE;
    if (length == WORMS_UNIFORM && steps == 0)
        return true;
    if (!(steps >= 1 && steps <= most))
        return error_set(e, ARCH_EXIT_USAGE,
                         "worms of %g steps: 1 to %d sites = %g are possible", steps,
                         STEPS_PER_SITE, most);
    return length == WORMS_GEOMETRIC || steps == floor(steps) ||
           error_set(e, ARCH_EXIT_USAGE,
                     "worms of %g steps: only the mean of a geometric distribution "
                     "may be no integer",
                     steps);
}

/* m of the next worm; in integers after one rounding, so that it is the same everywhere.
 */
static int64_t draw_length(const Opening *o)
{
    const WormsSpec *s = o->spec;
    const double sites = o->chain->lattice.sites;
    if (s->length == WORMS_FIXED)
        return (int64_t)s->steps;
    if (s->length == WORMS_UNIFORM)
        return 1 + rng_below(o->rng, (uint32_t)(s->steps > 0 ? s->steps : sites));
    const double go_on = (s->steps - 1) * 0x1p32 / s->steps;
    int64_t length = 1;
    while (rng_u32(o->rng) < go_on)
        length++;
    return length;
}

bool worms_fit(int64_t sites, int64_t worms)
{
    return worms >= 0 && worms <= sites / SITES_PER_WORM;
}

static bool no_place(const FluxChain *c, int worms, ArchError *e)
{
    char lattice[96];
    lattice_text(c->lattice.rank, c->lattice.extent, lattice);
    return error_set(e, ARCH_EXIT_USAGE,
                     "lattice %s, eta %g, lambda %g, mu %g: no place for %d open worms "
                     "after %d proposals a site; take fewer, or other parameters",
                     lattice, c->params.eta, c->params.lambda, c->params.mu, worms,
                     PROPOSALS_PER_SITE);
}

static int32_t free_site(const Opening *o)
{
    const uint32_t sites = (uint32_t)o->chain->lattice.sites;
    uint32_t x;
    do
        x = rng_below(o->rng, sites);
    while (o->is_end[x]);
    return (int32_t)x;
}

typedef enum Walk { WALK_DONE, WALK_NO_PLACE, WALK_NO_MEMORY } Walk;

/* Walks until the worm may stop. */
static Walk walk(const Opening *o, FluxWorm *w)
{
    const Lattice *g = &o->chain->lattice;
    int64_t length = draw_length(o);
    const int64_t patience = PROPOSALS_PER_SITE * (g->sites + length);
    for (int64_t i = 0; i < patience; i++) {
        const uint64_t product = (uint64_t)rng_u32(o->rng) * (2 * (uint32_t)g->rank);
        const FluxMove move = {(uint32_t)(product >> 32), FLUX_PLAIN,
                               (uint32_t)product};
        const int32_t from = w->head;
        if (flux_step(g, &o->chain->table, &o->field, w, move)) {
            length--;
            if (!add_step(o->spec->paths, from, (int32_t)move.way))
                return WALK_NO_MEMORY;
        }
        if (w->overflow || (length <= 0 && w->head != w->tail && !o->is_end[w->head]))
            return add_step(o->spec->paths, w->head, -1) ? WALK_DONE : WALK_NO_MEMORY;
    }
    return WALK_NO_PLACE;
}

static bool insert_all(const Opening *o, ArchError *e)
{
    for (int i = 0; i < o->spec->worms; i++) {
        const int32_t x = free_site(o);
        FluxWorm w = {.head = x, .tail = x, .sign = rng_u32(o->rng) & 1 ? 1 : -1};
        o->field.half[x] += 1;
        const Walk end = walk(o, &w);
        if (end == WALK_NO_MEMORY)
            return no_memory(e);
        if (end == WALK_NO_PLACE)
            return no_place(o->chain, o->spec->worms, e);
        if (w.overflow)
            return flux_overflow(o->chain, w.head, e);
        o->is_end[w.head] = o->is_end[w.tail] = true;
    }
    return true;
}

/* A copy of the chain's F/2 beside the caller's copy of its links. */
static bool opening_init(Opening *o, const FluxChain *c, int8_t *links, ArchError *e)
{
    const size_t sites = (size_t)c->lattice.sites;
    memcpy(links, c->field.links, sites * 2 * (size_t)c->lattice.rank);
    o->field = (FluxField){links, malloc(sites * sizeof *o->field.half)};
    o->is_end = calloc(sites, sizeof *o->is_end);
    if (o->field.half == NULL || o->is_end == NULL)
        return no_memory(e);
    memcpy(o->field.half, c->field.half, sites * sizeof *o->field.half);
    return true;
}

static void opening_release(Opening *o)
{
    free(o->field.half);
    free(o->is_end);
}

bool worms_open(const FluxChain *c, const WormsSpec *s, Rng *rng, int8_t *links,
                ArchError *e)
{
    const int32_t sites = c->lattice.sites;
    if (!worms_fit(sites, s->worms))
        return error_set(e, ARCH_EXIT_USAGE,
                         "%d open worms on %d sites: 0 to sites / %d = %d are possible",
                         s->worms, (int)sites, SITES_PER_WORM,
                         (int)sites / SITES_PER_WORM);
    if (!worms_length_fits(s->length, s->steps, sites, e))
        return false;
    Opening o = {.chain = c, .spec = s, .rng = rng};
    const bool ok = opening_init(&o, c, links, e) && insert_all(&o, e);
    opening_release(&o);
    return ok;
}

bool worms_insert(const FluxChain *c, int worms, Rng *rng, int8_t *links, ArchError *e)
{
    return worms_open(c, &(WormsSpec){.worms = worms}, rng, links, e);
}

/* One proposal of a worm of the chain: false if it closed. */
static bool lead(const Opening *o, FluxWorm *w, FluxMove *move)
{
    const Lattice *g = &o->chain->lattice;
    const uint32_t ways = 2 * (uint32_t)g->rank;
    const bool home = w->head == w->tail;
    const uint64_t product = (uint64_t)rng_u32(o->rng) * (home ? 2 * ways : ways);
    *move = (FluxMove){(uint32_t)(product >> 32), FLUX_OFF_TAIL, (uint32_t)product};
    if (move->way >= ways) {
        int16_t *half = &o->field.half[w->tail];
        if (move->draw >= o->chain->table.close[*half - 1])
            return true;
        *half -= 1;
        return false;
    }
    if (!home)
        move->factor = g->neighbour[(uint32_t)w->head * ways + move->way] == w->tail
                           ? FLUX_TO_TAIL
                           : FLUX_PLAIN;
    return true;
}

/* An update as those of the chain. */
static bool close_one(const Opening *o, ArchError *e)
{
    const FluxChain *c = o->chain;
    WormsPaths *paths = o->spec->paths;
    const int32_t x = (int32_t)rng_below(o->rng, (uint32_t)c->lattice.sites);
    const uint64_t product = (uint64_t)rng_u32(o->rng) * 2;
    FluxWorm w = {.head = x, .tail = x, .sign = product >> 32 ? 1 : -1};
    FluxMove move;
    bool open = (uint32_t)product < c->table.open[o->field.half[x]];
    o->field.half[x] += open;
    while (open && (open = lead(o, &w, &move))) {
        const int32_t from = w.head;
        if (move.way >= 2 * (uint32_t)c->lattice.rank ||
            !flux_step(&c->lattice, &c->table, &o->field, &w, move))
            continue;
        if (w.overflow)
            return flux_overflow(c, w.head, e);
        if (!add_step(paths, from, (int32_t)move.way))
            return no_memory(e);
    }
    return add_step(paths, x, -1) || no_memory(e);
}

bool worms_close(const FluxChain *c, WormsPaths *paths, Rng *rng, WormsClosed *to,
                 ArchError *e)
{
    const WormsSpec s = {.paths = paths};
    Opening o = {.chain = c, .spec = &s, .rng = rng};
    const bool ok = opening_init(&o, c, to->links, e) && close_one(&o, e);
    if (ok) {
        to->n = flux_field_n(&c->lattice, &o.field);
        to->phi2 = flux_field_phi2(&c->lattice, &c->table, &o.field);
    }
    opening_release(&o);
    return ok;
}
