#include "bench_cuda.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "archrt/model.h"
#include "archrt/weights.h"
#include "bench_rounds.h"
#include "file.h"
#include "gpu_tools.h"

#define CALLS_MAX  10000 /* of a burst                         */
#define ROUNDS_MAX ((long long)1 << 40)
#define EVENTS     (3 + BENCH_PARTS)
#define PIECE      (1 << 26) /* numbers that the host makes        */

/* The loop of multiply-adds on all of a device. */
typedef struct Peak {
    Gpu *gpu;
    GpuProgram tools;
    GpuEvent event[EVENTS]; /* 0, 1 are the loop's, all of them the kernel's */
    GpuMemory out;
    PeakArgument argument;
    int64_t blocks;
} Peak;

/* Everything that a burst touches. */
typedef struct BenchCuda {
    const ArchModel *m;
    const BenchCase *c;
    Gpu *gpu;
    Peak peak;
    ArchCudaPlan plan;
    GpuWork work;
    GpuMemory x, target, y, w, m1, m2, top, grad, packed, tables, memory, loss;
    AdamWArgument adamw;
    int64_t steps, calls; /* done; of a burst */
} BenchCuda;

/* ---- peak ---- */

/* Operations a second. */
static bool peak_burst(Peak *p, double *rate, double *seconds, ArchError *e)
{
    if (!gpu_event_record(p->gpu, p->event[0], e) ||
        !gpu_start_peak(&p->tools, &p->argument, p->blocks, e) ||
        !gpu_event_record(p->gpu, p->event[1], e) ||
        !gpu_event_elapsed(p->gpu, p->event[0], p->event[1], seconds, e))
        return false;
    *rate = 2.0 * PEAK_FMAS * TRAIN_THREADS * (double)p->blocks *
            (double)p->argument.rounds / *seconds;
    return true;
}

/* So many rounds that a burst takes its time. */
static bool peak_begin(Peak *p, GpuModel *model, ArchError *e)
{
    const ArchModel *m = gpu_model_of(model);
    Gpu *gpu = p->gpu = gpu_model_gpu(model);
    const GpuInfo *info = gpu_info(gpu);
    double rate, seconds = 0;
    p->blocks = (int64_t)info->sms * (info->threads_per_sm / TRAIN_THREADS);
    p->argument = (PeakArgument){.factor = 0.999, .term = 0.001, .rounds = 1};
    size_t threads = (size_t)p->blocks * TRAIN_THREADS;
    bool ok = gpu_tools_load(&p->tools, gpu, gpu_model_compiler(model), m->real, e) &&
              gpu_alloc(gpu, threads * model_real_size(m), &p->out, e);
    p->argument.out = gpu_pointer(p->out, 0);
    for (int i = 0; ok && i < EVENTS; i++)
        ok = gpu_event_init(gpu, &p->event[i], e);
    while (ok && seconds < BENCH_BURST / 2 && p->argument.rounds < ROUNDS_MAX) {
        p->argument.rounds *= 2;
        ok = peak_burst(p, &rate, &seconds, e);
    }
    return ok;
}

static void peak_end(Peak *p)
{
    for (int i = 0; i < EVENTS; i++)
        gpu_event_release(p->gpu, &p->event[i]);
    gpu_free(p->gpu, &p->out);
    gpu_program_release(&p->tools);
}

bool bench_peak_cuda(BenchPeak *p, GpuModel *model, int bursts, ArchError *e)
{
    Peak peak = {0};
    double *v = memory_new(sizeof *v * (size_t)bursts), seconds;
    bool ok = peak_begin(&peak, model, e);
    for (int i = 0; ok && i < bursts; i++)
        ok = peak_burst(&peak, &v[i], &seconds, e);
    if (ok) {
        *p = (BenchPeak){.median = bench_median(v, bursts) / 1e9};
        p->best = p->alone = v[bursts - 1] / 1e9;
    }
    peak_end(&peak);
    free(v);
    return ok;
}

/* ---- memory ---- */

static bool zeros_new(BenchCuda *b, GpuMemory *to, size_t bytes, ArchError *e)
{
    return gpu_alloc(b->gpu, bytes, to, e) && gpu_fill(b->gpu, *to, 0, e);
}

/* So many bytes of the host over and over, until the memory is full. */
static bool upload_over(BenchCuda *b, GpuMemory to, const void *from, size_t bytes,
                        ArchError *e)
{
    bool ok = true;
    for (size_t at = 0; ok && at < to.bytes; at += bytes) {
        size_t part = to.bytes - at < bytes ? to.bytes - at : bytes;
        ok = gpu_upload(b->gpu, gpu_part(to, at, part), from, part, e);
    }
    return ok;
}

/* As bytes to ask for; what no device has is left at that. */
static size_t whole(double bytes)
{
    return bytes < 0x1p62 ? (size_t)bytes : (size_t)1 << 62;
}

/* Whether a batch has room is for the device to say, before the host makes samples; these
 * repeat behind PIECE of them. */
static bool begin_data(BenchCuda *b, ArchError *e)
{
    const ArchModel *m = b->m;
    const BenchCase *c = b->c;
    const size_t real = model_real_size(m);
    double sites = 1;
    for (int i = 0; i < m->rank; i++)
        sites *= (double)c->extent[i];
    size_t bytes = whole((double)c->batch * m->channels * sites);
    size_t y = whole((double)(c->batch * m->outputs) *
                     (double)m->output_sites(c->extent) * (double)real);
    if (!gpu_alloc(b->gpu, bytes, &b->x, e) || !gpu_alloc(b->gpu, y, &b->target, e) ||
        !gpu_alloc(b->gpu, y, &b->y, e))
        return false;
    int64_t numbers = bytes < PIECE ? (int64_t)bytes : PIECE;
    int64_t outputs = y / real < PIECE ? (int64_t)(y / real) : PIECE;
    int8_t *x = memory_new((size_t)numbers);
    void *target = memory_new((size_t)outputs * real);
    bench_fill_input(x, numbers);
    bench_fill_target(m, target, outputs);
    bool ok = upload_over(b, b->x, x, (size_t)numbers, e) &&
              upload_over(b, b->target, target, (size_t)outputs * real, e);
    free(x);
    free(target);
    return ok;
}

static bool begin_weights(BenchCuda *b, ArchError *e)
{
    size_t bytes = (size_t)b->m->param_count * model_real_size(b->m);
    Weights w;
    weights_init(&w, b->m, 1);
    weights_draw(&w, b->m, 1);
    bool ok = gpu_upload_new(b->gpu, &b->w, w.value, bytes, e);
    weights_release(&w);
    return ok && zeros_new(b, &b->m1, bytes, e) && zeros_new(b, &b->m2, bytes, e) &&
           zeros_new(b, &b->top, bytes, e) && zeros_new(b, &b->grad, bytes, e) &&
           zeros_new(b, &b->loss, 2 * sizeof(double), e); /* it, and its sum */
}

static void set_arrays(BenchCuda *b)
{
    b->work.plan = &b->plan;
    b->work.call.x = gpu_pointer(b->x, 0);
    b->work.arrays = (ArchCudaArrays){.params = gpu_pointer(b->w, 0),
                                      .packed = gpu_pointer(b->packed, 0),
                                      .tables = gpu_pointer(b->tables, 0),
                                      .work = gpu_pointer(b->memory, 0),
                                      .target = gpu_pointer(b->target, 0),
                                      .y = gpu_pointer(b->y, 0),
                                      .dparams = gpu_pointer(b->grad, 0),
                                      .loss = gpu_pointer(b->loss, 0)};
    b->adamw.w = gpu_pointer(b->w, 0);
    b->adamw.m = gpu_pointer(b->m1, 0);
    b->adamw.v = gpu_pointer(b->m2, 0);
    b->adamw.u = gpu_pointer(b->top, 0);
    b->adamw.g = gpu_pointer(b->grad, 0);
    b->adamw.loss = gpu_pointer(b->loss, 0);
    b->adamw.loss_sum = (double *)gpu_pointer(b->loss, 0) + 1;
    b->adamw.params = b->m->param_count;
}

static bool begin(BenchCuda *b, ArchError *e)
{
    const BenchCase *c = b->c;
    ArchWhat what = bench_what(c->kind);
    b->work.call = (ArchCall){.size = sizeof(ArchCall),
                              .batch = c->batch,
                              .x_type = ARCH_I8,
                              .instances = 1,
                              .training = c->kind == BENCH_STEP};
    memcpy(b->work.call.extent, c->extent, sizeof c->extent);
    if (!gpu_model_plan(c->gpu, &b->work.call, what, &b->plan, e) ||
        !peak_begin(&b->peak, c->gpu, e) ||
        !gpu_alloc(b->gpu, b->m->cuda_packed_bytes, &b->packed, e) ||
        !gpu_alloc(b->gpu, b->plan.table_bytes, &b->tables, e) ||
        !gpu_alloc(b->gpu, b->plan.work_bytes, &b->memory, e) || !begin_data(b, e) ||
        !begin_weights(b, e))
        return false;
    set_arrays(b);
    return gpu_model_start(c->gpu, &b->work, ARCH_CUDA_PACK, e) &&
           gpu_model_start(c->gpu, &b->work, ARCH_CUDA_TABLES, e);
}

static void end(BenchCuda *b)
{
    GpuMemory *all[] = {&b->x,    &b->target, &b->y,      &b->w,
                        &b->m1,   &b->m2,     &b->top,    &b->grad,
                        &b->loss, &b->packed, &b->tables, &b->memory};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        gpu_free(b->gpu, all[i]);
    peak_end(&b->peak);
}

/* ---- bursts ---- */

static bool start_part(BenchCuda *b, int part, ArchError *e)
{
    AdamW o = bench_adamw();
    AdamWArgument a = gpu_adamw(&o, b->steps + 1), *own = &b->adamw;
    switch (part) {
    case 0: return gpu_model_start(b->c->gpu, &b->work, ARCH_CUDA_REDUCE, e);
    case 1:
        own->keep = a.keep;
        own->step = a.step;
        own->root = a.root;
        b->steps++;
        return gpu_start_adamw(&b->peak.tools, own, 1, e);
    default: return gpu_model_start(b->c->gpu, &b->work, ARCH_CUDA_PACK, e);
    }
}

/* One call; with `timed`, an event behind each of its parts. */
static bool run_once(BenchCuda *b, bool timed, ArchError *e)
{
    const GpuEvent *event = b->peak.event + 1;
    bool ok = gpu_model_start(b->c->gpu, &b->work, ARCH_CUDA_RUN, e) &&
              (!timed || gpu_event_record(b->gpu, event[0], e));
    for (int i = 0; ok && b->c->kind == BENCH_STEP && i < BENCH_PARTS; i++)
        ok = start_part(b, i, e) &&
             (!timed || gpu_event_record(b->gpu, event[1 + i], e));
    return ok;
}

/* Seconds of one call, of which the first is timed in parts. */
static bool kernel_burst(BenchCuda *b, double *seconds, double part[BENCH_PARTS],
                         ArchError *e)
{
    const GpuEvent *event = b->peak.event, last = event[EVENTS - 1];
    bool ok = gpu_event_record(b->gpu, event[0], e) && run_once(b, true, e);
    for (int64_t i = 1; ok && i < b->calls; i++)
        ok = run_once(b, false, e);
    if (!ok || !gpu_event_record(b->gpu, last, e) ||
        !gpu_event_elapsed(b->gpu, event[0], last, seconds, e))
        return false;
    *seconds /= (double)b->calls;
    if (b->c->kind != BENCH_STEP)
        return true;
    double all;
    ok = gpu_event_elapsed(b->gpu, event[0], event[1 + BENCH_PARTS], &all, e);
    for (int i = 0; ok && i < BENCH_PARTS; i++) {
        ok = gpu_event_elapsed(b->gpu, event[1 + i], event[2 + i], &part[i], e);
        part[i] /= all;
    }
    return ok;
}

/* What training holds but for its data. */
static double memory_of(const BenchCuda *b)
{
    const GpuMemory *all[] = {&b->w,  &b->packed, &b->tables, &b->memory, &b->m1,
                              &b->m2, &b->top,    &b->grad,   &b->loss};
    double bytes = 0;
    for (int i = 0; i < (b->c->kind == BENCH_STEP ? 9 : 4); i++)
        bytes += (double)all[i]->bytes;
    return bytes;
}

static bool measure(BenchCuda *b, BenchRounds *all, ArchError *e)
{
    double part[BENCH_PARTS] = {0}, seconds = 0;
    bool ok = true;
    for (b->calls = 1; ok; b->calls *= 2) { /* so many that a burst takes its time */
        ok = kernel_burst(b, &seconds, part, e);
        if (seconds * (double)b->calls >= BENCH_BURST / 2 || b->calls >= CALLS_MAX)
            break;
    }
    for (int i = 0; ok && i < all->n; i++) {
        ok = peak_burst(&b->peak, &all->peak[i], &seconds, e) &&
             kernel_burst(b, &all->seconds[i], part, e);
        for (int k = 0; k < BENCH_PARTS; k++)
            all->part[k][i] = part[k];
    }
    return ok;
}

bool bench_on_cuda(BenchResult *r, const BenchCase *c, ArchError *e)
{
    const ArchModel *m = gpu_model_of(c->gpu);
    BenchCuda b = {.m = m, .c = c, .gpu = gpu_model_gpu(c->gpu)};
    BenchRounds all = bench_rounds_new(c->bursts);
    double flops = m->flops(c->extent, bench_what(c->kind)) * (double)c->batch;
    b.peak.gpu = b.gpu;
    AdamW o = bench_adamw();
    b.adamw = gpu_adamw(&o, 1);
    b.adamw.samples = 1;
    bool ok = begin(&b, e) && measure(&b, &all, e);
    if (ok) {
        *r = bench_rounds_summary(&all, c, flops);
        r->work_bytes = (double)(b.plan.work_bytes + b.plan.table_bytes);
        r->memory_bytes = memory_of(&b);
    }
    end(&b);
    bench_rounds_release(&all);
    return ok;
}
