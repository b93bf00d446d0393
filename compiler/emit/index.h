/* index.h - integer expressions as text.
 *
 * An index is brought into the form  a * 512 + b * 16 + 48  before it is printed: terms in
 * order of appearance, constants gathered, so that a reader sees the strides. */
#ifndef ARCHC_EMIT_INDEX_H
#define ARCHC_EMIT_INDEX_H

#include "plan/plan.h"

/* What the loop variables of a phase stand for where we are: a name or a number. */
typedef struct Scope {
    const Program *p;
    const Phase *phase;
    bool *known;            /* [vars] */
    int64_t *value;         /* [vars] */
    const char *table_cast; /* from int32 to the type of an index */
    Arena *arena;
} Scope;

/* True, and its value, if the expression is a number here. */
bool index_known(const Scope *scope, const Ix *i, int64_t *value);
const char *index_text(const Scope *scope, const Ix *i);
/* " + text", or "" for zero: behind a pointer. */
const char *index_offset(const Scope *scope, const Ix *i);

#endif
