#include <inttypes.h>
#include <string.h>

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
    w_text_named(&w, in->name, prelude_entries);
    if (in->graph->loss != LOSS_NONE)
        w_text_named(&w, in->name, prelude_entries_loss);
    w_blank(&w);
    w_line(&w, "#ifdef __cplusplus");
    w_line(&w, "}");
    w_line(&w, "#endif");
    w_line(&w, "#endif");
    return w_end(&w);
}
