/* verify_impl.h - what the two files of the check share. */
#ifndef ARCHC_IR_VERIFY_IMPL_H
#define ARCHC_IR_VERIFY_IMPL_H

#include "ir/graph.h"

typedef struct Check {
    const Graph *g;
    FILE *err;
    uint32_t node; /* under examination; 0: the graph as a whole */
    bool ok;
} Check;

/* Unless it holds, says which rule which node breaks.  Returns `holds`. */
__attribute__((format(printf, 3, 4))) bool verify_require(Check *c, bool holds,
                                                          const char *rule, ...);

/* verify_op.c: the shape, the window and the operands of a node whose operands are of the
 * right kinds. */
void verify_op(Check *c, const Node *n);

static inline const Shape *verify_shape(const Check *c, Val v)
{
    return &graph_node(c->g, v)->shape;
}

static inline bool shape_equal(const Shape *a, const Shape *b)
{
    return a->channels == b->channels && shape_same_lattice(a, b);
}

#endif
