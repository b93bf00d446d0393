#include "archrt/worms.h"

#include "flux_chain.h"

#include <string.h>

enum { SITES_PER_WORM = 4, PROPOSALS_PER_SITE = 1000 };

/* A configuration that is being opened. */
typedef struct Opening {
    const FluxChain *chain;
    FluxField field;
    bool *is_end; /* (sites) */
    Rng *rng;
} Opening;

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

/* Walks until the worm may stop; false if it finds no place in time. */
static bool walk(const Opening *o, FluxWorm *w)
{
    const Lattice *g = &o->chain->lattice;
    const int64_t patience = (int64_t)PROPOSALS_PER_SITE * g->sites;
    int64_t length = 1 + rng_below(o->rng, (uint32_t)g->sites);
    for (int64_t i = 0; i < patience; i++) {
        const uint64_t product = (uint64_t)rng_u32(o->rng) * (2 * (uint32_t)g->rank);
        const FluxMove move = {(uint32_t)(product >> 32), FLUX_PLAIN,
                               (uint32_t)product};
        length -= flux_step(g, &o->chain->table, &o->field, w, move);
        if (w->overflow || (length <= 0 && w->head != w->tail && !o->is_end[w->head]))
            return true;
    }
    return false;
}

static bool insert_all(const Opening *o, int worms, ArchError *e)
{
    for (int i = 0; i < worms; i++) {
        const int32_t x = free_site(o);
        FluxWorm w = {.head = x, .tail = x, .sign = rng_u32(o->rng) & 1 ? 1 : -1};
        o->field.half[x] += 1;
        if (!walk(o, &w))
            return no_place(o->chain, worms, e);
        if (w.overflow)
            return flux_overflow(o->chain, w.head, e);
        o->is_end[w.head] = o->is_end[w.tail] = true;
    }
    return true;
}

bool worms_insert(const FluxChain *c, int worms, Rng *rng, int8_t *links, ArchError *e)
{
    const size_t sites = (size_t)c->lattice.sites;
    memcpy(links, c->field.links, sites * 2 * (size_t)c->lattice.rank);
    if (worms == 0)
        return true;
    if (!worms_fit(c->lattice.sites, worms))
        return error_set(
            e, ARCH_EXIT_USAGE,
            "%d open worms on %zu sites: 0 to sites / %d = %zu are possible", worms,
            sites, SITES_PER_WORM, sites / SITES_PER_WORM);
    Opening o = {.chain = c, .rng = rng, .field = {.links = links}};
    o.field.half = malloc(sites * sizeof *o.field.half);
    o.is_end = calloc(sites, sizeof *o.is_end);
    bool ok = o.field.half != NULL && o.is_end != NULL;
    if (ok) {
        memcpy(o.field.half, c->field.half, sites * sizeof *o.field.half);
        ok = insert_all(&o, worms, e);
    } else {
        error_set(e, ARCH_EXIT_FILE, "out of memory for open worms");
    }
    free(o.field.half);
    free(o.is_end);
    return ok;
}
