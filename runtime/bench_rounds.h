/* bench_rounds.h - a benchmark's input, and what its rounds have shown. */
#ifndef ARCHRT_BENCH_ROUNDS_H
#define ARCHRT_BENCH_ROUNDS_H

#include "archrt/bench.h"
#include "archrt/optim.h"

#define BENCH_BURST 0.003 /* seconds */
#define BENCH_LOOK  1e-4  /* from one look at the clock to the next, about */
#define BENCH_PARTS 3     /* of a step, behind the gradient: sum, optimiser, packing */

ArchWhat bench_what(BenchKind kind);

/* Fluxes: -2 .. 2, as sums of four signs have them. */
void bench_fill_input(int8_t *x, int64_t numbers);
/* Labels that the network's loss can have. */
void bench_fill_target(const ArchModel *m, void *target, int64_t numbers);
/* Of a step, with so small a rate that the weights stay where they are. */
AdamW bench_adamw(void);

typedef struct BenchRounds {
    int n;
    double *seconds;                  /* (n) of a call                               */
    double *peak;                     /* (n) operations a second                     */
    double *part[BENCH_PARTS];        /* (n) shares of the whole                     */
    double seconds_alone, peak_alone; /* best, with one thread, if there are several */
} BenchRounds;

BenchRounds bench_rounds_new(int n);
void bench_rounds_release(BenchRounds *all);

/* All but bound and memory; sorts what it is given.  flops: of a call. */
BenchResult bench_rounds_summary(BenchRounds *all, const BenchCase *c, double flops);

double bench_median(double *v, int n); /* sorts */

#endif
