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
                    .name = f64 ? arena_printf(a, "%s_f64", g->name) : g->name,
                    .source_name = base_name(source->name),
                    .source = source->text,
                    .options = options,
                    .symmetry = symmetry_describe(g, a)};
    const char *header = emit_header(&in, a), *text = emit_source(&in, a);
    file[0] = (Output){arena_printf(a, "%s.h", in.name), header, strlen(header)};
    file[1] = (Output){arena_printf(a, "%s.c", in.name), text, strlen(text)};
}
