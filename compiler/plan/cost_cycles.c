#include "plan/cost.h"
#include "plan/memory.h"

const char *const cost_port_name[PORTS] = {"arithmetic", "shuffles", "loads", "stores"};

/* In plain C a multiply-add is two operations. */
static double multiply_add(const Program *p)
{
    return p->target.vector_bytes == 16 ? 2 : 1;
}

double cost_cycles(const Program *p, const Cost *c, CostPort port)
{
    /* AVX-512 has two vector units, one of which also shuffles. */
    double shuffles = p->target.vector_bytes == 64 ? c->shuffle : 0;
    switch (port) {
    case PORT_ARITHMETIC: return (multiply_add(p) * c->fma + c->other + shuffles) / 2;
    case PORT_SHUFFLE: return c->shuffle;
    case PORT_LOAD: return c->load / 2;
    case PORT_STORE: return c->store;
    case PORTS: break;
    }
    unreachable();
}

CostPort cost_busiest(const Program *p, const Cost *c)
{
    CostPort most = PORT_ARITHMETIC;
    for (int i = 1; i < PORTS; i++)
        if (cost_cycles(p, c, (CostPort)i) > cost_cycles(p, c, most))
            most = (CostPort)i;
    return most;
}

double cost_peak(const Program *p)
{
    return 2 * plan_width(p) / multiply_add(p);
}

bool cost_sites(const Program *p, const int64_t *extent, int64_t *sites)
{
    bool all = true;
    for (int i = 0; i < p->lattices; i++) {
        const Lattice *l = &p->lattice[i];
        sites[i] = 1;
        for (int axis = 0; axis < l->rank; axis++) {
            int64_t sites_of_axis = extent_value(l->extent[axis], extent);
            sites[i] *= l->tiled ? (sites_of_axis + 1) / 2 : sites_of_axis;
        }
        all &= sites[i] > 0;
    }
    return all;
}

What cost_kernel(const Program *p, What asked, const int64_t *sites)
{
    const Kernel *k = &p->kernel[WHAT_WINNERS];
    bool many = k->used && sites[k->pooled] > k->sites_least;
    return asked == WHAT_GRADIENT && many ? WHAT_WINNERS : asked;
}

bool cost_runs(const Program *p, const PhaseUse *use, const int64_t *sites)
{
    const Lattice *tiles = &p->lattice[use->tiles];
    bool even = use->tiling != TILED_OR_NOT && sites[use->tiles] >= TILES_LEAST &&
                sites[use->tiles] << tiles->rank == sites[tiles->tiled];
    return use->samples != SAMPLES_ONE &&
           (use->tiling == TILED_OR_NOT || even == (use->tiling == TILED));
}

/* ---- as a function of sites ---- */

/* Sites in whole tiles, and so many strips. */
enum { SITES = 96, STRIPS = 2, MORE_SITES = 192 /* 3 strips */ };

/* A phase at sites that are varied one by one. */
typedef struct Probe {
    const Program *p;
    const Phase *phase;
    CostPort port;
    CostSites at;
} Probe;

static double probe(const Probe *z)
{
    Cost c = cost_phase(z->p, z->phase, &z->at);
    return cost_cycles(z->p, &c, z->port);
}

/* at = once + 96 site + 2 strip and so on; what is once is told by no sites. */
static void add_sites(const Probe *z, int64_t *sites, double at, int lattice,
                      CostLine *line)
{
    sites[lattice] = MORE_SITES;
    double more = probe(z);
    sites[lattice] = 0;
    double once = probe(z);
    sites[lattice] = SITES;
    double strip = 2 * (at - once) - (more - once);
    double site = (at - once - STRIPS * strip) / SITES;
    line->site[lattice] += site;
    line->strip[lattice] += strip;
    line->once -= SITES * site + STRIPS * strip;
}

/* Numbers of turns depend on lattices of which the phase has a field or a table. */
static bool depends_on(const Program *p, const Phase *phase, const bool *touched,
                       int lattice)
{
    bool any = phase->lattice == lattice;
    for (int i = 1; i < p->buffers; i++)
        any |= touched[i] && p->buffer[i].lattice == lattice;
    return any;
}

static void add_bytes(const Program *p, const bool *touched, CostLine *line)
{
    for (int i = 1; i < p->buffers; i++)
        if (touched[i] && p->buffer[i].space == SPACE_WORK)
            line->bytes[p->buffer[i].lattice] +=
                p->buffer[i].channels * LANES * (p->precision == PRECISION_F64 ? 8 : 4);
}

static void add_phase(const Program *p, const Phase *phase, CostLine *line)
{
    Arena *a = arena_new();
    int64_t *sites = NEW_ARRAY(a, int64_t, p->lattices),
            *halo = NEW_ARRAY(a, int64_t, p->geometries);
    bool *touched = NEW_ARRAY(a, bool, p->buffers);
    memory_touched(phase, touched);
    for (int i = 0; i < p->lattices; i++)
        sites[i] = p->lattice[i].rank ? SITES : 1;
    Probe z = {
        p, phase, PORT_ARITHMETIC, {sites, halo}
    };
    Cost c = cost_phase(p, phase, &z.at);
    z.port = cost_busiest(p, &c);
    double whole = cost_cycles(p, &c, z.port);
    line->once += whole;
    for (int i = 0; i < p->geometries; i++) {
        if (!touched[p->geometry[i].table.i])
            continue;
        halo[i] = 1;
        line->halo[i] += probe(&z) - whole;
        halo[i] = 0;
    }
    for (int i = 0; i < p->lattices; i++)
        if (p->lattice[i].rank && depends_on(p, phase, touched, i))
            add_sites(&z, sites, whole, i, line);
    add_bytes(p, touched, line);
    arena_free(a);
}

/* Lattices that the model leaves free count as even. */
static bool counts(const Program *p, const PhaseUse *use, Arena *a)
{
    int64_t *sites = NEW_ARRAY(a, int64_t, p->lattices);
    bool fixed = true;
    for (int axis = 0; axis < p->graph->rank; axis++)
        fixed &= p->graph->fixed[axis] > 0;
    if (fixed && cost_sites(p, p->graph->fixed, sites))
        return cost_runs(p, use, sites);
    return use->samples != SAMPLES_ONE && use->tiling != UNTILED;
}

/* Of a phase without sites. */
static double cycles_once(const Program *p, const PhaseUse *use, Arena *a)
{
    int64_t *sites = NEW_ARRAY(a, int64_t, p->lattices);
    for (int i = 0; i < p->lattices; i++)
        sites[i] = 1;
    Cost c = cost_phase(p, &p->phase[use->phase], &(CostSites){.sites = sites});
    return cost_cycles(p, &c, cost_busiest(p, &c));
}

CostLine cost_line(const Program *p, const Kernel *k, Arena *a)
{
    CostLine line = {.site = NEW_ARRAY(a, double, p->lattices),
                     .strip = NEW_ARRAY(a, double, p->lattices),
                     .halo = NEW_ARRAY(a, double, p->geometries),
                     .bytes = NEW_ARRAY(a, double, p->lattices)};
    for (int i = 0; i < k->blocks; i++) {
        const PhaseUse *use = &k->block[i];
        if (counts(p, use, a))
            add_phase(p, &p->phase[use->phase], &line);
        if (use->samples != SAMPLES_ANY)
            line.one += (use->samples == SAMPLES_ONE ? 1 : -1) * cycles_once(p, use, a);
    }
    return line;
}

/* ---- far memory ---- */

enum { ROWS = 64 }; /* of a lattice that leaves near memory */

static const int64_t *far_sites(const Program *p, Arena *a)
{
    int64_t extent[AXES_MAX], *sites = NEW_ARRAY(a, int64_t, p->lattices);
    for (int axis = 0; axis < p->graph->rank; axis++)
        extent[axis] = p->graph->fixed[axis] ? p->graph->fixed[axis] : ROWS;
    cost_sites(p, extent, sites);
    return sites;
}

double cost_far(const Program *p, const Kernel *k)
{
    Arena *a = arena_new();
    const CostSites at = {.sites = far_sites(p, a)};
    Cost sum;
    double all = cost_block(p, k, &at, &sum);
    arena_free(a);
    return all > 0 ? sum.bytes / FAR_BYTES_A_CYCLE / all : 0;
}

/* Tiles are done four at once, so that a band leaves one or two places of these empty. */
static double begin_band(const PhaseUse *use, double cycles_of_site)
{
    enum { BEGIN = 200, PLACES = 6 }; /* cycles, as measured; sites */
    if (use->bands.stage != STAGE_SWEPT)
        return 0;
    return use->tiling == TILED ? BEGIN + PLACES * cycles_of_site : BEGIN;
}

CostSweep cost_sweep(const Program *p, const Kernel *k)
{
    Arena *a = arena_new();
    const CostSites at = {.sites = far_sites(p, a)};
    const double sites = (double)at.sites[1];
    Cost sum;
    double all = cost_block(p, k, &at, &sum), more = 0, begin = 0;
    for (int i = 0; i < k->blocks; i++) {
        const PhaseUse *use = &k->block[i];
        if (!cost_runs(p, use, at.sites))
            continue;
        Cost c = cost_phase(p, &p->phase[use->phase], &at);
        double cycles = cost_cycles(p, &c, cost_busiest(p, &c));
        begin += begin_band(use, cycles / sites);
        more += (use->bands.before + use->bands.after) * cycles;
    }
    arena_free(a);
    return (CostSweep){more / all, cost_far(p, k), begin * sites / all};
}
