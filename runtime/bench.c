#include "archrt/bench.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archrt/model.h"
#include "archrt/train.h"
#include "bench_cuda.h"
#include "bench_rounds.h"
#include "denormal.h"
#include "file.h"
#include "peak.h"
#include "progress.h"

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

/* A step has as many as in training; a forward pass, one for each thread. */
static int64_t shards_of(const BenchCase *c)
{
    int64_t blocks = (c->batch + ARCH_LANES - 1) / ARCH_LANES;
    if (c->kind == BENCH_STEP)
        return train_shards(c->batch);
    return blocks < c->threads ? blocks : c->threads;
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
    size_t bytes = m->work_bytes(c->extent, c->batch, bench_what(c->kind));
    b->work = memory_new((size_t)c->threads * sizeof *b->work);
    for (int i = 0; i < c->threads; i++)
        b->work[i] = (ModelWork){.memory = memory_aligned(bytes)};
    bench_fill_input(b->x, c->batch * m->channels * sites);
    bench_fill_target(m, b->target, outputs);
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
    model_work_use(&b->work[thread], &call, bench_what(b->c->kind));
    if (b->c->kind == BENCH_FORWARD)
        b->m->forward(&call, b->y);
    else
        b->m->gradient(&call, b->target, &b->loss[shard],
                       (char *)b->grad +
                           (size_t)(shard * b->m->param_count) * model_real_size(b->m));
}

/* Dealt to the threads, which have come here together. */
static void run_shards(Bench *b, int threads)
{
    if (threads == 1) { /* to ask for others takes a tenth of the shortest calls */
        for (int64_t i = 0; i < b->call.shards; i++)
            run_shard(b, i, 0);
        return;
    }
#pragma omp for schedule(static, 1)
    for (int64_t i = 0; i < b->call.shards; i++)
        run_shard(b, i, omp_get_thread_num());
}

/* Seconds of one call, and of what it consists. */
typedef struct Times {
    double all, part[BENCH_PARTS];
} Times;

static void take_reduce(Bench *b)
{
    b->m->reduce(b->loss, b->grad, b->call.shards, 1, b->c->batch, b->c->extent);
}

static void take_optimiser(Bench *b)
{
    const AdamW adamw = bench_adamw();
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
static void (*const step_part[BENCH_PARTS])(Bench *) = {take_reduce, take_optimiser,
                                                        take_pack};

static void run_once(Bench *b, int threads)
{
    run_shards(b, threads);
    if (b->c->kind == BENCH_STEP) {
#pragma omp single
        for (int i = 0; i < BENCH_PARTS; i++)
            step_part[i](b);
    }
}

/* Some times the same.  As in training, threads stay together meanwhile. */
static void repeat(void (*work)(Bench *, int), Bench *b, int threads, int64_t times)
{
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        unsigned before = denormal_flush();
        for (int64_t i = 0; i < times; i++)
            work(b, threads);
        denormal_restore(before);
    }
}

static void run_timed(Bench *b, int threads, Times *t)
{
    double start = progress_clock(), before, now;
    repeat(run_shards, b, threads, 1);
    now = progress_clock();
    for (int i = 0; b->c->kind == BENCH_STEP && i < BENCH_PARTS; i++) {
        before = now;
        step_part[i](b);
        now = progress_clock();
        t->part[i] = now - before;
    }
    t->all = now - start;
}

/* Seconds of one call.  The first is timed in parts.  A look at the clock takes as long as a
 * tenth of the shortest calls: some follow each other without. */
static double kernel_burst(Bench *b, int threads, Times *first)
{
    double start = progress_clock(), now;
    int64_t n = 1;
    run_timed(b, threads, first);
    const int64_t often = first->all > 0 ? 1 + (int64_t)(BENCH_LOOK / first->all) : 1;
    for (; (now = progress_clock()) - start < BENCH_BURST; n += often)
        repeat(run_once, b, threads, often);
    return (now - start) / (double)n;
}

static double peak_together(ArchIsa isa, ArchType real, int threads)
{
    double sum = 0;
    if (threads == 1)
        return peak_burst(isa, real, BENCH_BURST);
#pragma omp parallel num_threads(threads) reduction(+ : sum)
    {
#pragma omp barrier
        sum += peak_burst(isa, real, BENCH_BURST);
    }
    return sum;
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
    p.median = bench_median(v, bursts);
    free(v);
    return p;
}

static void take_round(Bench *b, BenchRounds *all, int i)
{
    const BenchCase *c = b->c;
    Times t;
    all->peak[i] = peak_together(c->isa, b->m->real, c->threads);
    all->seconds[i] = kernel_burst(b, c->threads, &t);
    for (int k = 0; c->kind == BENCH_STEP && k < BENCH_PARTS; k++)
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
                 work =
                     (double)b->m->work_bytes(c->extent, c->batch, bench_what(c->kind)),
                 always = params + (double)b->m->packed_bytes + c->threads * work;
    return c->kind == BENCH_STEP ? always + 3 * params + (double)b->call.shards * shard
                                 : always;
}

static void measure(Bench *b, BenchResult *r)
{
    const BenchCase *c = b->c;
    const ArchWhat what = bench_what(c->kind);
    double flops = b->m->flops(c->extent, what) * (double)c->batch;
    BenchRounds all = bench_rounds_new(c->bursts);
    unsigned before = denormal_flush();
    repeat(run_once, b, c->threads, 1); /* memory and caches are touched */
    for (int i = 0; i < c->bursts; i++)
        take_round(b, &all, i);
    denormal_restore(before);
    *r = bench_rounds_summary(&all, c, flops);
    r->bound = b->m->bound(c->extent, c->batch, what, c->isa);
    r->work_bytes = (double)b->m->work_bytes(c->extent, c->batch, what);
    r->memory_bytes = memory_of(b);
    bench_rounds_release(&all);
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
            (double)m->work_bytes(c->extent, c->batch, bench_what(c->kind));
    return bytes < memory ||
           error_set(
               e, ARCH_EXIT_USAGE,
               "a batch of %lld needs %.3g GB, this machine has %.3g GB of memory",
               (long long)c->batch, bytes * 1e-9, memory * 1e-9);
}

bool bench_check(const ArchModel *m, const BenchCase *c, ArchError *e)
{
    if (!c->gpu && !peak_has(c->isa))
        return error_set(e, ARCH_EXIT_DEVICE, "this machine has no %s",
                         peak_name(c->isa));
    if (!model_takes(m, m->rank, c->extent, e))
        return false;
    if (c->kind == BENCH_STEP && !m->gradient)
        return error_set(e, ARCH_EXIT_USAGE, "%s has no loss, so there is no step",
                         m->name);
    return c->gpu || check_memory(m, c, e);
}

bool bench_run(BenchResult *r, const ArchModel *m, const BenchCase *c, ArchError *e)
{
    Bench b = {.m = m, .c = c};
    if (!bench_check(m, c, e))
        return false;
    if (c->gpu)
        return bench_on_cuda(r, c, e);
    init(&b);
    measure(&b, r);
    release(&b);
    return true;
}
