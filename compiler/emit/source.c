#include <inttypes.h>

#include "emit/cuda.h"

static void emit_basics(Writer *w, const EmitInput *in)
{
    const Program *p = in->program[0];
    bool f64 = p->precision == PRECISION_F64;
    w_line(w, "#include \"%s.h\"", in->name);
    w_blank(w);
    w_line(w, "#include <math.h>");
    w_line(w, "#include <string.h>");
    w_blank(w);
    w_line(w, "#if defined(__x86_64__) && defined(__GNUC__)");
    w_line(w, "#define ARCH_X86");
    w_line(w, "#include <immintrin.h>");
    w_line(w, "#endif");
    w_blank(w);
    if (f64)
        w_line(w, "#define ARCH_REAL_F64");
    w_line(w, "#define INLINE static inline __attribute__((unused))");
    w_blank(w);
    w_line(w, "typedef %s real;", f64 ? "double" : "float");
    w_blank(w);
    w_line(w, "enum { AXES = %d, PACKED = %" PRId64 " };", in->graph->rank,
           p->packed_count);
    w_blank(w);
}

const char *emit_source(const EmitInput *in, Arena *a)
{
    Writer w;
    w_begin(&w, a);
    emit_banner(&w, in, ".c");
    emit_basics(&w, in);
    static const char *const prelude[] = {prelude_parts, prelude_tables, prelude_lanes,
                                          prelude_bound, prelude_join,   prelude_sums,
                                          prelude_pack};
    for (size_t i = 0; i < countof(prelude); i++) {
        w_text(&w, prelude[i]);
        w_blank(&w);
    }
    if (in->program[0]->kernel[WHAT_SWEEP].used) {
        w_text(&w, prelude_sweep);
        w_blank(&w);
    }
    if (in->program[0]->kernel[WHAT_WINNERS].used) {
        w_text(&w, prelude_winners);
        w_blank(&w);
    }
    if (in->graph->loss != LOSS_NONE) {
        w_text(&w, prelude_loss);
        w_blank(&w);
    }
    w_line(&w, "/* ---- this network ---- */");
    w_blank(&w);
    emit_frame(&w, in->program[0]);
    emit_layout(&w, in->program[0]);
    emit_tables(&w, in->program[0]);
    if (in->program[0]->kernel[WHAT_SWEEP].used)
        emit_take_band(&w, in->program[0]);
    for (int i = 0; i < TARGETS; i++)
        emit_kernels(&w, in, in->program[i]);
    emit_choice(&w, in);
    emit_entries(&w, in);
    if (in->cuda_text)
        emit_cuda_host(&w, in);
    emit_model(&w, in);
    return w_end(&w);
}
