/* judge.h - one call of a model on one instruction set, held against the oracle. */
#ifndef TESTS_KERNELS_JUDGE_H
#define TESTS_KERNELS_JUDGE_H

#include "check.h"

typedef struct Judge {
    Tally tally;
    double worst[3]; /* of forward, gradient, vjp           */
    int proved[3];   /* results that had to be bit-identical */

    /* What is judged now. */
    const Trial *trial;
    int64_t batch;
    ArchIsa isa;
    const void *x; /* as `real`; NULL: bytes      */
    bool exact;    /* no sum rounds: to the last bit */
} Judge;

extern const char *const what_name[]; /* forward, gradient, vjp */

/* `g` is the network, its GRAD_LOSS, its GRAD_VJP; `e` what the oracle makes of it.  The
 * vjp's dx and dparams must have the same bits when they are asked for alone. */
void judge_forward(Judge *k, const Graph *g, const Eval *e);
void judge_gradient(Judge *k, const Graph *g, const Eval *e);
void judge_vjp(Judge *k, const Graph *g, const Eval *e);

#endif
