/* emit.h - Programs -> C: one header and one source for a model.
 *
 * Nothing is decided here.  The source holds the same kernels once for every instruction
 * set, each from a Program of its own, and picks one at run time.  Same input, same bytes:
 * no date, no path. */
#ifndef ARCHC_EMIT_EMIT_H
#define ARCHC_EMIT_EMIT_H

#include "plan/plan.h"

typedef struct EmitInput {
    const Graph *graph;
    const Program *const
        *program; /* [TARGETS], in the order of plan_target             */
    const Program *cuda;
    const char *cuda_text;   /* of NAME.cu; NULL: there is none                    */
    const char *name;        /* of the model, with _f64 behind it in f64           */
    const char *source_name; /* count.arch, without a path                         */
    const char *source;      /* its text                                           */
    const char *options;     /* as given: "--precision=f32"                        */
    const char *symmetry;    /* one line                                           */
} EmitInput;

/* The texts of NAME.cu, NAME.h and NAME.c; the last needs the first. */
const char *emit_cuda(const EmitInput *in, Arena *a);
const char *emit_header(const EmitInput *in, Arena *a);
const char *emit_source(const EmitInput *in, Arena *a);

#endif
