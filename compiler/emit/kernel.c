#include <string.h>

#include "emit/parts.h"
#include "emit/phase.h"

static bool same_condition(const PhaseUse *a, const PhaseUse *b)
{
    return a->when == b->when && a->tiling == b->tiling && a->tiles == b->tiles &&
           a->samples == b->samples;
}

static const char *condition(Writer *w, const PhaseUse *use)
{
    static const char *const when[] = {"", "f->dx", "f->dparams"};
    const char *text = when[use->when];
    if (use->samples != SAMPLES_ANY)
        text = arena_printf(w->arena, "%s%s%sf->single", text, text[0] ? " && " : "",
                            use->samples == SAMPLES_ONE ? "" : "!");
    if (use->tiling == TILED_OR_NOT)
        return text;
    return arena_printf(w->arena, "%s%s%sf->tiled%d", text, text[0] ? " && " : "",
                        use->tiling == TILED ? "" : "!", use->tiles);
}

static void calls(Writer *w, const Program *p, const PhaseUse *use, int uses)
{
    for (int i = 0; i < uses; i++) {
        const char *call = arena_printf(w->arena, "%s_%s(f);",
                                        p->phase[use[i].phase].name, p->target.name);
        const char *only = condition(w, &use[i]);
        if (only[0] && (i == 0 || !same_condition(&use[i - 1], &use[i])))
            w_open(w, "if (%s)", only);
        w_line(w, "%s", call);
        if (only[0] && (i + 1 == uses || !same_condition(&use[i + 1], &use[i])))
            w_close(w, "");
    }
}

static bool same_bands(const Bands *a, const Bands *b)
{
    return a->stage == b->stage && a->lag == b->lag && a->before == b->before &&
           a->after == b->after;
}

/* Those from i on that do the same bands. */
static int same_from(const Kernel *k, int i)
{
    int end = i + 1;
    while (end < k->blocks && same_bands(&k->block[i].bands, &k->block[end].bands))
        end++;
    return end;
}

/* Step t of a sweep is band t of the phases that wait for none. */
static void sweep_calls(Writer *w, const Program *p, const Kernel *k)
{
    int first = 0, last = 0, begin = 0, end;
    while (k->block[begin].bands.stage < STAGE_SWEPT)
        begin++;
    calls(w, p, k->block, begin);
    for (end = begin; end < k->blocks && k->block[end].bands.stage == STAGE_SWEPT;
         end++) {
        const Bands *b = &k->block[end].bands;
        first = first < b->lag - b->before ? first : b->lag - b->before;
        last = last > b->lag + b->after ? last : b->lag + b->after;
    }
    const char *more = last ? arena_printf(w->arena, " + %d", last) : "";
    w_open(w, "for (int64_t t = %d; t < f->parts.bands%s; t++)", first, more);
    for (int i = begin, next; i < end; i = next) {
        const Bands *b = &k->block[i].bands;
        next = same_from(k, i);
        const char *band = b->lag ? arena_printf(w->arena, "t - %d", b->lag) : "t";
        w_open(w, "if (take_band(f, %s, %d, %d))", band, b->before, b->after);
        calls(w, p, k->block + i, next - i);
        w_close(w, "");
    }
    w_close(w, "");
    calls(w, p, k->block + end, k->blocks - end);
}

static void emit_kernel(Writer *w, const Program *p, const Kernel *k)
{
    w_line(w, "static void run_%s_%s(Frame *f, int64_t first, int64_t last)",
           plan_what_name[k->what], p->target.name);
    w_brace(w);
    calls(w, p, k->begin, k->begins);
    w_open(w, "for (f->block = first; f->block < last; f->block++)");
    if (k->ring)
        sweep_calls(w, p, k);
    else
        calls(w, p, k->block, k->blocks);
    w_close(w, "");
    calls(w, p, k->end, k->ends);
    w_close(w, "");
    w_blank(w);
}

static const char *vector_prelude(const Target *target)
{
    return target->vector_bytes == 64   ? prelude_vec512
           : target->vector_bytes == 32 ? prelude_vec256
                                        : prelude_vec128;
}

static bool has_exponentials(const Program *p)
{
    bool any = false;
    for (uint32_t i = 1; i < p->graph->nodes; i++)
        any |= p->graph->node[i].op == OP_SIGMOID || p->graph->node[i].op == OP_TANH;
    return any;
}

void emit_kernels(Writer *w, const EmitInput *in, const Program *p)
{
    PhaseSource source = {in->source_name, in->source};
    bool plain = !strcmp(p->target.name, "plain");
    if (!plain)
        w_line(w, "#ifdef ARCH_X86");
    w_text(w, vector_prelude(&p->target));
    w_blank(w);
    w_text_named(w, p->target.vector, prelude_vec_any);
    w_blank(w);
    if (has_exponentials(p)) {
        w_text_named(w, p->target.vector, prelude_vec_exp);
        w_blank(w);
    }
    for (int i = 0; i < p->phases; i++)
        emit_phase(w, &source, &dialect_c, p, &p->phase[i]);
    for (int what = 0; what < WHAT_COUNT; what++)
        if (p->kernel[what].used)
            emit_kernel(w, p, &p->kernel[what]);
    if (!plain) {
        w_line(w, "#endif");
        w_blank(w);
    }
}

static void choice_row(Writer *w, const Program *p, const char *isa, const char *name)
{
    const char *row = "";
    for (int what = 0; what < emit_kernel_count(p); what++)
        row = p->kernel[what].used
                  ? arena_printf(w->arena, "%s%srun_%s_%s", row, what ? ", " : "",
                                 plan_what_name[what], name)
                  : arena_printf(w->arena, "%s%sNULL", row, what ? ", " : "");
    w_line(w, "[%s] = {%s},", isa, row);
}

static void emit_usable_isa(Writer *w)
{
    w_line(
        w,
        "/* The instruction set asked for, or the best one below it that is there. */");
    w_line(w, "static ArchIsa usable_isa(ArchIsa asked)");
    w_brace(w);
    w_line(w, "#ifdef ARCH_X86");
    w_open(
        w,
        "if ((asked == ARCH_ISA_BEST || asked == ARCH_ISA_AVX512) && "
        "__builtin_cpu_supports(\"avx512f\") && __builtin_cpu_supports(\"avx512dq\"))");
    w_line(w, "return ARCH_ISA_AVX512;");
    w_close(w, "");
    w_open(w, "if (asked != ARCH_ISA_PLAIN && __builtin_cpu_supports(\"avx2\") && "
              "__builtin_cpu_supports(\"fma\"))");
    w_line(w, "return ARCH_ISA_AVX2;");
    w_close(w, "");
    w_line(w, "#endif");
    w_line(w, "(void)asked;");
    w_line(w, "return ARCH_ISA_PLAIN;");
    w_close(w, "");
    w_blank(w);
}

void emit_choice(Writer *w, const EmitInput *in)
{
    w_line(w, "typedef void Kernel(Frame *f, int64_t first, int64_t last);");
    w_blank(w);
    w_open(w, "static Kernel *const kernel[][%d] =", emit_kernel_count(in->program[0]));
    choice_row(w, in->program[2], "ARCH_ISA_PLAIN", "plain");
    w_line(w, "#ifdef ARCH_X86");
    choice_row(w, in->program[1], "ARCH_ISA_AVX2", "avx2");
    choice_row(w, in->program[0], "ARCH_ISA_AVX512", "avx512");
    w_line(w, "#endif");
    w_close(w, ";");
    w_blank(w);
    emit_usable_isa(w);
    w_line(
        w,
        "/* The frame stands at the beginning of work: a call like the last one finds "
        "it there. */");
    w_line(w, "static Frame *frame_of(const ArchCall *call, ArchWhat what)");
    w_brace(w);
    w_line(w, "Frame *f = (Frame *)call->work;");
    w_open(w, "if (!call->kept)");
    w_line(w, "*f = (Frame){0};");
    w_line(w, "lay_out(f, call->extent, call->batch, what, call->work);");
    w_line(w, "fill_tables(f);");
    w_close(w, "");
    w_line(w, "f->call = call;");
    w_line(w, "f->x = call->x;");
    w_line(w, "return f;");
    w_close(w, "");
    w_blank(w);
    w_line(w, "/* The blocks of this call's shard. */");
    w_line(w, "static void run(Frame *f)");
    w_brace(w);
    w_line(w, "const ArchCall *call = f->call;");
    w_line(
        w,
        "const int64_t blocks = (call->batch + f->parts.samples - 1) / f->parts.samples;");
    w_line(w, "const int64_t shards = call->shards ? call->shards : 1;");
    w_line(w,
           "kernel[usable_isa(call->isa)][f->which](f, blocks * call->shard / shards,");
    w_line(w, "blocks * (call->shard + 1) / shards);");
    w_close(w, "");
    w_blank(w);
}
