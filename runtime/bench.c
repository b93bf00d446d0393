#include "archrt/bench.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archrt/model.h"
#include "archrt/rng.h"
#include "archrt/train.h"
#include "denormal.h"
#include "file.h"
#include "peak.h"
#include "progress.h"

#define BURST_SECONDS 0.003
#define STEP_PARTS    3

/* Everything that a burst touches. */
typedef struct Bench {
    const ArchModel *m;
    const BenchCase *c;
    ArchCall call;
    Weights w, m1, m2, top;
    int8_t *x;
    void *target, *y, *grad;
    ModelWork *work; /* [threads] */
    double *loss;
    int64_t step;
} Bench;

static ArchWhat what_of(BenchKind kind)
{
    return kind == BENCH_STEP ? ARCH_GRADIENT : ARCH_FORWARD;
}

/* A step has as many as in training; a forward pass, one for each thread. */
static int64_t shards_of(const BenchCase *c)
{
    int64_t blocks = (c->batch + ARCH_LANES - 1) / ARCH_LANES;
    if (c->kind == BENCH_STEP)
        return train_shards(c->batch);
    return blocks < c->threads ? blocks : c->threads;
}

/* Fluxes: -2 .. 2, as sums of four signs have them. */
static void fill_input(Bench *b, int64_t numbers)
{
    Rng r = rng_init(1, RNG_BENCH, 0, 0);
    for (int64_t i = 0; i < numbers; i++) {
        uint32_t bits = rng_u32(&r);
        b->x[i] = (int8_t)((int)((bits & 1) + (bits >> 1 & 1) + (bits >> 2 & 1) +
                                 (bits >> 3 & 1)) -
                           2);
    }
}

static void fill_target(Bench *b, int64_t numbers)
{
    Rng r = rng_init(1, RNG_BENCH, 1, 0);
    uint32_t most = b->m->loss == ARCH_LOSS_BCE ? 2 : 6;
    for (int64_t i = 0; i < numbers; i++) {
        uint32_t label = rng_below(&r, most);
        if (b->m->real == ARCH_F64)
            ((double *)b->target)[i] = label;
        else
            ((float *)b->target)[i] = (float)label;
    }
}

static void init_call(Bench *b)
{
    b->call = (ArchCall){.size = sizeof b->call,
                         .batch = b->c->batch,
                         .x = b->x,
                         .x_type = ARCH_I8,
                         .packed = b->w.packed,
                         .instances = 1,
                         .shards = shards_of(b->c),
                         .isa = b->c->isa,
                         .training = b->c->kind == BENCH_STEP};
    memcpy(b->call.extent, b->c->extent, sizeof b->call.extent);
}

static void init(Bench *b)
{
    const ArchModel *m = b->m;
    const BenchCase *c = b->c;
    int64_t sites = 1, shards = shards_of(c);
    for (int i = 0; i < m->rank; i++)
        sites *= c->extent[i];
    int64_t outputs = c->batch * m->outputs * m->output_sites(c->extent);
    Weights *all[] = {&b->w, &b->m1, &b->m2, &b->top};
    for (int i = 0; i < 4; i++)
        weights_init(all[i], m, 1);
    weights_draw(&b->w, m, 1);
    weights_pack(&b->w, m);
    b->x = memory_aligned((size_t)(c->batch * m->channels * sites));
    b->target = memory_aligned((size_t)outputs * model_real_size(m));
    b->y = memory_aligned((size_t)outputs * model_real_size(m));
    b->grad = memory_aligned((size_t)(shards * m->param_count) * model_real_size(m));
    b->loss = memory_aligned(sizeof(double) * (size_t)shards);
    size_t bytes = m->work_bytes(c->extent, c->batch, what_of(c->kind));
    b->work = memory_new((size_t)c->threads * sizeof *b->work);
    for (int i = 0; i < c->threads; i++)
        b->work[i] = (ModelWork){.memory = memory_aligned(bytes)};
    fill_input(b, c->batch * m->channels * sites);
    fill_target(b, outputs);
    init_call(b);
}

static void release(Bench *b)
{
    Weights *all[] = {&b->w, &b->m1, &b->m2, &b->top};
    for (int i = 0; i < 4; i++)
        weights_release(all[i]);
    free(b->x);
    free(b->target);
    free(b->y);
    free(b->grad);
    free(b->loss);
    for (int i = 0; i < b->c->threads; i++)
        free(b->work[i].memory);
    free(b->work);
}

static void run_shard(const Bench *b, int64_t shard, int thread)
{
    ArchCall call = b->call;
    call.shard = shard;
    model_work_use(&b->work[thread], &call, what_of(b->c->kind));
    if (b->c->kind == BENCH_FORWARD)
        b->m->forward(&call, b->y);
    else
        b->m->gradient(&call, b->target, &b->loss[shard],
                       (char *)b->grad +
                           (size_t)(shard * b->m->param_count) * model_real_size(b->m));
}

static void run_shards(Bench *b, int threads)
{
    if (threads == 1) {
        for (int64_t i = 0; i < b->call.shards; i++)
            run_shard(b, i, 0);
        return;
    }
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int64_t i = 0; i < b->call.shards; i++) {
        unsigned before = denormal_flush();
        run_shard(b, i, omp_get_thread_num());
        denormal_restore(before);
    }
}

/* Seconds of one call, and of what it consists. */
typedef struct Times {
    double all, part[STEP_PARTS];
} Times;

static void take_reduce(Bench *b)
{
    b->m->reduce(b->loss, b->grad, b->call.shards, 1, b->c->batch, b->c->extent);
}

static void take_optimiser(Bench *b)
{
    static const AdamW adamw = {.lr = 1e-6,
                                .beta1 = 0.9,
                                .beta2 = 0.999,
                                .eps = 1e-8,
                                .amsgrad = true}; /* the weights stay where they are */
    AdamWState s = {.real = b->m->real,
                    .n = b->m->param_count,
                    .w = b->w.value,
                    .m = b->m1.value,
                    .v = b->m2.value,
                    .u = b->top.value};
    adamw_step(&adamw, &s, b->grad, ++b->step);
}

static void take_pack(Bench *b)
{
    weights_pack(&b->w, b->m);
}

/* Behind the gradient of a training step, in this order. */
static void (*const step_part[STEP_PARTS])(Bench *) = {take_reduce, take_optimiser,
                                                       take_pack};

static void run_once(Bench *b, int threads)
{
    run_shards(b, threads);
    for (int i = 0; b->c->kind == BENCH_STEP && i < STEP_PARTS; i++)
        step_part[i](b);
}

static void run_timed(Bench *b, int threads, Times *t)
{
    double start = progress_clock(), before, now;
    run_shards(b, threads);
    now = progress_clock();
    for (int i = 0; b->c->kind == BENCH_STEP && i < STEP_PARTS; i++) {
        before = now;
        step_part[i](b);
        now = progress_clock();
        t->part[i] = now - before;
    }
    t->all = now - start;
}

/* Seconds of one call.  The first is timed in parts: looking at the clock costs little in
 * one of many. */
static double kernel_burst(Bench *b, int threads, Times *first)
{
    double start = progress_clock(), now;
    int64_t n = 1;
    run_timed(b, threads, first);
    while ((now = progress_clock()) - start < BURST_SECONDS) {
        run_once(b, threads);
        n++;
    }
    return (now - start) / (double)n;
}

static double peak_together(ArchIsa isa, ArchType real, int threads)
{
    double sum = 0;
    if (threads == 1)
        return peak_burst(isa, real, BURST_SECONDS);
#pragma omp parallel num_threads(threads) reduction(+ : sum)
    {
#pragma omp barrier
        sum += peak_burst(isa, real, BURST_SECONDS);
    }
    return sum;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, compare_double);
}

/* Of sorted numbers. */
static double median(const double *v, int n)
{
    return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

BenchPeak bench_peak(ArchIsa isa, ArchType real, int threads, int bursts)
{
    double *v = memory_new(sizeof *v * (size_t)bursts);
    BenchPeak p = {0};
    for (int i = 0; i < bursts; i++) {
        v[i] = peak_together(isa, real, threads) / 1e9;
        p.best = fmax(p.best, v[i]);
        p.alone =
            fmax(p.alone, threads == 1 ? v[i] : peak_together(isa, real, 1) / 1e9);
    }
    sort(v, bursts);
    p.median = median(v, bursts);
    free(v);
    return p;
}

/* What the rounds have shown so far. */
typedef struct Rounds {
    double *seconds, *peak, *part[STEP_PARTS]; /* (bursts)       */
    double seconds_alone, peak_alone;          /* best, with one */
} Rounds;

static void take_round(Bench *b, Rounds *all, int i)
{
    const BenchCase *c = b->c;
    Times t;
    all->peak[i] = peak_together(c->isa, b->m->real, c->threads);
    all->seconds[i] = kernel_burst(b, c->threads, &t);
    for (int k = 0; c->kind == BENCH_STEP && k < STEP_PARTS; k++)
        all->part[k][i] = t.part[k] / t.all;
    if (c->threads == 1)
        return;
    all->peak_alone = fmax(all->peak_alone, peak_together(c->isa, b->m->real, 1));
    all->seconds_alone = fmin(all->seconds_alone, kernel_burst(b, 1, &t));
}

/* What training holds but for its data. */
static double memory_of(const Bench *b)
{
    const BenchCase *c = b->c;
    const double params = (double)b->m->param_count * (double)model_real_size(b->m),
                 shard = params + sizeof(double),
                 work = (double)b->m->work_bytes(c->extent, c->batch, what_of(c->kind)),
                 always = params + (double)b->m->packed_bytes + c->threads * work;
    return c->kind == BENCH_STEP ? always + 3 * params + (double)b->call.shards * shard
                                 : always;
}

static void summarise(const Bench *b, Rounds *all, double flops, BenchResult *r)
{
    const BenchCase *c = b->c;
    const int n = c->bursts;
    const double us = 1e6 / (double)c->batch;
    double *share[STEP_PARTS] = {&r->reduce_share, &r->optimiser_share, &r->pack_share};
    sort(all->seconds, n);
    sort(all->peak, n);
    const double best = all->seconds[0], middle = median(all->seconds, n),
                 peak = all->peak[n - 1], peak_middle = median(all->peak, n);
    *r = (BenchResult){
        .us_per_sample = us * best,
        .samples_per_s = (double)c->batch / best,
        .gflops = flops / best / 1e9,
        .peak_gflops = peak / 1e9,
        .share = flops / best / peak,
        .us_median = us * middle,
        .us_low = us * all->seconds[n / 4],
        .us_high = us * all->seconds[n - 1 - n / 4],
        .spread = (all->seconds[n - 1 - n / 4] - all->seconds[n / 4]) / middle,
        .peak_median = peak_middle / 1e9,
        .share_median = flops / middle / peak_middle,
        .bound = b->m->bound(c->extent, c->batch, what_of(c->kind), c->isa),
        .memory_bytes = memory_of(b),
        .work_bytes = (double)b->m->work_bytes(c->extent, c->batch, what_of(c->kind)),
        .speedup = c->threads > 1 ? all->seconds_alone / best : NAN,
        .peak_speedup = c->threads > 1 ? peak / all->peak_alone : NAN};
    for (int k = 0; k < STEP_PARTS; k++) {
        *share[k] = NAN;
        if (c->kind != BENCH_STEP)
            continue;
        sort(all->part[k], n);
        *share[k] = median(all->part[k], n);
    }
}

static void measure(Bench *b, BenchResult *r)
{
    const size_t n = (size_t)b->c->bursts;
    double flops = b->m->flops(b->c->extent, what_of(b->c->kind)) * (double)b->c->batch;
    double *numbers = memory_new(sizeof *numbers * n * (2 + STEP_PARTS));
    Rounds all = {.seconds = numbers, .peak = numbers + n, .seconds_alone = INFINITY};
    for (size_t k = 0; k < STEP_PARTS; k++)
        all.part[k] = numbers + (2 + k) * n;
    unsigned before = denormal_flush();
    run_once(b, b->c->threads); /* memory and caches are touched */
    for (int i = 0; i < b->c->bursts; i++)
        take_round(b, &all, i);
    denormal_restore(before);
    summarise(b, &all, flops, r);
    free(numbers);
}

static bool check_memory(const ArchModel *m, const BenchCase *c, ArchError *e)
{
    const double memory =
        (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    const double real = (double)model_real_size(m), batch = (double)c->batch;
    double input = batch * m->channels;
    for (int i = 0; i < m->rank; i++)
        input *= (double)c->extent[i];
    const double bytes =
        input + 2 * batch * m->outputs * (double)m->output_sites(c->extent) * real +
        (double)shards_of(c) * (double)m->param_count * real +
        (double)c->threads *
            (double)m->work_bytes(c->extent, c->batch, what_of(c->kind));
    return bytes < memory ||
           error_set(
               e, ARCH_EXIT_USAGE,
               "a batch of %lld needs %.3g GB, this machine has %.3g GB of memory",
               (long long)c->batch, bytes * 1e-9, memory * 1e-9);
}

bool bench_check(const ArchModel *m, const BenchCase *c, ArchError *e)
{
    if (!peak_has(c->isa))
        return error_set(e, ARCH_EXIT_DEVICE, "this machine has no %s",
                         peak_name(c->isa));
    if (!model_takes(m, m->rank, c->extent, e))
        return false;
    if (c->kind == BENCH_STEP && !m->gradient)
        return error_set(e, ARCH_EXIT_USAGE, "%s has no loss, so there is no step",
                         m->name);
    return check_memory(m, c, e);
}

bool bench_run(BenchResult *r, const ArchModel *m, const BenchCase *c, ArchError *e)
{
    Bench b = {.m = m, .c = c};
    if (!bench_check(m, c, e))
        return false;
    init(&b);
    measure(&b, r);
    release(&b);
    return true;
}
