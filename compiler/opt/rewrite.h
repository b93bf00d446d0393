/* rewrite.h - a pass in progress: the old Graph, the new one, and where each old value went.
 *
 *     Rewrite r;
 *     rewrite_begin(&r, g, a);
 *     for (uint32_t i = 1; i < g->nodes; i++) {
 *         Node n = rewrite_node(&r, i);              operands already those of the new graph
 *         r.to[i] = some_equal_value_or graph_add(&r.b, n);
 *     }
 *     return rewrite_end(&r);
 *
 * A value that is left out, to[i] = 0, must be needed by nobody. */
#ifndef ARCHC_OPT_REWRITE_H
#define ARCHC_OPT_REWRITE_H

#include "ir/graph.h"

typedef struct Rewrite {
    const Graph *old;
    GraphBuilder b;
    Val *to; /* [old->nodes] */
} Rewrite;

void rewrite_begin(Rewrite *r, const Graph *g, Arena *a);
Node rewrite_node(const Rewrite *r, uint32_t i);
Graph *rewrite_end(Rewrite *r);

/* The passes. */
Graph *opt_simplify(const Graph *g, Arena *a);
Graph *opt_cse(const Graph *g, Arena *a);
Graph *opt_dce(const Graph *g, Arena *a);

#endif
