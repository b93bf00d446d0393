/* bench.h - how fast a network runs, as a share of what the machine can do.
 *
 * The clock of a processor moves, so the peak of multiply-adds and the kernel are measured
 * in alternating short bursts, a pair a round.  "Best" is the best burst, and the share
 * then the best kernel over the best peak; "median" is that of all bursts, and the share
 * then the median kernel over the median peak. */
#ifndef ARCHRT_BENCH_H
#define ARCHRT_BENCH_H

#include "arch_model.h"
#include "archrt/error.h"
#include "archrt/gpu_model.h"

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
    GpuModel
        *gpu; /* the same network on a device, which is measured, with one thread and no
                      isa; NULL: the processor */
} BenchCase;

/* NaN: not measured.  flop counts a convolution directly, 2 for a multiply-add. */
typedef struct BenchResult {
    double us_per_sample, samples_per_s, gflops, peak_gflops, share; /* best      */
    double us_median, us_low, us_high; /* median and quartiles                   */
    double spread;                     /* (us_high - us_low) / us_median         */
    double peak_median, share_median;  /* GF/s; 1                                */
    double bound;                      /* of the share: ArchModel.bound()        */
    double work_bytes;                 /* memory of a call, for each thread      */
    double memory_bytes;               /* and of weights; of a step, optimiser and
                                          gradients: without samples             */

    /* Step: what follows the gradient, as parts of the whole; medians. */
    double reduce_share, optimiser_share, pack_share;
    /* Several threads: best rate over that of one, and the same of the peak. */
    double speedup, peak_speedup;
} BenchResult;

/* Errors: USAGE for a lattice that the network cannot take, a step of one without a loss,
 * and more memory than there is; DEVICE for an instruction set that this machine lacks. */
bool bench_check(const ArchModel *m, const BenchCase *c, ArchError *e);

/* Random input as flux data have it: small int8.  Errors: as bench_check(). */
bool bench_run(BenchResult *r, const ArchModel *m, const BenchCase *c, ArchError *e);

/* Multiply-adds in `threads` threads together, and in one alone in turns with that; GF/s. */
typedef struct BenchPeak {
    double best, median, alone;
} BenchPeak;

BenchPeak bench_peak(ArchIsa isa, ArchType real, int threads, int bursts);

/* The same of a device: a loop on all of it, in the network's precision, timed by events. */
bool bench_peak_cuda(BenchPeak *p, GpuModel *gpu, int bursts, ArchError *e);

#endif
