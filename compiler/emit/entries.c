#include <inttypes.h>
#include <string.h>

#include "emit/parts.h"

static int lattice_of(const Program *p, const Shape *shape)
{
    for (int i = 0; i < p->lattices; i++) {
        if (p->lattice[i].tiled || p->lattice[i].winners)
            continue;
        Shape other = {.rank = p->lattice[i].rank};
        memcpy(other.extent, p->lattice[i].extent, sizeof other.extent);
        if (shape_same_lattice(&other, shape))
            return i;
    }
    unreachable();
}

const char *emit_part_sites(Writer *w, const Program *p, int lattice, const char *f)
{
    const char *held = arena_printf(w->arena, "%ssites%d", f, lattice);
    return emit_has_bands(p, lattice)
               ? arena_printf(w->arena, "part_sites(&%sparts, %s)", f, held)
               : held;
}

/* Sites of all parts; `f`: how a Frame is looked into, "f." or "f->". */
static const char *whole_sites(Writer *w, const Program *p, int lattice, const char *f)
{
    const char *of_part = emit_part_sites(w, p, lattice, f);
    return emit_is_cut(p, lattice)
               ? arena_printf(w->arena, "%s * %sparts.count", of_part, f)
               : of_part;
}

static const char *output_sites(Writer *w, const EmitInput *in, const char *f)
{
    return whole_sites(w, in->program[0],
                       lattice_of(in->program[0], &emit_output(in)->shape), f);
}

static void emit_sizes(Writer *w, const EmitInput *in)
{
    w_line(w,
           "size_t %s_work_bytes(const int64_t *extent, int64_t batch, ArchWhat what)",
           in->name);
    w_brace(w);
    w_line(w, "size_t most = 0;");
    w_line(w, "/* also for fewer samples, which are laid out in other ways */");
    w_open(w, "for (int64_t n = 1; n <= ARCH_LANES && (n == 1 || n <= batch); n++)");
    w_line(w, "Frame f = {0};");
    w_line(w, "const size_t bytes = lay_out(&f, extent, n, what, NULL);");
    w_line(w, "most = most < bytes ? bytes : most;");
    w_close(w, "");
    w_line(w, "return most;");
    w_close(w, "");
    w_blank(w);
    w_line(w, "static int64_t output_sites(const int64_t *extent)");
    w_brace(w);
    w_line(w, "Frame f = {0};");
    w_line(w, "lay_out(&f, extent, ARCH_LANES, ARCH_FORWARD, NULL);");
    w_line(w, "return %s;", output_sites(w, in, "f."));
    w_close(w, "");
    w_blank(w);
}

/* (extent - kernel) % stride, of every pool and axis. */
static void emit_drops_sites(Writer *w, const EmitInput *in)
{
    const Graph *g = in->graph;
    w_line(w, "static int drops_sites(const int64_t *extent)");
    w_brace(w);
    w_line(w, "Frame f = {0};");
    w_line(w, "int drops = 0;");
    w_line(w, "lay_out(&f, extent, ARCH_LANES, ARCH_FORWARD, NULL);");
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        if (n->op != OP_AVG_POOL && n->op != OP_MAX_POOL)
            continue;
        int lattice = lattice_of(in->program[0], &graph_node(g, n->arg[0])->shape);
        for (int d = 0; d < n->shape.rank; d++)
            w_line(w, "drops |= (f.extent%d[%d] - %d) %% %d != 0; /* %s */", lattice, d,
                   n->window.kernel[d], n->window.stride[d], n->name);
    }
    w_line(w, "return drops;");
    w_close(w, "");
    w_blank(w);
}

static void emit_flops(Writer *w, const EmitInput *in)
{
    const Program *p = in->program[0];
    w_line(w, "static double flops(const int64_t *extent, ArchWhat what)");
    w_brace(w);
    w_line(w, "Frame f = {0};");
    w_line(w, "lay_out(&f, extent, ARCH_LANES, what, NULL);");
    w_open(w, "switch (what)");
    for (int what = 0; what < WHAT_COUNT; what++) {
        const Kernel *k = &p->kernel[what];
        if (what >= WHAT_WINNERS)
            continue;
        const char *sum = "0";
        for (int i = 0; i < k->lattices; i++)
            if (k->fma[i] > 0)
                sum = arena_printf(w->arena, "%s + %.1f * (double)(%s)", sum, k->fma[i],
                                   whole_sites(w, p, i, "f."));
        w_line(w, "case %s: return 2 * (%s);", emit_what_enum[what], sum);
    }
    w_close(w, "");
    w_line(w, "return 0;");
    w_close(w, "");
    w_blank(w);
}

static void emit_pack(Writer *w, const EmitInput *in)
{
    const Program *p = in->program[0];
    w_line(w, "void %s_pack(const void *params, void *packed, int64_t instances)",
           in->name);
    w_brace(w);
    w_open(w, "for (int64_t instance = 0; instance < instances; instance++)");
    w_line(w, "const real *from = (const real *)params + instance * %" PRId64 ";",
           in->graph->param_count);
    w_line(w, "real *to = (real *)packed + instance * PACKED;");
    if (!p->packings)
        w_line(w, "(void)from, (void)to;");
    for (int i = 0; i < p->packings; i++) {
        const Packing *k = &p->packing[i];
        const Param *param = &in->graph->param[k->param];
        w_line(w, "/* %s */", param->name);
        if (k->axes)
            w_line(w,
                   "pack_products(to + %" PRId64 ", to + %" PRId64
                   ", %d, %d, %d, %d, %d);",
                   k->from, k->offset, k->out, k->in, k->axes, k->width, k->mirrored);
        else
            w_line(w,
                   "pack_matrix(from + %" PRId64 ", to + %" PRId64
                   ", %d, %d, %d, %" PRId64 ", %" PRId64 ", %" PRId64 ");",
                   param->offset, k->offset, k->out, k->taps, k->in, k->stride_out,
                   k->stride_tap, k->stride_in);
    }
    w_close(w, "");
    w_close(w, "");
    w_blank(w);
}

static void open_instances(Writer *w, const char *what)
{
    w_line(w, "ArchCall own = *call;");
    w_line(w, "Frame *f = frame_of(&own, %s);", what);
    w_line(w, "const int64_t instances = call->instances ? call->instances : 1;");
    w_open(w, "for (int64_t instance = 0; instance < instances; instance++)");
    w_line(w, "own.index = call->index ? call->index + instance * call->index_stride "
              ": NULL;");
    w_line(w, "f->packed = (const real *)call->packed + instance * PACKED;");
}

static void emit_forward(Writer *w, const EmitInput *in)
{
    w_line(w, "void %s_forward(const ArchCall *call, void *y)", in->name);
    w_brace(w);
    open_instances(w, "ARCH_FORWARD");
    w_line(w, "f->y = (real *)y + instance * call->batch * %d * %s;",
           emit_output(in)->shape.channels, output_sites(w, in, "f->"));
    w_line(w, "run(f);");
    w_close(w, "");
    w_close(w, "");
    w_blank(w);
}

static void emit_vjp(Writer *w, const EmitInput *in)
{
    const Graph *g = in->graph;
    w_line(w,
           "void %s_vjp(const ArchCall *call, const void *dy, void *dx, void *dparams)",
           in->name);
    w_brace(w);
    open_instances(w, "ARCH_VJP");
    w_line(w, "f->dy = (const real *)dy + instance * call->batch * %d * %s;",
           emit_output(in)->shape.channels, output_sites(w, in, "f->"));
    const Shape *input = &graph_node(g, g->input)->shape;
    w_line(w, "f->dx = dx ? (real *)dx + instance * call->batch * %d * %s : NULL;",
           input->channels,
           whole_sites(w, in->program[0], lattice_of(in->program[0], input), "f->"));
    w_line(w, "f->dparams = dparams ? (real *)dparams + instance * %" PRId64 " : NULL;",
           g->param_count);
    w_line(w, "run(f);");
    w_close(w, "");
    w_close(w, "");
    w_blank(w);
}

static void emit_gradient(Writer *w, const EmitInput *in)
{
    w_line(w,
           "void %s_gradient(const ArchCall *call, const void *target, double *loss, "
           "void *dparams)",
           in->name);
    w_brace(w);
    open_instances(w, "ARCH_GRADIENT");
    w_line(w, "f->target = (const real *)target;");
    w_line(w, "f->loss = loss + instance;");
    w_line(w, "f->dparams = (real *)dparams + instance * %" PRId64 ";",
           in->graph->param_count);
    w_line(w, "*f->loss = 0;");
    w_line(w, "run(f);");
    w_close(w, "");
    w_close(w, "");
    w_blank(w);
}

static void emit_reduce(Writer *w, const EmitInput *in)
{
    w_line(
        w,
        "void %s_reduce(double *loss, void *dparams, int64_t shards, int64_t instances,",
        in->name);
    w_line(w, "int64_t batch, const int64_t *extent)");
    w_brace(w);
    w_line(w, "const double terms = (double)batch * %d * (double)output_sites(extent);",
           emit_output(in)->shape.channels);
    w_line(
        w,
        "reduce_shards(loss, (real *)dparams, shards, instances, instances * %" PRId64
        ", terms);",
        in->graph->param_count);
    w_close(w, "");
    w_blank(w);
}

void emit_entries(Writer *w, const EmitInput *in)
{
    emit_sizes(w, in);
    emit_drops_sites(w, in);
    emit_flops(w, in);
    emit_bound(w, in);
    emit_pack(w, in);
    emit_forward(w, in);
    emit_vjp(w, in);
    if (in->graph->loss != LOSS_NONE)
        emit_gradient(w, in);
    emit_reduce(w, in);
}

/* ---- the model ---- */

static const char *dims(Writer *w, const Param *p)
{
    const char *text = "";
    for (int k = 0; k < p->rank; k++)
        text = arena_printf(w->arena, "%s%s%d", text, k ? ", " : "", p->dim[k]);
    return text;
}

static void emit_params(Writer *w, const Graph *g)
{
    w_open(w, "static const ArchParam param[] =");
    for (int i = 0; i < g->params; i++) {
        const Param *p = &g->param[i];
        w_line(w, "{\"%s\", %d, {%s}, %" PRId64 ", %" PRId64 ", %d},", p->name, p->rank,
               dims(w, p), p->offset, p->count, p->fan_in);
    }
    w_close(w, ";");
    w_blank(w);
}

static const char *escaped_line(Writer *w, const char *line, size_t length)
{
    char *text = arena_alloc(w->arena, 4 * length + 1), *to = text;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c == '"' || c == '\\' || c == '?')
            to += sprintf(to, "\\%c", c);
        else if (c < 32 || c > 126)
            to += sprintf(to, "\\%03o", c);
        else
            *to++ = (char)c;
    }
    return text;
}

static void emit_text(Writer *w, const char *name, const char *text)
{
    w_line(w, "static const char %s[] =", name);
    w->depth++;
    while (*text) {
        size_t length = strcspn(text, "\n");
        bool more = text[length] == '\n';
        w_line(w, "\"%s%s\"", escaped_line(w, text, length), more ? "\\n" : "");
        text += length + more;
    }
    w_line(w, "\"\";");
    w->depth--;
    w_blank(w);
}

static void emit_shape_fields(Writer *w, const EmitInput *in)
{
    const Graph *g = in->graph;
    static const char *const loss[] = {"ARCH_LOSS_NONE", "ARCH_LOSS_MSE",
                                       "ARCH_LOSS_BCE"};
    w_line(w, ".channels = %d,", graph_node(g, g->input)->shape.channels);
    w_line(w, ".rank = %d,", g->rank);
    for (int axis = 0; axis < g->rank; axis++)
        w_line(w, ".axis[%d] = \"%s\", .fixed_extent[%d] = %" PRId64 ",", axis,
               g->axis[axis], axis, g->fixed[axis]);
    w_line(w, ".outputs = %d,", emit_output(in)->shape.channels);
    w_line(w, ".loss = %s,", loss[g->loss]);
    w_line(w, ".params = %d,", g->params);
    w_line(w, ".param = %s,", g->params ? "param" : "NULL");
    w_line(w, ".param_count = %" PRId64 ",", g->param_count);
    w_line(w, ".packed_bytes = PACKED * sizeof(real),");
}

void emit_model(Writer *w, const EmitInput *in)
{
    if (in->graph->params)
        emit_params(w, in->graph);
    emit_text(w, "source", in->source);
    if (in->cuda_text)
        emit_text(w, "cuda_source", in->cuda_text);
    w_line(w, "const ArchModel *%s_model(void)", in->name);
    w_brace(w);
    w_open(w, "static const ArchModel model =");
    w_line(w, ".size = sizeof(ArchModel),");
    w_line(w, ".abi = ARCH_ABI,");
    w_line(w, ".name = \"%s\",", in->name);
    w_line(w, ".version = \"%s\",", ARCHC_VERSION);
    w_line(w, ".source = source,");
    w_line(w, ".source_hash = 0x%016" PRIx64 "u,", emit_hash(in->source));
    w_line(w, ".real = %s,",
           in->program[0]->precision == PRECISION_F64 ? "ARCH_F64" : "ARCH_F32");
    w_line(w, ".symmetry = \"%s\",", in->symmetry);
    emit_shape_fields(w, in);
    w_line(w, ".work_bytes = %s_work_bytes,", in->name);
    w_line(w, ".output_sites = output_sites,");
    w_line(w, ".drops_sites = drops_sites,");
    w_line(w, ".flops = flops,");
    w_line(w, ".pack = %s_pack,", in->name);
    w_line(w, ".forward = %s_forward,", in->name);
    w_line(w, ".vjp = %s_vjp,", in->name);
    if (in->graph->loss != LOSS_NONE)
        w_line(w, ".gradient = %s_gradient,", in->name);
    w_line(w, ".reduce = %s_reduce,", in->name);
    if (in->cuda_text) {
        w_line(w, ".cuda_source = cuda_source,");
        w_line(w, ".cuda_packed_bytes = %" PRId64 " * sizeof(real),",
               in->cuda->packed_count);
        w_line(w, ".cuda_plan = cuda_plan,");
        w_line(w, ".cuda_launch = cuda_launch,");
    }
    w_line(w, ".bound = bound,");
    w_close(w, ";");
    w_line(w, "return &model;");
    w_close(w, "");
}
