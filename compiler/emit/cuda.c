#include "emit/cuda.h"

#include <inttypes.h>

#include "emit/phase.h"

static void basics(Writer *w, const EmitInput *in)
{
    const Program *p = in->cuda;
    bool f64 = p->precision == PRECISION_F64;
    if (f64)
        w_line(w, "#define ARCH_REAL_F64");
    w_line(w, "typedef %s real;", f64 ? "double" : "float");
    w_blank(w);
    w_line(w, "enum { AXES = %d, PACKED = %" PRId64 ", PARAMS = %" PRId64 " };",
           in->graph->rank, p->packed_count, in->graph->param_count);
    w_blank(w);
}

static void text(Writer *w, const char *prelude)
{
    w_text(w, prelude);
    w_blank(w);
}

/* ---- kernels ---- */

static const char *const condition[] = {"", "if (f->dx)", "if (f->sums)"};

/* The phases of one pass, each on its own lattice, or all on the tile the block is at. */
static void phases(Writer *w, const Program *p, const Schedule *k, int pass, bool grid)
{
    for (int i = 0; i < k->uses; i++) {
        if (k->pass[i] != pass)
            continue;
        const PhaseUse *use = &k->use[i], *next = use + 1;
        const Phase *phase = &p->phase[use->phase];
        bool first = i == 0 || k->epoch[i - 1] != k->epoch[i];
        bool last = i + 1 == k->uses || k->epoch[i + 1] != k->epoch[i];
        bool conditional = use->when != WHEN_ALWAYS;
        if (conditional && (first || use[-1].when != use->when))
            w_open(w, "%s", condition[use->when]);
        if (grid)
            w_line(w, "%s_cuda(f, at);", phase->name);
        else
            w_line(w, "%s_cuda(f, whole(at, f->sites%d));", phase->name,
                   phase->lattice);
        if (conditional && (last || next->when != use->when))
            w_close(w, "");
        if (last && !(grid && k->of_pass[pass].apart))
            w_line(w, "__syncthreads();");
    }
}

static void on_block(Writer *w, const EmitInput *in, const Kernel *k)
{
    const char *what = plan_what_name[k->what];
    bool scratch = k->what == WHAT_GRADIENT;
    w_line(w, "ENTRY %s_%s(const __grid_constant__ Frame frame)", in->name, what);
    w_brace(w);
    w_line(w, "extern __shared__ double shared[];");
    w_line(w, "const Frame *f = &frame;");
    w_line(w, "Block at = block_of(f, shared, %s);", scratch ? "THREADS" : "0");
    if (k->what != WHAT_FORWARD)
        w_line(w, "clear_sums(f, at);");
    w_open(w, "for (; at.sample < f->batch; at.sample += gridDim.x)");
    phases(w, in->cuda, k->spread[SPREAD_BLOCK], 0, false);
    w_close(w, "");
    w_close(w, "");
    w_blank(w);
}

static void on_grid(Writer *w, const EmitInput *in, const Kernel *k, int pass)
{
    const Schedule *s = k->spread[SPREAD_GRID];
    const char *what = plan_what_name[k->what];
    bool scratch = k->what == WHAT_GRADIENT;
    w_line(w, "GRID_ENTRY %s_%s_%d(const __grid_constant__ Frame frame)", in->name,
           what, pass);
    w_brace(w);
    w_line(w, "extern __shared__ double shared[];");
    w_line(w, "const Frame *f = &frame;");
    w_line(w, "Block at = block_of(f, shared, %s);", scratch ? "THREADS" : "0");
    if (k->what != WHAT_FORWARD && pass == 0) {
        w_open(w, "if (f->first == 0)");
        w_line(w, "clear_sums(f, at);");
        w_close(w, "");
    }
    w_open(w,
           "for (int64 tile = blockIdx.x; find_tile(f, &at, tile, f->sites%d);"
           " tile += gridDim.x)",
           s->of_pass[pass].lattice);
    phases(w, in->cuda, s, pass, true);
    w_close(w, "");
    w_close(w, "");
    w_blank(w);
}

static void kernels(Writer *w, const EmitInput *in)
{
    const Program *p = in->cuda;
    w_line(w, "/* ---- kernels: grid (blocks, instances) ---- */");
    w_blank(w);
    w_line(w, "/* A sample in a block. */");
    w_line(w, "#ifndef ARCH_ONLY_GRID");
    for (int what = 0; what < WHAT_COUNT; what++)
        if (p->kernel[what].used)
            on_block(w, in, &p->kernel[what]);
    w_line(w, "#endif");
    w_blank(w);
    w_line(w, "/* Tiles of some samples in all blocks, one pass after the other. */");
    w_line(w, "#ifndef ARCH_ONLY_BLOCK");
    for (int what = 0; what < WHAT_COUNT; what++)
        for (int i = 0;
             p->kernel[what].used && i < p->kernel[what].spread[SPREAD_GRID]->passes;
             i++)
            on_grid(w, in, &p->kernel[what], i);
    w_line(w, "#endif");
    w_blank(w);
    w_line(w, "ENTRY %s_reduce(const __grid_constant__ Frame frame)", in->name);
    w_brace(w);
    w_line(w, "add_blocks(&frame);");
    w_close(w, "");
    w_blank(w);
}

/* ---- tables and packing ---- */

static const char *numbers(Writer *w, const int *value, int count)
{
    const char *text = count ? "" : "0";
    for (int i = 0; i < count; i++)
        text = arena_printf(w->arena, "%s%s%d", text, i ? ", " : "", value[i]);
    return text;
}

static void table(Writer *w, const Program *p, const Geometry *g, int number)
{
    int axes = p->lattice[g->in].rank, circular[AXES_MAX];
    for (int axis = 0; axis < axes; axis++)
        circular[axis] = g->window.boundary[axis] == BOUNDARY_CIRCULAR;
    const char *name = plan_buffer(p, g->table)->name;
    w_line(w, "const Window w%d = {%d, {%s}, {%s}, {%s}, {%s}};", number, axes,
           numbers(w, g->window.kernel, axes), numbers(w, g->window.stride, axes),
           numbers(w, g->window.before, axes), numbers(w, circular, axes));
    const char *where = arena_printf(w->arena, "&w%d, frame.extent%d, frame.extent%d",
                                     number, g->in, g->out);
    switch (g->kind) {
    case NEAR_FORWARD: w_line(w, "fill_near(frame.%s, %s);", name, where); break;
    case NEAR_BACKWARD: w_line(w, "fill_back(frame.%s, %s);", name, where); break;
    case COVER: w_line(w, "fill_cover(frame.%s, 0, %s);", name, where); break;
    case COVER_TAP: w_line(w, "fill_cover(0, frame.%s, %s);", name, where); break;
    }
}

static void tables(Writer *w, const EmitInput *in)
{
    const Program *p = in->cuda;
    w_line(w, "/* Windows: axes, kernel, stride, sites before, wraps around. */");
    w_line(w, "ENTRY %s_tables(const __grid_constant__ Frame frame)", in->name);
    w_brace(w);
    if (!p->geometries)
        w_line(w, "(void)frame;");
    for (int i = 0; i < p->geometries; i++)
        table(w, p, &p->geometry[i], i);
    w_close(w, "");
    w_blank(w);
}

static void pack(Writer *w, const EmitInput *in)
{
    const Program *p = in->cuda;
    w_line(w, "ENTRY %s_pack(const __grid_constant__ Frame frame)", in->name);
    w_brace(w);
    w_line(w, "const real *from = frame.params + (int64)blockIdx.y * PARAMS;");
    w_line(w, "real *to = frame.packed + (int64)blockIdx.y * PACKED;");
    if (!p->packings)
        w_line(w, "(void)from, (void)to;");
    for (int i = 0; i < p->packings; i++) {
        const Packing *k = &p->packing[i];
        const Param *param = &in->graph->param[k->param];
        w_line(w,
               "pack_matrix(from + %" PRId64 ", to + %" PRId64 ", %d, %d, %d, %" PRId64
               ", %" PRId64 ", %" PRId64 "); /* %s */",
               param->offset, k->offset, k->out, k->taps, k->in, k->stride_out,
               k->stride_tap, k->stride_in, param->name);
    }
    w_close(w, "");
}

const char *emit_cuda(const EmitInput *in, Arena *a)
{
    const Program *p = in->cuda;
    if (!emit_cuda_fits(p))
        return NULL;
    Writer w;
    w_begin(&w, a);
    emit_banner(&w, in, ".cu");
    basics(&w, in);
    text(&w, prelude_cuda);
    w_line(&w, "/* ---- this network ---- */");
    w_blank(&w);
    emit_cuda_frame(&w, p, false);
    text(&w, prelude_cuda_block);
    if (in->graph->loss != LOSS_NONE)
        text(&w, prelude_cuda_loss);
    text(&w, prelude_cuda_tables);
    if (p->mma)
        text(&w, prelude_cuda_mma);
    w_line(&w, "/* ---- phases: loops over items dealt to the threads "
               "---- */");
    w_blank(&w);
    PhaseSource source = {in->source_name, in->source};
    for (int i = 0; i < p->phases; i++)
        emit_phase(&w, &source, &dialect_cuda, p, &p->phase[i]);
    kernels(&w, in);
    tables(&w, in);
    pack(&w, in);
    return w_end(&w);
}
