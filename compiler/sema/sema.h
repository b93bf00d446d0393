/* sema.h - Unit -> Graph: names, channels, shapes and the promises of a model
 * (`params`, `assert`) are checked, and its layers become nodes. */
#ifndef ARCHC_SEMA_SEMA_H
#define ARCHC_SEMA_SEMA_H

#include "base/diag.h"
#include "ir/graph.h"
#include "syntax/ast.h"

typedef struct Graphs {
    Graph **graph;
    int count;
} Graphs;

/* One graph a model, in the order of the text.  NULL iff errors were reported, be it
 * here or before. */
Graphs *sema_lower(const Unit *unit, Arena *out, Diag *diag);

/* Reports a pool that leaves no site (error) or drops a remainder (warning) on a
 * lattice, and extents other than those that the model fixes (error).  An extent of
 * 0 is unknown. */
void sema_check_lattice(const Graph *g, const int64_t *lattice, Diag *diag);

/* --explain: the table a paper would print: layer, output, parameters, receptive field,
 * flop; then the symmetry class.  `lattice` may be NULL. */
void sema_explain(const Graph *g, const int64_t *lattice, FILE *out);

#endif
