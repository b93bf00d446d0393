/* dialect.h - how a language spells what a phase is made of.
 *
 * C and CUDA share one unparser, phase.c; what differs between them is a record of
 * patterns.  In a pattern
 *
 *     $v   the type of a register: vec512, real
 *     $0   the first operand; $1, $2, $3
 *     $p   a pointer, an array or the name that is defined
 *     $i   an index;  $o  the same behind a pointer: " + index", or nothing for 0
 *     $n   a number */
#ifndef ARCHC_EMIT_DIALECT_H
#define ARCHC_EMIT_DIALECT_H

#include "plan/plan.h"

typedef struct Dialect {
    const char *vx[VX_OPS];
    const char *store;
    const char *field, *far, *packed, *sums, *stack; /* where a buffer begins     */
    const char *aligned;                             /* a pointer to four numbers     */
    const char *index;                               /* the type of an index          */
    const char *table_cast;
    const char *item;      /* a loop dealt to threads: $p from 0 below $1         */
    const char *warp_item; /* dealt to warps                                      */
    const char *word;      /* an argument that every phase has                    */
    const char *hold;      /* NULL: compilers need no help                        */
    const char *head;      /* of the function $p                                  */
} Dialect;

extern const Dialect dialect_c, dialect_cuda;

/* What stands for the letters of a pattern. */
typedef struct Spelling {
    const char *v, *p, *i, *n;
    const char *operand[VX_ARGS];
} Spelling;

const char *dialect_spell(const char *pattern, const Spelling *s, Arena *a);

#endif
