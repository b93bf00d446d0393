/* eval.h - the oracle: what a Graph means, computed directly in double.
 *
 * One operator at a time, plain loops over samples, channels, sites and taps; no fusion, no
 * cleverness.  Generated code and finite differences are held against it.
 *
 * Beside each value stands its accumulated magnitude: the same computation on absolute
 * values (|w|, |x|), which is the scale of its rounding error.  A result y of a machine with
 * unit roundoff eps is right if |y - y64| <= c * eps * magnitude with a c of order ten
 * (LAPACK's test ratio). */
#ifndef ARCHC_IR_EVAL_H
#define ARCHC_IR_EVAL_H

#include "ir/graph.h"

typedef struct EvalInput {
    const int64_t *extent; /* [rank]                                     */
    int64_t batch;
    const double *x;      /* (batch, channels, sites)                   */
    const double *params; /* (param_count), PyTorch's order             */
    const double *target; /* (batch, outputs), shape of the output; may be NULL */
    const double *seed;   /* likewise                                   */
} EvalInput;

/* value[v] and magnitude[v] of node v: fields (batch, channels, sites), losses (batch),
 * parameters and their gradients (count). */
typedef struct Eval {
    double **value, **magnitude;
} Eval;

/* The lattice must be accepted by the graph (graph_accepts). */
Eval *graph_eval(const Graph *g, const EvalInput *in, Arena *a);

#endif
