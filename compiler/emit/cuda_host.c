#include <inttypes.h>
#include <string.h>

#include "emit/cuda.h"

static void extent_line(Writer *w, int lattice, int axis, Extent e)
{
    if (e.axis < 0)
        w_line(w, "f->extent%d[%d] = %" PRId64 ";", lattice, axis, e.add);
    else
        w_line(w, "f->extent%d[%d] = (int)((extent[%d] + %" PRId64 ") / %" PRId64 ");",
               lattice, axis, e.axis, e.add, e.div);
}

static void extents(Writer *w, const EmitInput *in)
{
    const Program *p = in->cuda;
    w_line(w, "static int cuda_extents(CudaFrame *f, const int64_t *extent)");
    w_brace(w);
    w_line(w, "(void)extent;");
    for (int axis = 0; axis < in->graph->rank; axis++) {
        if (in->graph->fixed[axis])
            w_open(w, "if (extent[%d] != %" PRId64 ")", axis, in->graph->fixed[axis]);
        else
            w_open(w, "if (extent[%d] < 1 || extent[%d] > 1 << 30)", axis, axis);
        w_line(w, "return 0;");
        w_close(w, "");
        w_line(w, "f->extent[%d] = (int)extent[%d];", axis, axis);
    }
    const char *all = "";
    for (int i = 0; i < p->lattices; i++) {
        for (int axis = 0; axis < p->lattice[i].rank; axis++)
            extent_line(w, i, axis, p->lattice[i].extent[axis]);
        w_line(w, "f->sites%d = cuda_sites(%d, f->extent%d);", i, p->lattice[i].rank,
               i);
        all = arena_printf(w->arena, "%s%sf->sites%d", all, i ? " && " : "", i);
    }
    w_line(w, "return %s;", all);
    w_close(w, "");
    w_blank(w);
}

static void tables(Writer *w, const Program *p)
{
    w_line(w, "/* Numbers of all tables, which are pointed to if they are given. */");
    w_line(w, "static int64_t cuda_tables(CudaFrame *f, int *tables)");
    w_brace(w);
    w_line(w, "int64_t used = 0;");
    for (int i = 1; i < p->buffers; i++) {
        const Buffer *b = &p->buffer[i];
        if (b->space != SPACE_TABLE)
            continue;
        w_line(w, "f->%s = tables ? tables + used : NULL;", b->name);
        w_line(w, "used += (int64_t)%" PRId64 " * f->sites%d;", b->count, b->lattice);
    }
    w_line(w, "(void)f, (void)tables;");
    w_line(w, "return used;");
    w_close(w, "");
    w_blank(w);
}

/* How many sites, or tiles, of its lattice a field has. */
static const char *field_sites(Writer *w, const Buffer *b, bool near)
{
    const char *sites = arena_printf(w->arena, "f->sites%d", b->lattice);
    if (b->by_tile)
        sites = arena_printf(w->arena, "cuda_tiles(f->tile, %s)", sites);
    else if (near)
        sites = arena_printf(w->arena, "cuda_tile(f->tile, %s)", sites);
    return b->zero_site ? arena_printf(w->arena, "(%s + 1)", sites) : sites;
}

static void place(Writer *w, const Program *p, const Kernel *k, Spread to, bool far)
{
    const Schedule *s = k->spread[to];
    int count = 0;
    w_open(w, "case %s:", emit_what_enum[k->what]);
    for (int i = 1; i < p->buffers; i++) {
        const Buffer *b = &p->buffer[i];
        if (b->space != SPACE_WORK || !s->life[i].used ||
            (to == SPREAD_GRID && b->far != far))
            continue;
        if (count++ == 0)
            w_open(w, "CudaField field[] =");
        w_line(w, "{%d, %d, (int64_t)%d * %s, &f->%s},", s->life[i].first,
               s->life[i].last, b->pitch, field_sites(w, b, to == SPREAD_GRID && !far),
               b->name);
    }
    if (count) {
        w_close(w, ";");
        w_line(w, "return cuda_place(field, %d);", count);
    } else {
        w_line(w, "return cuda_place(NULL, 0);");
    }
    w_close(w, "");
}

static void place_kernels(Writer *w, const Program *p, const char *name, Spread to,
                          bool far)
{
    w_line(w, "static int64_t %s(CudaFrame *f, ArchWhat what)", name);
    w_brace(w);
    w_line(w, "(void)f; /* a network of vectors alone has none */");
    w_open(w, "switch (what)");
    for (int what = 0; what < WHAT_WINNERS; what++)
        if (p->kernel[what].used)
            place(w, p, &p->kernel[what], to, far);
        else
            w_line(w, "case %s: return 0;", emit_what_enum[what]);
    w_close(w, "");
    w_line(w, "return 0;");
    w_close(w, "");
    w_blank(w);
}

static void fields(Writer *w, const Program *p)
{
    w_line(w, "/* Numbers of the fields of one sample in a block: from which epoch to "
              "which, size. */");
    place_kernels(w, p, "cuda_fields", SPREAD_BLOCK, false);
    w_line(w,
           "/* On the grid: of one tile in a block, by epochs; of a sample, by passes. "
           "*/");
    place_kernels(w, p, "cuda_near", SPREAD_GRID, false);
    place_kernels(w, p, "cuda_far", SPREAD_GRID, true);
}

static void sites_most(Writer *w, const Program *p)
{
    w_line(w, "/* Of the largest lattice. */");
    w_line(w, "static int cuda_sites_most(const CudaFrame *f)");
    w_brace(w);
    w_line(w, "int most = 1;");
    for (int i = 0; i < p->lattices; i++)
        w_line(w, "most = f->sites%d > most ? f->sites%d : most;", i, i);
    w_line(w, "return most;");
    w_close(w, "");
    w_blank(w);
}

static void work(Writer *w, const Program *p)
{
    w_line(w, "/* Multiply-adds of one sample. */");
    w_line(w, "static double cuda_fma(const CudaFrame *f, ArchWhat what)");
    w_brace(w);
    w_open(w, "switch (what)");
    for (int what = 0; what < WHAT_WINNERS; what++) {
        const Kernel *k = &p->kernel[what];
        const char *sum = "0";
        for (int i = 0; i < k->lattices; i++)
            if (k->fma[i] > 0)
                sum = arena_printf(w->arena, "%s + %.0f. * f->sites%d", sum, k->fma[i],
                                   i);
        w_line(w, "case %s: return %s;", emit_what_enum[what], sum);
    }
    w_close(w, "");
    w_line(w, "(void)f;");
    w_line(w, "return 0;");
    w_close(w, "");
    w_blank(w);
}

static void items(Writer *w, const Program *p)
{
    w_line(w, "/* The items of the phase that has most. */");
    w_line(w, "static int64_t cuda_items(const CudaFrame *f, ArchWhat what)");
    w_brace(w);
    w_line(w, "int64_t most = 0, items;");
    w_open(w, "switch (what)");
    for (int what = 0; what < WHAT_WINNERS; what++) {
        const Kernel *k = &p->kernel[what];
        w_line(w, "case %s:", emit_what_enum[what]);
        w->depth++;
        for (int i = 0; i < k->lattices; i++)
            if (k->wide[i]) {
                w_line(w, "items = (int64_t)%d * (f->sites%d + 1) / 2;", k->wide[i], i);
                w_line(w, "most = items > most ? items : most;");
            }
        w_line(w, "break;");
        w->depth--;
    }
    w_close(w, "");
    w_line(w, "(void)f, (void)items;");
    w_line(w, "return most;");
    w_close(w, "");
    w_blank(w);
}

static void names(Writer *w, const EmitInput *in)
{
    w_line(w, "static const char cuda_kernel_pack[] = \"%s_pack\";", in->name);
    w_line(w, "static const char cuda_kernel_tables[] = \"%s_tables\";", in->name);
    w_line(w, "static const char cuda_kernel_reduce[] = \"%s_reduce\";", in->name);
    w_open(w, "static const char *const cuda_kernel[] =");
    for (int what = 0; what < WHAT_WINNERS; what++)
        if (in->cuda->kernel[what].used)
            w_line(w, "[%s] = \"%s_%s\",", emit_what_enum[what], in->name,
                   plan_what_name[what]);
    w_close(w, ";");
    w_blank(w);
}

/* The passes of each kernel, and for which result they are. */
static void passes(Writer *w, const EmitInput *in)
{
    static const char *const when[] = {"CUDA_ALWAYS", "CUDA_DX", "CUDA_DPARAMS"};
    for (int what = 0; what < WHAT_WINNERS; what++) {
        const Kernel *k = &in->cuda->kernel[what];
        if (!k->used)
            continue;
        const Schedule *s = k->spread[SPREAD_GRID];
        w_open(w, "static const CudaPass cuda_passes_%s[] =", plan_what_name[what]);
        for (int i = 0; i < s->passes; i++)
            w_line(w, "{\"%s_%s_%d\", %s},", in->name, plan_what_name[what], i,
                   when[s->of_pass[i].when]);
        w_close(w, ";");
    }
    w_open(w, "static const CudaPasses cuda_pass[] =");
    for (int what = 0; what < WHAT_WINNERS; what++)
        if (in->cuda->kernel[what].used)
            w_line(w, "[%s] = {cuda_passes_%s, %d},", emit_what_enum[what],
                   plan_what_name[what],
                   in->cuda->kernel[what].spread[SPREAD_GRID]->passes);
    w_close(w, ";");
    w_blank(w);
}

static int lattice_of(const Program *p, const Shape *shape)
{
    for (int i = 0; i < p->lattices; i++) {
        Shape other = {.rank = p->lattice[i].rank};
        memcpy(other.extent, p->lattice[i].extent, sizeof other.extent);
        if (shape_same_lattice(&other, shape))
            return i;
    }
    unreachable();
}

void emit_cuda_host(Writer *w, const EmitInput *in)
{
    const Program *p = in->cuda;
    const Shape *y = &emit_output(in)->shape;
    w_text(w, prelude_cuda_place);
    w_blank(w);
    w_line(w, "enum { PARAMS = %" PRId64 ", CHANNELS = %d, OUTPUTS = %d };",
           in->graph->param_count,
           graph_node(in->graph, in->graph->input)->shape.channels, y->channels);
    w_blank(w);
    emit_cuda_frame(w, p, true);
    extents(w, in);
    tables(w, p);
    fields(w, p);
    items(w, p);
    work(w, p);
    w_line(w, "static double cuda_output(const CudaFrame *f)");
    w_brace(w);
    w_line(w, "return f->sites%d;", lattice_of(p, y));
    w_close(w, "");
    w_blank(w);
    sites_most(w, p);
    names(w, in);
    passes(w, in);
    w_text(w, prelude_cuda_launch);
    w_blank(w);
}
