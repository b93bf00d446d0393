#include <inttypes.h>

#include "plan/memory.h"
#include "plan/print.h"

static const char *const space_name[] = {"none", "packed", "table",
                                         "work", "sum",    "stack"};
const char *const plan_what_name[WHAT_COUNT] = {"forward", "gradient", "vjp",
                                                "winners", "sweep",    "sweep_back"};
static const char *const when_name[] = {"", " if dx", " if dparams"};
static const char *const geometry_name[] = {"near", "back", "cover", "cover_tap"};

/* sites NULL: costs are left out. */
static void print_phase(const Program *p, const Phase *phase, const int64_t *sites,
                        FILE *out)
{
    fprintf(out, "phase %s, lattice %d: %s\n", phase->name, phase->lattice,
            phase->note);
    if (phase->formula)
        fprintf(out, "  # %s\n", phase->formula);
    if (sites)
        print_phase_cost(p, phase, sites, out);
    print_code(p, phase, out);
}

void phase_print(const Program *p, const Phase *phase, FILE *out)
{
    print_phase(p, phase, NULL, out);
}

static void print_lattices(const Program *p, FILE *out)
{
    for (int i = 0; i < p->lattices; i++) {
        fprintf(out, "lattice %d:", i);
        if (p->lattice[i].tiled) {
            fprintf(out, " tiles of lattice %d, 2 sites an axis\n",
                    p->lattice[i].tiled);
            continue;
        }
        for (int k = 0; k < p->lattice[i].rank; k++) {
            fputs(k ? " x " : " ", out);
            extent_print(p->graph, p->lattice[i].extent[k], out);
        }
        fputs(p->lattice[i].rank ? "" : " one site", out);
        fputs(p->lattice[i].winners ? " winners\n" : "\n", out);
    }
}

static void print_geometries(const Program *p, FILE *out)
{
    for (int i = 0; i < p->geometries; i++) {
        const Geometry *g = &p->geometry[i];
        fprintf(out, "table %s: %s, lattice %d -> %d, kernel",
                plan_buffer(p, g->table)->name, geometry_name[g->kind], g->in, g->out);
        for (int k = 0; k < p->lattice[g->in].rank; k++)
            fprintf(out, "%s%d", k ? "x" : " ", g->window.kernel[k]);
        fprintf(out, ", %d rows\n", g->rows);
    }
}

static void print_buffers(const Program *p, FILE *out)
{
    for (int i = 1; i < p->buffers; i++) {
        const Buffer *b = &p->buffer[i];
        fprintf(out, "buffer %s: %s", b->name, space_name[b->space]);
        if (b->channels)
            fprintf(out, ", %d channels", b->channels);
        if (b->space == SPACE_WORK || b->space == SPACE_TABLE)
            fprintf(out, ", lattice %d", b->lattice);
        if (b->pitch)
            fprintf(out, ", %d apart%s", b->pitch,
                    b->zero_site ? ", zeros behind" : "");
        if (b->far)
            fputs(b->by_tile ? ", far, by tile" : ", far", out);
        if (b->count)
            fprintf(out, ", %" PRId64, b->count);
        fputs(b->around ? ", ghost and halo\n" : "\n", out);
    }
}

static void print_packings(const Program *p, FILE *out)
{
    for (int i = 0; i < p->packings; i++) {
        const Packing *k = &p->packing[i];
        fprintf(out, "packed %" PRId64 ": %s as ", k->offset,
                p->graph->param[k->param].name);
        if (k->axes)
            fprintf(out, "[3 ^ %d products][%d out][%d in][%d]%s\n", k->axes, k->out,
                    k->in, k->width, k->mirrored ? ", mirrored" : "");
        else
            fprintf(out, "[%d out][%d tap][%d in][8]\n", k->out, k->taps, k->in);
    }
}

/* Bands that are walked, the part's being 0 .. last. */
static void print_bands(const Bands *bands, FILE *out)
{
    if (bands->stage == STAGE_SWEPT)
        fprintf(out, ", %d behind, bands %d .. last + %d", bands->lag, -bands->before,
                bands->after);
}

static void print_uses(const Program *p, const char *when, const PhaseUse *use,
                       int uses, int ring, FILE *out)
{
    for (int i = 0; i < uses; i++) {
        fprintf(out, "  %s %s%s", when, p->phase[use[i].phase].name,
                when_name[use[i].when]);
        if (use[i].tiling != TILED_OR_NOT)
            fprintf(out, " %s tiles %d", use[i].tiling == TILED ? "by" : "without",
                    use[i].tiles);
        if (use[i].samples != SAMPLES_ANY)
            fprintf(out, " of %s",
                    use[i].samples == SAMPLES_ONE ? "one sample" : "more");
        if (ring)
            print_bands(&use[i].bands, out);
        fputc('\n', out);
    }
}

/* CUDA: what is done in which launch, and between which barriers. */
static void print_grid(const Program *p, const Schedule *s, FILE *out)
{
    for (int i = 0; i < s->uses; i++)
        fprintf(out, "  pass %d, lattice %d, epoch %d %s%s\n", s->pass[i],
                s->of_pass[s->pass[i]].lattice, s->epoch[i],
                p->phase[s->use[i].phase].name, when_name[s->use[i].when]);
    for (int i = 1; i < p->buffers; i++)
        if (p->buffer[i].space == SPACE_WORK && s->life[i].used)
            fprintf(out, "  %s %d .. %d: %s\n", p->buffer[i].far ? "passes" : "epochs",
                    s->life[i].first, s->life[i].last, p->buffer[i].name);
}

/* What a pass reads from and writes to global memory at least: channels of a site, or tile. */
static void print_moved(const Program *p, const Schedule *s, int pass, FILE *out)
{
    Arena *a = arena_new();
    bool *touched = NEW_ARRAY(a, bool, p->buffers);
    for (int i = 0; i < s->uses; i++)
        if (s->pass[i] == pass)
            memory_touched(&p->phase[s->use[i].phase], touched);
    fprintf(out, "  pass %d moves", pass);
    for (int i = 1; i < p->buffers; i++)
        if (touched[i] && p->buffer[i].far)
            fprintf(out, " %s[%d]", p->buffer[i].name, p->buffer[i].channels);
    fputc('\n', out);
    arena_free(a);
}

static void print_block(const Program *p, const Schedule *s, FILE *out)
{
    for (int i = 0; i < s->uses; i++)
        fprintf(out, "  epoch %d %s%s\n", s->epoch[i], p->phase[s->use[i].phase].name,
                when_name[s->use[i].when]);
    for (int i = 1; i < p->buffers; i++)
        if (p->buffer[i].space == SPACE_WORK && s->life[i].used)
            fprintf(out, "  life %d .. %d: %s\n", s->life[i].first, s->life[i].last,
                    p->buffer[i].name);
}

static void print_kernel(const Program *p, const Kernel *k, FILE *out)
{
    fprintf(out, "kernel %s\n", plan_what_name[k->what]);
    if (k->spread[SPREAD_BLOCK]) {
        print_block(p, k->spread[SPREAD_BLOCK], out);
        fprintf(out, "kernel %s on the grid\n", plan_what_name[k->what]);
        print_grid(p, k->spread[SPREAD_GRID], out);
        for (int pass = 0; pass < k->spread[SPREAD_GRID]->passes; pass++)
            print_moved(p, k->spread[SPREAD_GRID], pass, out);
    }
    if (k->what == WHAT_WINNERS)
        fprintf(out, "  in place of gradient: more than %d sites of lattice %d\n",
                k->sites_least, k->pooled);
    if (k->ring)
        fprintf(out, "  in place of %s, by bands: fields hold %d\n",
                k->what == WHAT_SWEEP ? "forward" : "gradient", k->ring);
    print_uses(p, "begin", k->begin, k->begins, 0, out);
    print_uses(p, "block", k->block, k->blocks, k->ring, out);
    print_uses(p, "end  ", k->end, k->ends, 0, out);
    for (int i = 0; i < k->slots; i++) {
        fprintf(out, "  slot %d:", i);
        for (int j = 0; j < k->slot[i].bufs; j++)
            fprintf(out, " %s", plan_buffer(p, k->slot[i].buf[j])->name);
        fputc('\n', out);
    }
    for (int i = 0; i < k->lattices; i++)
        if (k->fma[i] > 0)
            fprintf(out, "  %.0f fma per site of lattice %d\n", k->fma[i], i);
}

/* The sites for which costs are shown; NULL if the network cannot take this lattice. */
static const int64_t *cost_lattice(const Program *p, const int64_t *extent, Arena *a)
{
    int64_t *sites = NEW_ARRAY(a, int64_t, p->lattices);
    return extent && cost_sites(p, extent, sites) ? sites : NULL;
}

void plan_print(const Program *p, const int64_t *extent, FILE *out)
{
    Arena *a = arena_new();
    const int64_t *sites = cost_lattice(p, extent, a);
    fprintf(out, "program %s, %s, %s", p->graph->name,
            p->precision == PRECISION_F64 ? "f64" : "f32", p->target.name);
    if (plan_width(p))
        fprintf(out, ", %d lanes a register", plan_width(p));
    fputc('\n', out);
    print_lattices(p, out);
    print_geometries(p, out);
    print_buffers(p, out);
    print_packings(p, out);
    for (int what = 0; what < WHAT_COUNT; what++)
        if (p->kernel[what].used) {
            print_kernel(p, &p->kernel[what], out);
            if (sites)
                print_kernel_cost(p, &p->kernel[what], extent, sites, out);
        }
    for (int i = 0; i < p->phases; i++)
        print_phase(p, &p->phase[i], sites, out);
    arena_free(a);
}
