/* symmetry.h - under which translations of the input a network is equivariant.
 *
 * A field behind strides s1, s2, .. moves with the input only under translations
 * divisible by s1 s2 .. on each axis, on lattices that these divide.  Zero padding,
 * windows that stop at the edge, and Flatten single out an origin: nothing is
 * left.  A global pool makes the translations that still act into invariances. */
#ifndef ARCHC_SEMA_SYMMETRY_H
#define ARCHC_SEMA_SYMMETRY_H

#include "ir/graph.h"

typedef enum SymmetryKind {
    SYMMETRY_ALL,
    SYMMETRY_STRIDED,
    SYMMETRY_NONE
} SymmetryKind;

typedef struct Symmetry {
    SymmetryKind kind;
    int64_t step[AXES_MAX]; /* STRIDED: translations divisible by these */
    Val breaker;            /* the first node that breaks the rest      */
    Span culprit;           /* its layer                                */
} Symmetry;

Symmetry symmetry_of(const Graph *g);

/* One line: "equivariant under all translations". */
const char *symmetry_describe(const Graph *g, Arena *a);

#endif
