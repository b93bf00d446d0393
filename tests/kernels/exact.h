/* exact.h - where arithmetic has no rounding at all. */
#ifndef TESTS_KERNELS_EXACT_H
#define TESTS_KERNELS_EXACT_H

#include "ir/eval.h"

/* True if every sum of this evaluation is exact in a type with `digits` binary digits, in
 * whatever order its terms are added: every term of a node is a multiple of 2^-b - b from
 * the values it reads, which are exact by then, and from halvings: a slope of 1/2, a mean
 * over 2^n numbers - and the sum of their absolute values is at most 2^(digits - b). */
bool eval_is_exact(const Graph *g, const Eval *e, const int64_t *extent, int64_t batch,
                   int digits);

#endif
