#include "archrt/bench.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "archrt/model.h"
#include "archrt/rng.h"
#include "archrt/train.h"
#include "denormal.h"
#include "file.h"
#include "peak.h"
#include "progress.h"

#define BURST_SECONDS 0.003

/* Everything that a burst touches. */
typedef struct Bench {
    const ArchModel *m;
    const BenchCase *c;
    ArchCall call;
    int64_t shards;
    size_t work_bytes; /* of one thread */
    Weights w, m1, m2, top;
    int8_t *x;
    void *target, *y, *grad;
    char *work; /* (threads, work_bytes) */
    double *loss;
    int64_t step;
} Bench;

static ArchWhat what_of(BenchKind kind)
{
    return kind == BENCH_STEP ? ARCH_GRADIENT : ARCH_FORWARD;
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
                         .shards = b->shards,
                         .isa = b->c->isa,
                         .training = b->c->kind == BENCH_STEP};
    memcpy(b->call.extent, b->c->extent, sizeof b->call.extent);
}

static void init(Bench *b)
{
    const ArchModel *m = b->m;
    const BenchCase *c = b->c;
    int64_t sites = 1, blocks = (c->batch + ARCH_LANES - 1) / ARCH_LANES;
    for (int i = 0; i < m->rank; i++)
        sites *= c->extent[i];
    int64_t outputs = c->batch * m->outputs * m->output_sites(c->extent);
    b->shards = c->kind == BENCH_STEP ? train_shards(c->batch)
                : c->threads == 1     ? 1
                : blocks < c->threads ? blocks
                                      : c->threads;
    Weights *all[] = {&b->w, &b->m1, &b->m2, &b->top};
    for (int i = 0; i < 4; i++)
        weights_init(all[i], m, 1);
    weights_draw(&b->w, m, 1);
    weights_pack(&b->w, m);
    b->x = memory_aligned((size_t)(c->batch * m->channels * sites));
    b->target = memory_aligned((size_t)outputs * model_real_size(m));
    b->y = memory_aligned((size_t)outputs * model_real_size(m));
    b->grad = memory_aligned((size_t)(b->shards * m->param_count) * model_real_size(m));
    b->loss = memory_aligned(sizeof(double) * (size_t)b->shards);
    b->work_bytes =
        (m->work_bytes(c->extent, c->batch, what_of(c->kind)) + 4095) / 4096 * 4096;
    b->work = memory_aligned((size_t)c->threads * b->work_bytes);
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
    free(b->work);
}

static void run_shard(const Bench *b, int64_t shard, int thread)
{
    ArchCall call = b->call;
    call.shard = shard;
    call.work = b->work + (size_t)thread * b->work_bytes;
    if (b->c->kind == BENCH_FORWARD)
        b->m->forward(&call, b->y);
    else
        b->m->gradient(&call, b->target, &b->loss[shard],
                       (char *)b->grad +
                           (size_t)(shard * b->m->param_count) * model_real_size(b->m));
}

/* What follows the gradient in a training step. */
static void finish_step(Bench *b)
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
    b->m->reduce(b->loss, b->grad, b->shards, 1, b->c->batch, b->c->extent);
    adamw_step(&adamw, &s, b->grad, ++b->step);
    weights_pack(&b->w, b->m);
}

static void run_once(Bench *b)
{
    if (b->c->threads == 1) {
        for (int64_t i = 0; i < b->shards; i++)
            run_shard(b, i, 0);
    } else {
#pragma omp parallel for schedule(static, 1) num_threads(b->c->threads)
        for (int64_t i = 0; i < b->shards; i++) {
            unsigned before = denormal_flush();
            run_shard(b, i, omp_get_thread_num());
            denormal_restore(before);
        }
    }
    if (b->c->kind == BENCH_STEP)
        finish_step(b);
}

/* Seconds of one call. */
static double kernel_burst(Bench *b)
{
    double start = progress_clock(), now = start;
    int64_t n = 0;
    do {
        run_once(b);
        n++;
        now = progress_clock();
    } while (now - start < BURST_SECONDS);
    return (now - start) / (double)n;
}

static double peak_together(ArchIsa isa, ArchType real, int threads)
{
    double sum = 0;
    if (threads == 1)
        return peak_burst(isa, real, BURST_SECONDS);
#pragma omp parallel for schedule(static, 1) num_threads(threads) reduction(+ : sum)
    for (int i = 0; i < threads; i++)
        sum += peak_burst(isa, real, BURST_SECONDS);
    return sum;
}

double bench_peak(ArchIsa isa, ArchType real, int threads, int bursts)
{
    double best = 0;
    for (int i = 0; i < bursts; i++)
        best = fmax(best, peak_together(isa, real, threads));
    return best / 1e9;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(Bench *b, BenchResult *r)
{
    const BenchCase *c = b->c;
    double *seconds = memory_new(sizeof *seconds * (size_t)c->bursts), peak = 0;
    double flops = b->m->flops(c->extent, what_of(c->kind)) * (double)c->batch;
    unsigned before = denormal_flush();
    run_once(b); /* memory and caches are touched */
    for (int i = 0; i < c->bursts; i++) {
        peak = fmax(peak, peak_together(c->isa, b->m->real, c->threads));
        seconds[i] = kernel_burst(b);
    }
    denormal_restore(before);
    qsort(seconds, (size_t)c->bursts, sizeof *seconds, compare_double);
    *r = (BenchResult){.us_per_sample = 1e6 * seconds[0] / (double)c->batch,
                       .gflops = flops / seconds[0] / 1e9,
                       .peak_gflops = peak / 1e9,
                       .share = flops / seconds[0] / peak,
                       .spread = seconds[c->bursts / 2] / seconds[0] - 1};
    free(seconds);
}

bool bench_run(BenchResult *r, const ArchModel *m, const BenchCase *c, ArchError *e)
{
    Bench b = {.m = m, .c = c};
    if (!peak_has(c->isa))
        return error_set(e, ARCH_EXIT_DEVICE, "this machine has no %s",
                         peak_name(c->isa));
    if (!model_takes(m, m->rank, c->extent, e))
        return false;
    if (c->kind == BENCH_STEP && !m->gradient)
        return error_set(e, ARCH_EXIT_USAGE, "%s has no loss, so there is no step",
                         m->name);
    init(&b);
    measure(&b, r);
    release(&b);
    return true;
}
