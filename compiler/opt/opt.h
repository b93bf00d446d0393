/* opt.h - Graph -> Graph, same meaning, less work: fold, simplify, common subexpressions,
 * dead code. */
#ifndef ARCHC_OPT_OPT_H
#define ARCHC_OPT_OPT_H

#include "ir/graph.h"

Graph *opt_run(const Graph *g, Arena *a);

#endif
