#include "archrt/flux.h"

#include "flux_chain.h"

#include <string.h>

FluxChain *flux_new(const FluxParams *p, int rank, const int64_t *extent, uint64_t seed,
                    uint32_t stream, ArchError *e)
{
    FluxChain *c = calloc(1, sizeof *c);
    if (c == NULL) {
        error_set(e, ARCH_EXIT_FILE, "out of memory for a Markov chain");
        return NULL;
    }
    c->params = *p;
    c->draws.rng = rng_init(seed, RNG_FLUX, stream, 0);
    c->draws.used = FLUX_DRAWS;
    if (!lattice_init(&c->lattice, rank, extent, 2, e) ||
        !flux_table_init(&c->table, p, rank, e)) {
        flux_free(c);
        return NULL;
    }
    const size_t sites = (size_t)c->lattice.sites;
    c->worms = 1;
    c->field.links = calloc(sites, 2 * (size_t)rank);
    c->field.half = calloc(sites, sizeof *c->field.half);
    if (c->field.links == NULL || c->field.half == NULL) {
        error_set(e, ARCH_EXIT_FILE, "out of memory for a lattice of %zu sites", sites);
        flux_free(c);
        return NULL;
    }
    return c;
}

void flux_free(FluxChain *c)
{
    if (c == NULL)
        return;
    lattice_release(&c->lattice);
    flux_table_release(&c->table);
    free(c->field.links);
    free(c->field.half);
    free(c);
}

void flux_refill(FluxDraws *d)
{
    rng_fill(&d->rng, d->draw, FLUX_DRAWS);
    d->used = 0;
}

/* As rng_below(), from the store. */
uint32_t flux_below(FluxDraws *d, uint32_t n)
{
    uint64_t product = (uint64_t)n * flux_draw(d);
    if ((uint32_t)product < n) {
        const uint32_t refused = (0u - n) % n;
        while ((uint32_t)product < refused)
            product = (uint64_t)n * flux_draw(d);
    }
    return (uint32_t)(product >> 32);
}

bool flux_overflow(const FluxChain *c, int32_t site, ArchError *e)
{
    char lattice[96], where[96];
    lattice_text(c->lattice.rank, c->lattice.extent, lattice);
    lattice_position_text(&c->lattice, site, where);
    return error_set(
        e, ARCH_EXIT_USAGE,
        "lattice %s, eta %g, lambda %g, mu %g: a flux at site (%s) left -%d .. "
        "%d, what int8 can hold; take a smaller mu or a larger lambda or eta",
        lattice, c->params.eta, c->params.lambda, c->params.mu, where, FLUX_MAX,
        FLUX_MAX);
}

/* A worm at home, head on tail: closes or takes its first step.  One draw u of 32 bits
 * gives a number in 0 .. n-1, the high word of u n, and the acceptance, the low word,
 * in steps of n 2^-32. */
static bool leave_home(FluxChain *c, FluxWorm *w)
{
    const uint32_t ways = 2 * (uint32_t)c->lattice.rank;
    const uint64_t product = (uint64_t)flux_draw(&c->draws) * (2 * ways);
    const uint32_t way = (uint32_t)(product >> 32), u = (uint32_t)product;
    int16_t *half = &c->field.half[w->tail];
    if (way < ways) {
        flux_step(&c->lattice, &c->table, &c->field, w,
                  (FluxMove){way, FLUX_OFF_TAIL, u});
        return true;
    }
    if (u >= c->table.close[*half - 1])
        return true;
    *half -= 1;
    return false;
}

/* Steps until the head is back on the tail; `rank` is a constant of the compiler's for
 * the common case.  Returns the proposals. */
static inline int64_t walk(FluxChain *c, FluxWorm *w, uint32_t rank)
{
    Lattice g = c->lattice;
    const FluxTable table = c->table;
    const FluxField f = c->field;
    const int32_t tail = w->tail;
    FluxWorm worm = *w;
    int64_t proposals = 0;
    g.rank = (int)rank;
    while (worm.head != tail && !worm.overflow) {
        const uint64_t product = (uint64_t)flux_draw(&c->draws) * (2 * rank);
        const uint32_t way = (uint32_t)(product >> 32);
        const int32_t to = g.neighbour[(uint32_t)worm.head * 2 * rank + way];
        const uint32_t factor = to == tail ? FLUX_TO_TAIL : FLUX_PLAIN;
        flux_step(&g, &table, &f, &worm, (FluxMove){way, factor, (uint32_t)product});
        proposals++;
    }
    *w = worm;
    return proposals;
}

static int64_t walk_home(FluxChain *c, FluxWorm *w)
{
    return c->lattice.rank == 2 ? walk(c, w, 2) : walk(c, w, (uint32_t)c->lattice.rank);
}

/* One update: a worm from its opening to its closing, or a refused opening. */
static bool update(FluxChain *c, ArchError *e)
{
    const int32_t x = (int32_t)flux_below(&c->draws, (uint32_t)c->lattice.sites);
    const uint64_t product = (uint64_t)flux_draw(&c->draws) * 2;
    FluxWorm w = {.head = x, .tail = x, .sign = product >> 32 ? 1 : -1};
    c->proposals++;
    if ((uint32_t)product >= c->table.open[c->field.half[x]])
        return true;
    c->field.half[x] += 1;
    while (leave_home(c, &w)) {
        c->proposals += 1 + walk_home(c, &w);
        if (w.overflow)
            return flux_overflow(c, w.head, e);
    }
    c->proposals++;
    return true;
}

/* l of the link x -> y by one up or down, with
 *     up:    q = r_{F_x/2} r_{F_y/2} / ((|k| + l + 1) (l + 1))
 *     down:  q = (|k| + l) l / (r_{F_x/2 - 1} r_{F_y/2 - 1})
 * Both sides of a comparison are products of doubles, without a sum that a compiler
 * could fuse, so they round alike everywhere. */
static void propose_l(FluxChain *c, int8_t *k, int16_t *x, int16_t *y)
{
    int8_t *l = k + c->lattice.rank * c->lattice.sites;
    const double *r = c->table.r;
    const uint64_t product = (uint64_t)flux_draw(&c->draws) * 2;
    const double u = (double)(uint32_t)product;
    const int both = abs(*k) + *l;
    if (product >> 32) {
        if (u * ((both + 1) * (*l + 1)) >= r[*x] * r[*y] * 0x1p32)
            return;
        *l += 1, *x += 1, *y += 1;
    } else {
        if (*l == 0 || u * (r[*x - 1] * r[*y - 1]) >= both * *l * 0x1p32)
            return;
        *l -= 1, *x -= 1, *y -= 1;
    }
}

static bool sweep_l(FluxChain *c, ArchError *e)
{
    const Lattice *g = &c->lattice;
    const int32_t *next = g->neighbour;
    for (int axis = 0; axis < g->rank; axis++) {
        int8_t *k = &c->field.links[axis * g->sites];
        for (int32_t x = 0; x < g->sites; x++) {
            propose_l(c, &k[x], &c->field.half[x],
                      &c->field.half[next[x * 2 * g->rank + axis]]);
            if (k[x + g->rank * g->sites] == FLUX_MAX)
                return flux_overflow(c, x, e);
        }
    }
    return true;
}

bool flux_update(FluxChain *c, int64_t updates, ArchError *e)
{
    for (int64_t i = 0; i < updates; i++)
        if (!update(c, e))
            return false;
    return sweep_l(c, e);
}

/* Worms until the steps of a sweep are done, and their number.  That depends on their
 * lengths, so what comes out is not to be measured. */
static bool rough_sweep(FluxChain *c, int64_t steps, int64_t *worms, ArchError *e)
{
    const int64_t end = c->proposals + steps;
    for (; c->proposals < end; ++*worms)
        if (!update(c, e))
            return false;
    return sweep_l(c, e);
}

/* The length of a worm is that of the second quarter, when most of the way is done. */
bool flux_thermalise(FluxChain *c, int64_t sweeps, ArchError *e)
{
    const int64_t steps = (int64_t)FLUX_STEPS * c->lattice.rank * c->lattice.sites;
    int64_t proposals = 0, worms = 0;
    for (int64_t i = 0; i < sweeps / 2; i++) {
        if (i == sweeps / 4) {
            proposals = c->proposals;
            worms = 0;
        }
        if (!rough_sweep(c, steps, &worms, e))
            return false;
    }
    proposals = c->proposals - proposals;
    c->worms = worms > 0 ? (steps * worms + proposals - 1) / proposals : 1;
    return flux_advance(c, sweeps / 2, e);
}

bool flux_advance(FluxChain *c, int64_t sweeps, ArchError *e)
{
    for (int64_t i = 0; i < sweeps; i++)
        if (!flux_update(c, c->worms, e))
            return false;
    return true;
}

const int8_t *flux_links(const FluxChain *c)
{
    return c->field.links;
}

double flux_field_n(const Lattice *g, const FluxField *f)
{
    int64_t sum = 0;
    for (int32_t x = 0; x < g->sites; x++)
        sum += f->links[x];
    return (double)sum / g->sites;
}

double flux_field_phi2(const Lattice *g, const FluxTable *t, const FluxField *f)
{
    double sum = 0;
    for (int32_t x = 0; x < g->sites; x++)
        sum += t->r[f->half[x]];
    return sum / g->sites;
}

double flux_n(const FluxChain *c)
{
    return flux_field_n(&c->lattice, &c->field);
}

double flux_phi2(const FluxChain *c)
{
    return flux_field_phi2(&c->lattice, &c->table, &c->field);
}

int64_t flux_proposals(const FluxChain *c)
{
    return c->proposals;
}

int64_t flux_worms(const FluxChain *c)
{
    return c->worms;
}
