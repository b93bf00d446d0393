#include "flux_cuda.h"

#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "gpu_text.h"

/* Numbers that a chain draws in a launch, about: some 0.1 s. */
enum { LAUNCH_DRAWS = 1 << 20 };

struct FluxCuda {
    GpuProgram *kernels;
    Gpu *gpu;
    FluxChain *const *chain;
    int64_t chains;
    FluxShape shape;
    FluxArgument argument;
    FluxState *state; /* (chains) */
    int8_t *links;    /* as on the device, on the way from there and back */
    int16_t *half;
    GpuMemory d_state, d_links, d_half, work, neighbour, link, threshold, r;
};

GpuSource flux_cuda_source(void)
{
    static const char *const option[] = {"--fmad=false"};
    return (GpuSource){.name = "flux_kernels.cu",
                       .text = gpu_text_flux,
                       .option = option,
                       .options = 1};
}

bool flux_cuda_load(GpuProgram *p, Gpu *gpu, GpuCompiler *compiler, ArchError *e)
{
    const GpuSource source = flux_cuda_source();
    return gpu_program_load(p, gpu, compiler, &source, e);
}

/* Words of a chain's cells: a pair a link, F/2 a site. */
static int64_t words_of(const Lattice *g)
{
    return ((int64_t)g->sites * (g->rank + 1) + 1) / 2;
}

/* Few chains go to as many warps as work at once, four a multiprocessor: a thread alone in
 * its warp waits for no other.  Shared memory, unless a warp has to be cut for it and the
 * chains then wait for one another. */
FluxShape flux_cuda_shape(const GpuInfo *info, const Lattice *g, int64_t chains)
{
    enum {
        WARP = 32,
        WARPS = 4,
        RESERVED = 1024
    }; /* bytes of a block that CUDA takes */
    const int64_t chain = words_of(g) * 4, warps = (int64_t)info->sms * WARPS;
    int64_t threads = (chains + warps - 1) / warps;
    threads = threads < WARP ? threads : WARP;
    const int64_t fit = info->shared_per_block / chain;
    const int64_t cut = fit < threads ? fit : threads;
    const int64_t together =
        cut > 0 ? info->sms * cut * (info->shared_per_sm / (cut * chain + RESERVED))
                : 0;
    FluxShape s = {.shared = cut > 0 && (cut == threads || chains <= together)};
    s.threads = (int)(s.shared ? cut : chains > warps * WARP ? FLUX_THREADS : threads);
    s.blocks = (chains + s.threads - 1) / s.threads;
    s.bytes = (size_t)(chain * (s.shared ? s.threads : s.blocks * s.threads));
    return s;
}

/* ---- tables ---- */

/* Chains of one point, which share a table, stand together: rows of the tables. */
static int64_t number_points(FluxCuda *f)
{
    int64_t points = 0;
    for (int64_t i = 0; i < f->chains; i++) {
        points += i == 0 || f->chain[i]->table.open != f->chain[i - 1]->table.open;
        f->state[i].point = points - 1;
    }
    return points;
}

static bool upload_tables(FluxCuda *f, ArchError *e)
{
    const int64_t points = number_points(f);
    const size_t size = (size_t)f->chain[0]->table.size;
    const size_t rows = FLUX_ROWS * size * sizeof(uint64_t), r = size * sizeof(double);
    bool ok = gpu_alloc(f->gpu, (size_t)points * rows, &f->threshold, e) &&
              gpu_alloc(f->gpu, (size_t)points * r, &f->r, e);
    for (int64_t i = 0, point = -1; ok && i < f->chains; i++) {
        const FluxTable *t = &f->chain[i]->table;
        if (f->state[i].point == point)
            continue;
        point = f->state[i].point;
        const size_t at = (size_t)point;
        ok = gpu_upload(f->gpu, gpu_part(f->threshold, at * rows, rows), t->open, rows,
                        e) &&
             gpu_upload(f->gpu, gpu_part(f->r, at * r, r), t->r, r, e);
    }
    return ok;
}

static bool upload_lattice(FluxCuda *f, ArchError *e)
{
    const Lattice *g = &f->chain[0]->lattice;
    const size_t sites = (size_t)g->sites, rank = (size_t)g->rank;
    const FluxPlace *order = f->chain[0]->place + sites * 4 * rank;
    return gpu_upload_new(f->gpu, &f->neighbour, g->neighbour,
                          sites * 2 * rank * sizeof *g->neighbour, e) &&
           gpu_upload_new(f->gpu, &f->link, order, sites * rank * sizeof *order, e);
}

/* ---- chains ---- */

static void take_chain(FluxCuda *f, int64_t i)
{
    const FluxChain *c = f->chain[i];
    const size_t sites = (size_t)c->lattice.sites;
    const size_t links = sites * 2 * (size_t)c->lattice.rank;
    FluxState *s = &f->state[i];
    memcpy(s->key, c->draws.rng.key, sizeof s->key);
    memcpy(s->counter, c->draws.rng.counter, sizeof s->counter);
    s->counter[0] = 0;
    s->counter[3] &= 255;
    s->draws = flux_draws_taken(&c->draws);
    s->proposals = c->proposals;
    s->updates = c->updates;
    memcpy(f->links + (size_t)i * links, c->field.links, links);
    memcpy(f->half + (size_t)i * sites, c->field.half, sites * sizeof *f->half);
}

static bool upload_chains(FluxCuda *f, ArchError *e)
{
    const Lattice *g = &f->chain[0]->lattice;
    const size_t cells = (size_t)f->chains * (size_t)g->sites;
    const size_t links = cells * 2 * (size_t)g->rank, half = cells * sizeof *f->half;
    f->links = malloc(links);
    f->half = malloc(half);
    if (!f->links || !f->half)
        return error_set(e, ARCH_EXIT_FILE, "out of memory for %lld Markov chains",
                         (long long)f->chains);
    for (int64_t i = 0; i < f->chains; i++)
        take_chain(f, i);
    return gpu_upload_new(f->gpu, &f->d_links, f->links, links, e) &&
           gpu_upload_new(f->gpu, &f->d_half, f->half, half, e) &&
           gpu_alloc(f->gpu, (size_t)f->chains * sizeof *f->state, &f->d_state, e) &&
           (f->shape.shared || gpu_alloc(f->gpu, f->shape.bytes, &f->work, e));
}

static void fill_argument(FluxCuda *f)
{
    const Lattice *g = &f->chain[0]->lattice;
    const int64_t sweeps =
        LAUNCH_DRAWS / ((FLUX_STEPS + 1) * (int64_t)g->rank * g->sites);
    f->argument = (FluxArgument){.links = gpu_pointer(f->d_links, 0),
                                 .half = gpu_pointer(f->d_half, 0),
                                 .state = gpu_pointer(f->d_state, 0),
                                 .work = gpu_pointer(f->work, 0),
                                 .neighbour = gpu_pointer(f->neighbour, 0),
                                 .link = gpu_pointer(f->link, 0),
                                 .threshold = gpu_pointer(f->threshold, 0),
                                 .r = gpu_pointer(f->r, 0),
                                 .chains = f->chains,
                                 .sites = g->sites,
                                 .rank = g->rank,
                                 .size = f->chain[0]->table.size,
                                 .words = words_of(g),
                                 .sweeps = sweeps > 0 ? sweeps : 1};
}

bool flux_cuda_new(FluxCuda **to, GpuProgram *kernels, FluxChain *const *chain,
                   int64_t chains, ArchError *e)
{
    FluxCuda *f = memory_new(sizeof *f);
    *f = (FluxCuda){
        .kernels = kernels, .gpu = kernels->gpu, .chain = chain, .chains = chains};
    f->shape = flux_cuda_shape(gpu_info(f->gpu), &chain[0]->lattice, chains);
    f->state = memory_new((size_t)chains * sizeof *f->state);
    memset(f->state, 0, (size_t)chains * sizeof *f->state);
    *to = f;
    if (upload_chains(f, e) && upload_tables(f, e) && upload_lattice(f, e)) {
        fill_argument(f);
        return true;
    }
    flux_cuda_free(f);
    *to = NULL;
    return false;
}

void flux_cuda_free(FluxCuda *f)
{
    if (!f)
        return;
    GpuMemory *all[] = {&f->d_state,   &f->d_links, &f->d_half,    &f->work,
                        &f->neighbour, &f->link,    &f->threshold, &f->r};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        gpu_free(f->gpu, all[i]);
    free(f->state);
    free(f->links);
    free(f->half);
    free(f);
}

/* ---- sweeps ---- */

static bool start(FluxCuda *f, ArchError *e)
{
    const FluxShape *s = &f->shape;
    ArchCudaLaunch l = {
        .kernel = s->shared ? "worms_shared" : "worms_global",
        .grid = {(unsigned)s->blocks, 1},
        .threads = s->threads,
        .shared_bytes = s->shared ? s->bytes : 0,
        .argument_bytes = sizeof f->argument
    };
    memcpy(l.argument, &f->argument, sizeof f->argument);
    return gpu_program_start(f->kernels, &l, e);
}

/* The counts, and whether a flux left its range. */
static bool read_state(FluxCuda *f, ArchError *e)
{
    const size_t bytes = (size_t)f->chains * sizeof *f->state;
    if (!gpu_download(f->gpu, f->state, f->d_state, bytes, e))
        return false;
    for (int64_t i = 0; i < f->chains; i++) {
        const FluxState *s = &f->state[i];
        f->chain[i]->proposals = s->proposals;
        f->chain[i]->updates = s->updates;
        if (s->failed)
            return flux_overflow(f->chain[i], (int32_t)(s->failed - 1), e);
    }
    return true;
}

bool flux_cuda_run(FluxCuda *f, const int64_t *sweeps, ArchError *e)
{
    int64_t most = 0;
    for (int64_t i = 0; i < f->chains; i++) {
        f->state[i].sweeps = sweeps[i];
        f->state[i].worms = f->chain[i]->worms;
        most = sweeps[i] > most ? sweeps[i] : most;
    }
    const size_t bytes = (size_t)f->chains * sizeof *f->state;
    bool ok = gpu_upload(f->gpu, f->d_state, f->state, bytes, e);
    for (; ok && most > 0; most -= f->argument.sweeps)
        ok = start(f, e);
    return ok && read_state(f, e);
}

bool flux_cuda_fetch(FluxCuda *f, ArchError *e)
{
    const Lattice *g = &f->chain[0]->lattice;
    const size_t sites = (size_t)g->sites, links = sites * 2 * (size_t)g->rank;
    if (!gpu_download(f->gpu, f->links, f->d_links, f->d_links.bytes, e) ||
        !gpu_download(f->gpu, f->half, f->d_half, f->d_half.bytes, e))
        return false;
#pragma omp parallel for
    for (int64_t i = 0; i < f->chains; i++) {
        FluxChain *c = f->chain[i];
        const size_t at = (size_t)i;
        memcpy(c->field.links, f->links + at * links, links);
        memcpy(c->field.half, f->half + at * sites, sites * sizeof *f->half);
        flux_draws_seek(&c->draws, f->state[i].draws);
    }
    return true;
}
