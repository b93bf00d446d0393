/* generate.h - the back half of the pipeline: Graph -> Programs -> two texts. */
#ifndef ARCHC_GENERATE_H
#define ARCHC_GENERATE_H

#include "base/output.h"
#include "base/source.h"
#include "ir/graph.h"
#include "plan/plan.h"

enum { GENERATED_FILES = 3 };

/* NAME.h, NAME.c and NAME.cu of one model; `options` is what the banner repeats. */
void generate(const Graph *g, const Source *source, PlanOptions plan,
              const char *options, Output file[GENERATED_FILES], Arena *a);

#endif
