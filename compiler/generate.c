#include "generate.h"

#include <string.h>

#include "emit/emit.h"
#include "sema/symmetry.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void generate(const Graph *g, const Source *source, PlanOptions plan,
              const char *options, Output file[GENERATED_FILES], Arena *a)
{
    const Program *program[TARGETS];
    for (int i = 0; i < TARGETS; i++)
        program[i] = plan_make(g, &plan_target[i], &plan, a);
    bool f64 = plan.precision == PRECISION_F64;
    EmitInput in = {.graph = g,
                    .program = program,
                    .cuda = plan_cuda(g, &plan, a),
                    .name = f64 ? arena_printf(a, "%s_f64", g->name) : g->name,
                    .source_name = base_name(source->name),
                    .source = source->text,
                    .options = options,
                    .symmetry = symmetry_describe(g, a)};
    in.cuda_text = emit_cuda(&in, a);
    const char *header = emit_header(&in, a), *text = emit_source(&in, a);
    const char *cuda = in.cuda_text
                           ? in.cuda_text
                           : "/* This network has more values than the argument of "
                             "a kernel can name. */\n";
    file[0] = (Output){arena_printf(a, "%s.h", in.name), header, strlen(header)};
    file[2] = (Output){arena_printf(a, "%s.cu", in.name), cuda, strlen(cuda)};
    file[1] = (Output){arena_printf(a, "%s.c", in.name), text, strlen(text)};
}
