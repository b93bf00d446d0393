#include "bench_rounds.h"

#include <math.h>
#include <stdlib.h>

#include "archrt/rng.h"
#include "file.h"

ArchWhat bench_what(BenchKind kind)
{
    return kind == BENCH_STEP ? ARCH_GRADIENT : ARCH_FORWARD;
}

void bench_fill_input(int8_t *x, int64_t numbers)
{
    Rng r = rng_init(1, RNG_BENCH, 0, 0);
    for (int64_t i = 0; i < numbers; i++) {
        uint32_t bits = rng_u32(&r);
        x[i] = (int8_t)((int)((bits & 1) + (bits >> 1 & 1) + (bits >> 2 & 1) +
                              (bits >> 3 & 1)) -
                        2);
    }
}

void bench_fill_target(const ArchModel *m, void *target, int64_t numbers)
{
    Rng r = rng_init(1, RNG_BENCH, 1, 0);
    uint32_t most = m->loss == ARCH_LOSS_BCE ? 2 : 6;
    for (int64_t i = 0; i < numbers; i++) {
        uint32_t label = rng_below(&r, most);
        if (m->real == ARCH_F64)
            ((double *)target)[i] = label;
        else
            ((float *)target)[i] = (float)label;
    }
}

AdamW bench_adamw(void)
{
    AdamW o = adamw_default();
    o.lr = 1e-6;
    return o;
}

BenchRounds bench_rounds_new(int n)
{
    double *numbers = memory_new(sizeof *numbers * (size_t)n * (2 + BENCH_PARTS));
    BenchRounds all = {
        .n = n, .seconds = numbers, .peak = numbers + n, .seconds_alone = INFINITY};
    for (int k = 0; k < BENCH_PARTS; k++)
        all.part[k] = numbers + (2 + k) * n;
    return all;
}

void bench_rounds_release(BenchRounds *all)
{
    free(all->seconds); /* and what lies behind */
    *all = (BenchRounds){0};
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, compare_double);
    return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

BenchResult bench_rounds_summary(BenchRounds *all, const BenchCase *c, double flops)
{
    const int n = all->n;
    const double us = 1e6 / (double)c->batch;
    const double middle = bench_median(all->seconds, n), best = all->seconds[0],
                 peak_middle = bench_median(all->peak, n), peak = all->peak[n - 1];
    const double low = all->seconds[n / 4], high = all->seconds[n - 1 - n / 4];
    const bool step = c->kind == BENCH_STEP, several = c->threads > 1;
    return (BenchResult){.us_per_sample = us * best,
                         .samples_per_s = (double)c->batch / best,
                         .gflops = flops / best / 1e9,
                         .peak_gflops = peak / 1e9,
                         .share = flops / best / peak,
                         .us_median = us * middle,
                         .us_low = us * low,
                         .us_high = us * high,
                         .spread = (high - low) / middle,
                         .peak_median = peak_middle / 1e9,
                         .share_median = flops / middle / peak_middle,
                         .bound = NAN,
                         .work_bytes = NAN,
                         .memory_bytes = NAN,
                         .reduce_share = step ? bench_median(all->part[0], n) : NAN,
                         .optimiser_share = step ? bench_median(all->part[1], n) : NAN,
                         .pack_share = step ? bench_median(all->part[2], n) : NAN,
                         .speedup = several ? all->seconds_alone / best : NAN,
                         .peak_speedup = several ? peak / all->peak_alone : NAN};
}
