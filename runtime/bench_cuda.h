/* bench_cuda.h - a network's speed on a CUDA device. */
#ifndef ARCHRT_BENCH_CUDA_H
#define ARCHRT_BENCH_CUDA_H

#include "archrt/bench.h"

/* As bench_run(), on c->gpu. */
bool bench_on_cuda(BenchResult *r, const BenchCase *c, ArchError *e);

#endif
