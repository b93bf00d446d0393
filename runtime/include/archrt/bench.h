/* bench.h - how fast a network runs, as a share of what the machine can do.
 *
 * The clock of a processor moves, so the peak of multiply-adds and the kernel are measured
 * in alternating short bursts; the share is the best of one over the best of the other. */
#ifndef ARCHRT_BENCH_H
#define ARCHRT_BENCH_H

#include "arch_model.h"
#include "archrt/error.h"

typedef enum BenchKind {
    BENCH_FORWARD, /* forward()                                             */
    BENCH_STEP     /* gradient(), reduce(), one step of AdamW, and pack()   */
} BenchKind;

typedef struct BenchCase {
    int64_t extent[ARCH_AXES_MAX];
    int64_t batch;
    BenchKind kind;
    ArchIsa isa;
    int threads; /* at least 1; the peak is measured with as many */
    int bursts;  /* at least 1 */
} BenchCase;

typedef struct BenchResult {
    double us_per_sample; /* of the best burst                                    */
    double gflops, peak_gflops, share;
    double spread; /* of the kernel: median time of a burst over the best, - 1 */
} BenchResult;

/* Random input as flux data have it: small int8.  Errors: USAGE for a lattice that the
 * network cannot take, or a step of one without a loss; DEVICE for an instruction set that
 * this machine lacks. */
bool bench_run(BenchResult *r, const ArchModel *m, const BenchCase *c, ArchError *e);

/* Best of `bursts` bursts of multiply-adds in `threads` threads together; GF/s. */
double bench_peak(ArchIsa isa, ArchType real, int threads, int bursts);

#endif
