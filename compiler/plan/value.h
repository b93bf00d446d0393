/* value.h - what the planners of both machines ask of an operator. */
#ifndef ARCHC_PLAN_VALUE_H
#define ARCHC_PLAN_VALUE_H

#include "plan/build.h"

/* The name of a value as a C identifier that stands for nothing else. */
const char *value_name(const Graph *g, Val v, Arena *a);

/* The sum that a convolution or one of its adjoints computes; NULL for other operators. */
const char *value_formula(Op op);

/* A pointwise operator of x[0] and x[1]. */
const Vx *value_point(Build *b, const Node *n, const Vx *const x[2]);

/* The weights of a convolution, or of its adjoint by x, as its loops read them; and the offset
 * of its bias in the packed parameters, -1 if there is none. */
Packing value_packing(const Graph *g, const Node *conv);
int64_t value_pack_bias(Build *b, const Graph *g, const Node *conv);

/* Whether a window, on a lattice of `rank` axes, can look where no site is: its table names
 * the ghost site there. */
bool value_can_miss(GeometryKind kind, const Window *window, int rank);

/* sum / count; a product where that is the same number. */
const Vx *value_mean(Build *b, const Vx *sum, int count);

#endif
