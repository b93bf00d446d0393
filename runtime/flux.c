#include "archrt/flux.h"

#include "flux_lanes.h"

#include <string.h>

/* The cold start: k = l = 0. */
static bool chain_init(FluxChain *c, uint32_t stream, ArchError *e)
{
    const size_t sites = (size_t)c->lattice.sites;
    c->draws.rng = rng_init(c->seed, RNG_FLUX, stream, 0);
    c->draws.used = FLUX_DRAWS;
    c->worms = 1;
    c->field.links = calloc(sites, 2 * (size_t)c->lattice.rank);
    c->field.half = calloc(sites, sizeof *c->field.half);
    return (c->field.links != NULL && c->field.half != NULL && c->place != NULL) ||
           error_set(e, ARCH_EXIT_FILE, "out of memory for a lattice of %zu sites",
                     sites);
}

FluxChain *flux_new(const FluxParams *p, int rank, const int64_t *extent, uint64_t seed,
                    uint32_t stream, ArchError *e)
{
    FluxChain *c = calloc(1, sizeof *c);
    if (c == NULL) {
        error_set(e, ARCH_EXIT_FILE, "out of memory for a Markov chain");
        return NULL;
    }
    c->params = *p;
    c->seed = seed;
    bool ok = lattice_init(&c->lattice, rank, extent, 2, e) &&
              flux_table_init(&c->table, p, rank, e);
    if (ok)
        c->place = flux_places(&c->lattice);
    if (!ok || !chain_init(c, stream, e)) {
        flux_free(c);
        return NULL;
    }
    return c;
}

FluxChain *flux_twin(const FluxChain *of, uint32_t stream, ArchError *e)
{
    FluxChain *c = calloc(1, sizeof *c);
    if (c == NULL) {
        error_set(e, ARCH_EXIT_FILE, "out of memory for a Markov chain");
        return NULL;
    }
    c->params = of->params;
    c->seed = of->seed;
    c->lattice = of->lattice;
    c->table = of->table;
    c->place = of->place;
    c->twin = true;
    if (!chain_init(c, stream, e)) {
        flux_free(c);
        return NULL;
    }
    return c;
}

void flux_free(FluxChain *c)
{
    if (c == NULL)
        return;
    if (!c->twin) {
        lattice_release(&c->lattice);
        flux_table_release(&c->table);
        free(c->place);
    }
    free(c->field.links);
    free(c->field.half);
    free(c);
}

void flux_refill(FluxDraws *d)
{
    rng_fill(&d->rng, d->draw, FLUX_DRAWS);
    d->used = 0;
}

/* The counter of blocks of 4 has 32 bits in word 0 and 24 above the purpose in word 3. */
uint64_t flux_draws_taken(const FluxDraws *d)
{
    const uint32_t *c = d->rng.counter;
    const uint64_t blocks = (uint64_t)(c[3] >> 8) << 32 | c[0];
    return 4 * blocks - (uint64_t)(FLUX_DRAWS - d->used);
}

/* The store begins at multiples of its size. */
void flux_draws_seek(FluxDraws *d, uint64_t taken)
{
    const uint64_t blocks = taken / FLUX_DRAWS * (FLUX_DRAWS / 4);
    uint32_t *c = d->rng.counter;
    c[0] = (uint32_t)blocks;
    c[3] = (c[3] & 255) | (uint32_t)(blocks >> 32) << 8;
    d->used = FLUX_DRAWS;
    if (taken % FLUX_DRAWS == 0)
        return;
    flux_refill(d);
    d->used = (int)(taken % FLUX_DRAWS);
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

bool flux_update(FluxChain *c, int64_t updates, ArchError *e)
{
    const FluxGoal goal = {.sweeps = 1, .worms = updates};
    return flux_lanes_run(&c, 1, &goal, e);
}

/* In groups that run at once. */
static bool run(FluxChain *const *c, int n, const FluxGoal *goal, ArchError *e)
{
    for (int i = 0; i < n; i += FLUX_LANES)
        if (!flux_lanes_run(c + i, n - i < FLUX_LANES ? n - i : FLUX_LANES, goal, e))
            return false;
    return true;
}

/* The length of a worm is that of the second quarter, when most of the way is done. */
bool flux_thermalise_all(FluxChain *const *c, int n, int64_t sweeps, ArchError *e)
{
    const int64_t steps =
        (int64_t)FLUX_STEPS * c[0]->lattice.rank * c[0]->lattice.sites;
    FluxGoal goal = {.sweeps = sweeps / 4, .steps = steps};
    if (!run(c, n, &goal, e))
        return false;
    for (int i = 0; i < n; i++)
        c[i]->proposals = c[i]->updates = 0;
    goal.sweeps = sweeps / 2 - sweeps / 4;
    if (!run(c, n, &goal, e))
        return false;
    for (int i = 0; i < n; i++) {
        const int64_t worms = c[i]->updates, proposals = c[i]->proposals;
        c[i]->worms = worms > 0 ? (steps * worms + proposals - 1) / proposals : 1;
    }
    return flux_advance_all(c, n, sweeps / 2, e);
}

bool flux_advance_all(FluxChain *const *c, int n, int64_t sweeps, ArchError *e)
{
    return run(c, n, &(FluxGoal){.sweeps = sweeps, .worms = -1}, e);
}

bool flux_thermalise(FluxChain *c, int64_t sweeps, ArchError *e)
{
    return flux_thermalise_all(&c, 1, sweeps, e);
}

bool flux_advance(FluxChain *c, int64_t sweeps, ArchError *e)
{
    return flux_advance_all(&c, 1, sweeps, e);
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
