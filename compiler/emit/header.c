#include <inttypes.h>

#include "emit/parts.h"

static void param_lines(Writer *w, const Graph *g)
{
    w_line(w, " * Parameters, in the order and layout of PyTorch, %" PRId64 " numbers:",
           g->param_count);
    w_line(w, " *");
    for (int i = 0; i < g->params; i++) {
        const Param *p = &g->param[i];
        const char *shape = "";
        for (int k = 0; k < p->rank; k++)
            shape = arena_printf(w->arena, "%s[%d]", shape, p->dim[k]);
        w_line(w, " *     %8" PRId64 "  %-16s %s", p->offset, p->name, shape);
    }
    w_line(w, " *");
}

static const char *lattice_words(Writer *w, const Graph *g)
{
    if (!g->rank)
        return "no lattice";
    const char *axes = "";
    bool fixed = false;
    for (int k = 0; k < g->rank; k++) {
        const char *times = k ? " x " : "";
        axes = g->fixed[k]
                   ? arena_printf(w->arena, "%s%s%" PRId64, axes, times, g->fixed[k])
                   : arena_printf(w->arena, "%s%s%s", axes, times, g->axis[k]);
        fixed |= g->fixed[k] != 0;
    }
    return arena_printf(w->arena, "%s on a periodic lattice %s",
                        fixed ? "only" : "any extents", axes);
}

static void doc_lines(Writer *w, const EmitInput *in)
{
    const Graph *g = in->graph;
    const char *real = in->program[0]->precision == PRECISION_F64 ? "double" : "float";
    w_line(w, "/* Input: %d channels, %s.  Output: %d.",
           graph_node(g, g->input)->shape.channels, lattice_words(w, g),
           emit_output(in)->shape.channels);
    w_line(
        w,
        " * Weights, outputs and gradients are %s.  The caller owns all memory; `packed` and",
        real);
    w_line(
        w,
        " * `work` are aligned to 64 bytes.  Nothing here allocates, keeps state or can fail once");
    w_line(w, " * work_bytes has said more than 0.");
    w_line(w, " *");
    param_lines(w, g);
    w_line(w, " *     %s *packed = aligned_alloc(64, %s_model()->packed_bytes);", real,
           in->name);
    w_line(w, " *     %s_pack(params, packed, 1);", in->name);
    w_line(
        w,
        " *     ArchCall call = {.size = sizeof call, .extent = {..}, .batch = n, .x = x,");
    w_line(
        w,
        " *                      .x_type = ARCH_I8, .packed = packed, .work = work};");
    w_line(w, " *     %s_forward(&call, y);", in->name);
    w_line(w, " */");
}

static void declarations(Writer *w, const EmitInput *in)
{
    const char *n = in->name;
    w_line(
        w,
        "/* Bytes of `work` for one call; 0: the network cannot take this lattice. */");
    w_line(w,
           "size_t %s_work_bytes(const int64_t *extent, int64_t batch, ArchWhat what);",
           n);
    w_line(w, "/* After every change of the weights. */");
    w_line(w, "void %s_pack(const void *params, void *packed, int64_t instances);", n);
    w_line(w, "/* y (instances, batch, outputs, sites of the output) */");
    w_line(w, "void %s_forward(const ArchCall *call, void *y);", n);
    w_line(
        w,
        "/* dx = dy dy/dx, shaped as x; dparams = dy dy/dparams summed over the shard; either");
    w_line(w, " * may be NULL. */");
    w_line(
        w,
        "void %s_vjp(const ArchCall *call, const void *dy, void *dx, void *dparams);",
        n);
    if (in->graph->loss != LOSS_NONE) {
        w_line(
            w,
            "/* The loss and its gradient, summed over samples and outputs of the shard. */");
        w_line(
            w,
            "void %s_gradient(const ArchCall *call, const void *target, double *loss,",
            n);
        w_line(w, "                 void *dparams);");
    }
    w_line(
        w,
        "/* Adds the results of all shards, in a fixed order, and takes the mean. */");
    w_line(
        w,
        "void %s_reduce(double *loss, void *dparams, int64_t shards, int64_t instances,",
        n);
    w_line(w, "               int64_t batch, const int64_t *extent);");
    w_line(w, "/* All of the above, for programs that drive any model. */");
    w_line(w, "const ArchModel *%s_model(void);", n);
}

const char *emit_header(const EmitInput *in, Arena *a)
{
    Writer w;
    w_begin(&w, a);
    const char *guard = arena_printf(a, "ARCHC_GENERATED_%s_H", in->name);
    emit_banner(&w, in, ".h");
    w_line(&w, "#ifndef %s", guard);
    w_line(&w, "#define %s", guard);
    w_blank(&w);
    w_text(&w, prelude_arch_model);
    w_blank(&w);
    w_line(&w, "#ifdef __cplusplus");
    w_line(&w, "extern \"C\" {");
    w_line(&w, "#endif");
    w_blank(&w);
    doc_lines(&w, in);
    w_blank(&w);
    declarations(&w, in);
    w_blank(&w);
    w_line(&w, "#ifdef __cplusplus");
    w_line(&w, "}");
    w_line(&w, "#endif");
    w_line(&w, "#endif");
    return w_end(&w);
}
