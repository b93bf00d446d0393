/* A training on a CUDA device.
 *
 * Active instances have slots 0, 1, .., in their order; all arrays but `best` are by slot.  An
 * instance that has stopped leaves its slot at the beginning of the next epoch.  Of a step,
 * neighbours with batches of the same lattice and size go in one launch, with data of one
 * lattice all of them; launches of a step are run, reduce, adamw, pack.  Nothing comes back
 * but sums of losses. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "archrt/model.h"
#include "gpu_tools.h"
#include "train_state.h"

/* The samples of one lattice. */
typedef struct CudaGroup {
    GpuMemory x, target, valid, tables;
} CudaGroup;

struct TrainCuda {
    GpuModel *model;
    Gpu *gpu;
    GpuProgram tools;
    size_t numbers;       /* bytes of the parameters of an instance */
    int64_t batch;        /* rows of a batch in `index`             */
    int64_t slots, *slot; /* active instances, their numbers  */
    double *sum;          /* (slots)                          */
    int64_t *row;         /* as `index`                       */
    CudaGroup *group;
    GpuMemory w, m, v, u, grad, packed; /* (slots, ..)                     */
    GpuMemory best;                     /* (instances, ..)                 */
    GpuMemory loss, loss_sum;           /* (slots)                         */
    GpuMemory index;                    /* (slots, batches, batch)         */
    GpuMemory y, work;
};

/* ---- memory ---- */

static void *pointer(GpuMemory memory, size_t offset)
{
    return (void *)(uintptr_t)(memory.address + offset);
}

static bool upload_new(TrainCuda *c, GpuMemory *to, const void *from, size_t bytes,
                       ArchError *e)
{
    return gpu_alloc(c->gpu, bytes, to, e) &&
           (bytes == 0 || gpu_upload(c->gpu, *to, from, bytes, e));
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

static ArchCall call_of(const Train *t, int group, int64_t batch, int64_t instances)
{
    const DatasetGroup *g = t->group[group].g;
    ArchCall call = {.size = sizeof call,
                     .batch = batch,
                     .x = pointer(t->cuda->group[group].x, 0),
                     .x_type = g->type,
                     .instances = instances};
    for (int i = 0; i < g->rank; i++)
        call.extent[i] = g->extent[i];
    return call;
}

/* Memory that calls of this size need, whatever the number of instances. */
static bool plan_call(const Train *t, int group, int64_t batch, ArchWhat what,
                      size_t *work, size_t *tables, ArchError *e)
{
    ArchCudaPlan plan;
    for (int64_t n = 1; batch > 0 && n <= t->cuda->slots; n++) {
        ArchCall call = call_of(t, group, batch, n);
        if (!gpu_model_plan(t->cuda->model, &call, what, &plan, e))
            return false;
        *work = most(*work, plan.work_bytes);
        *tables = most(*tables, plan.table_bytes);
    }
    return true;
}

/* Its data, and the tables of its lattice. */
static bool begin_group(Train *t, int i, size_t *work, ArchError *e)
{
    TrainCuda *c = t->cuda;
    const TrainGroup *p = &t->group[i];
    const DatasetGroup *g = p->g;
    CudaGroup *to = &c->group[i];
    size_t sample = (size_t)(g->channels * dataset_sites(g)) * arch_type_size(g->type);
    size_t rows = (size_t)g->samples, tables = 0, valids = (size_t)p->valids;
    size_t outputs = (size_t)p->width * model_real_size(t->m);
    int64_t whole = p->trains < c->batch ? p->trains : c->batch;
    bool ok = upload_new(c, &to->x, g->x, rows * sample, e) &&
              upload_new(c, &to->target, p->target, rows * outputs, e) &&
              upload_new(c, &to->valid, p->valid, valids * sizeof *p->valid, e) &&
              plan_call(t, i, whole, ARCH_GRADIENT, work, &tables, e) &&
              plan_call(t, i, p->trains % c->batch, ARCH_GRADIENT, work, &tables, e) &&
              plan_call(t, i, p->valids, ARCH_FORWARD, work, &tables, e) &&
              gpu_alloc(c->gpu, tables, &to->tables, e);
    GpuWork all = {.call = call_of(t, i, 1, 1),
                   .arrays = {.tables = pointer(to->tables, 0)}};
    c->y.bytes = most(c->y.bytes, (size_t)c->slots * valids * outputs);
    return ok && (rows == 0 || gpu_model_start(c->model, &all, ARCH_CUDA_TABLES, e));
}

/* What grows with the number of instances; y and work have their sizes. */
static bool reserve(Train *t, ArchError *e)
{
    TrainCuda *c = t->cuda;
    size_t n = (size_t)c->slots, rows = (size_t)(t->batches * c->batch);
    GpuMemory *numbers[] = {&c->w, &c->m, &c->v, &c->u, &c->grad};
    for (int i = 0; i < 5; i++)
        if (!gpu_alloc(c->gpu, n * c->numbers, numbers[i], e))
            return false;
    return upload_new(c, &c->best, t->best.value, n * c->numbers, e) &&
           gpu_alloc(c->gpu, n * t->m->cuda_packed_bytes, &c->packed, e) &&
           gpu_alloc(c->gpu, n * sizeof(double), &c->loss, e) &&
           gpu_alloc(c->gpu, n * sizeof(double), &c->loss_sum, e) &&
           gpu_alloc(c->gpu, n * rows * sizeof(int64_t), &c->index, e) &&
           gpu_alloc(c->gpu, c->y.bytes, &c->y, e) &&
           gpu_alloc(c->gpu, c->work.bytes, &c->work, e);
}

/* ---- slots ---- */

/* The arrays that have a place on both sides. */
typedef struct Pair {
    GpuMemory device;
    void *host;
} Pair;

enum { PAIRS = 4 };

static void pairs_of(const Train *t, Pair pair[PAIRS])
{
    const TrainCuda *c = t->cuda;
    pair[0] = (Pair){c->w, t->w.value};
    pair[1] = (Pair){c->m, t->m1.value};
    pair[2] = (Pair){c->v, t->m2.value};
    pair[3] = (Pair){c->u, t->top.value};
}

static bool cuda_fetch(Train *t, ArchError *e)
{
    TrainCuda *c = t->cuda;
    Pair pair[PAIRS];
    pairs_of(t, pair);
    for (int i = 0; i < PAIRS; i++)
        for (int64_t s = 0; s < c->slots; s++) {
            size_t at = (size_t)s * c->numbers, to = (size_t)c->slot[s] * c->numbers;
            if (!gpu_download(c->gpu, (char *)pair[i].host + to,
                              gpu_part(pair[i].device, at, c->numbers), c->numbers, e))
                return false;
        }
    return gpu_download(c->gpu, t->best.value, c->best, c->best.bytes, e);
}

/* Slots for the active instances, with what t holds of them. */
static bool place(Train *t, ArchError *e)
{
    TrainCuda *c = t->cuda;
    Pair pair[PAIRS];
    pairs_of(t, pair);
    c->slots = 0;
    for (int64_t k = 0; k < t->o->instances; k++)
        if (t->active[k])
            c->slot[c->slots++] = k;
    for (int i = 0; i < PAIRS; i++)
        for (int64_t s = 0; s < c->slots; s++) {
            size_t at = (size_t)s * c->numbers, from = (size_t)c->slot[s] * c->numbers;
            if (!gpu_upload(c->gpu, gpu_part(pair[i].device, at, c->numbers),
                            (const char *)pair[i].host + from, c->numbers, e))
                return false;
        }
    GpuWork all = {
        .call = call_of(t, 0, 1, c->slots),
        .arrays = {.params = pointer(c->w, 0), .packed = pointer(c->packed, 0)}
    };
    return c->slots == 0 || gpu_model_start(c->model, &all, ARCH_CUDA_PACK, e);
}

static bool has_stopped(const Train *t)
{
    const TrainCuda *c = t->cuda;
    for (int64_t s = 0; s < c->slots; s++)
        if (!t->active[c->slot[s]])
            return true;
    return false;
}

/* ---- the back end ---- */

static bool cuda_begin(Train *t, ArchError *e)
{
    TrainCuda *c = memory_new(sizeof *c);
    size_t n = (size_t)t->o->instances;
    *c = (TrainCuda){.model = t->o->gpu,
                     .gpu = gpu_model_gpu(t->o->gpu),
                     .numbers = (size_t)t->m->param_count * model_real_size(t->m),
                     .batch = t->o->batch < t->trains ? t->o->batch : t->trains,
                     .slots = (int64_t)n};
    t->cuda = c;
    c->slot = memory_new(n * sizeof *c->slot);
    c->sum = memory_new(n * sizeof *c->sum);
    c->row = memory_new(n * (size_t)(t->batches * c->batch) * sizeof *c->row);
    c->group = memory_new((size_t)t->groups * sizeof *c->group);
    memset(c->group, 0, (size_t)t->groups * sizeof *c->group);
    if (!gpu_tools_load(&c->tools, c->gpu, gpu_model_compiler(c->model), t->m->real, e))
        return false;
    for (int i = 0; i < t->groups; i++)
        if (!begin_group(t, i, &c->work.bytes, e))
            return false;
    return reserve(t, e) && place(t, e);
}

static void cuda_end(Train *t)
{
    TrainCuda *c = t->cuda;
    if (!c)
        return;
    GpuMemory *all[] = {&c->w,        &c->m,     &c->v,      &c->u,
                        &c->grad,     &c->best,  &c->packed, &c->loss,
                        &c->loss_sum, &c->index, &c->y,      &c->work};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        gpu_free(c->gpu, all[i]);
    for (int i = 0; i < t->groups; i++) {
        gpu_free(c->gpu, &c->group[i].x);
        gpu_free(c->gpu, &c->group[i].target);
        gpu_free(c->gpu, &c->group[i].valid);
        gpu_free(c->gpu, &c->group[i].tables);
    }
    gpu_program_release(&c->tools);
    free(c->slot);
    free(c->sum);
    free(c->row);
    free(c->group);
    free(c);
    t->cuda = NULL;
}

/* Batch b of the instance in slot s, as numbers of rows. */
static size_t index_at(const Train *t, int64_t s, int64_t b)
{
    return (size_t)((s * t->batches + b) * t->cuda->batch);
}

static bool cuda_begin_epoch(Train *t, ArchError *e)
{
    TrainCuda *c = t->cuda;
    if (has_stopped(t) && !(cuda_fetch(t, e) && place(t, e)))
        return false;
    for (int64_t s = 0; s < c->slots; s++) {
        const Instance *v = &t->instance[c->slot[s]];
        c->sum[s] = v->loss_sum;
        for (int64_t b = 0; b < t->batches; b++) {
            int64_t *to = c->row + index_at(t, s, b);
            size_t n = (size_t)v->batch[b].n, all = (size_t)c->batch;
            memcpy(to, v->row + v->batch[b].first, n * sizeof *to);
            memset(to + n, 0, (all - n) * sizeof *to);
        }
    }
    return gpu_upload(c->gpu, c->loss_sum, c->sum, (size_t)c->slots * sizeof *c->sum,
                      e) &&
           gpu_upload(c->gpu, c->index, c->row,
                      index_at(t, c->slots, 0) * sizeof *c->row, e);
}

/* The slot behind those that, from s on, go with s in one launch. */
static int64_t end_of_run(const Train *t, int64_t s, int64_t b)
{
    const TrainCuda *c = t->cuda;
    const Batch *first = &t->instance[c->slot[s]].batch[b];
    for (s++; s < c->slots; s++) {
        const Batch *other = &t->instance[c->slot[s]].batch[b];
        if (other->group != first->group || other->n != first->n)
            break;
    }
    return s;
}

static bool start_adamw(const Train *t, int64_t s, int64_t count, double samples,
                        ArchError *e)
{
    TrainCuda *c = t->cuda;
    size_t at = (size_t)s * c->numbers, losses = (size_t)s * sizeof(double);
    AdamWArgument a = gpu_adamw(&t->o->optim, t->instance[c->slot[s]].step + 1);
    a.w = pointer(c->w, at);
    a.m = pointer(c->m, at);
    a.v = pointer(c->v, at);
    a.u = pointer(c->u, at);
    a.g = pointer(c->grad, at);
    a.loss = pointer(c->loss, losses);
    a.loss_sum = pointer(c->loss_sum, losses);
    a.samples = samples;
    a.params = t->m->param_count;
    return gpu_start_adamw(&c->tools, &a, count, e);
}

/* Batch b of `count` slots from s on. */
static bool start_step(const Train *t, int64_t b, int64_t s, int64_t count,
                       ArchError *e)
{
    TrainCuda *c = t->cuda;
    const Batch *batch = &t->instance[c->slot[s]].batch[b];
    const CudaGroup *p = &c->group[batch->group];
    size_t at = (size_t)s * c->numbers;
    ArchCudaPlan plan;
    GpuWork work = {
        .call = call_of(t, batch->group, batch->n, count),
        .plan = &plan,
        .arrays = {.params = pointer(c->w, at),
                   .packed = pointer(c->packed, (size_t)s * t->m->cuda_packed_bytes),
                   .tables = pointer(p->tables, 0),
                   .work = pointer(c->work, 0),
                   .target = pointer(p->target, 0),
                   .dparams = pointer(c->grad, at),
                   .loss = pointer(c->loss, (size_t)s * sizeof(double))}
    };
    work.call.index = pointer(c->index, index_at(t, s, b) * sizeof(int64_t));
    work.call.index_stride = t->batches * c->batch;
    work.call.training = 1;
    return gpu_model_plan(c->model, &work.call, ARCH_GRADIENT, &plan, e) &&
           gpu_model_start(c->model, &work, ARCH_CUDA_RUN, e) &&
           gpu_model_start(c->model, &work, ARCH_CUDA_REDUCE, e) &&
           start_adamw(t, s, count, (double)batch->n, e) &&
           gpu_model_start(c->model, &work, ARCH_CUDA_PACK, e);
}

static bool cuda_steps(Train *t, int64_t last, ArchError *e)
{
    TrainCuda *c = t->cuda;
    for (int64_t b = t->next; b < last; b++) {
        for (int64_t s = 0, end; s < c->slots; s = end) {
            end = end_of_run(t, s, b);
            if (!start_step(t, b, s, end - s, e))
                return false;
        }
        for (int64_t s = 0; s < c->slots; s++)
            t->instance[c->slot[s]].step++;
    }
    if (!gpu_download(c->gpu, c->sum, c->loss_sum, (size_t)c->slots * sizeof *c->sum,
                      e))
        return false;
    for (int64_t s = 0; s < c->slots; s++) {
        Instance *v = &t->instance[c->slot[s]];
        v->loss_sum = c->sum[s];
        v->finite = isfinite(c->sum[s]);
    }
    t->next = last;
    return true;
}

/* Adds the losses of one lattice's validation samples to c->loss. */
static bool start_validation(const Train *t, int i, ArchError *e)
{
    TrainCuda *c = t->cuda;
    const TrainGroup *p = &t->group[i];
    ArchCudaPlan plan;
    GpuWork work = {
        .call = call_of(t, i, p->valids, c->slots),
        .plan = &plan,
        .arrays = {.packed = pointer(c->packed, 0),
                   .tables = pointer(c->group[i].tables, 0),
                   .work = pointer(c->work, 0),
                   .y = pointer(c->y, 0)}
    };
    work.call.index = pointer(c->group[i].valid, 0);
    LossArgument a = {.y = pointer(c->y, 0),
                      .target = pointer(c->group[i].target, 0),
                      .row = pointer(c->group[i].valid, 0),
                      .sum = pointer(c->loss, 0),
                      .rows = p->valids,
                      .width = p->width,
                      .cross_entropy = t->m->loss == ARCH_LOSS_BCE};
    return p->valids == 0 ||
           (gpu_model_plan(c->model, &work.call, ARCH_FORWARD, &plan, e) &&
            gpu_model_start(c->model, &work, ARCH_CUDA_RUN, e) &&
            gpu_start_losses(&c->tools, &a, c->slots, e));
}

static bool cuda_validate(Train *t, double *sum, ArchError *e)
{
    TrainCuda *c = t->cuda;
    bool ok = gpu_fill(c->gpu, c->loss, 0, e);
    for (int i = 0; ok && i < t->groups; i++)
        ok = start_validation(t, i, e);
    ok = ok &&
         gpu_download(c->gpu, c->sum, c->loss, (size_t)c->slots * sizeof *c->sum, e);
    for (int64_t s = 0; ok && s < c->slots; s++)
        sum[c->slot[s]] = c->sum[s];
    return ok;
}

static bool cuda_keep(Train *t, int64_t k, ArchError *e)
{
    TrainCuda *c = t->cuda;
    int64_t s = 0;
    while (c->slot[s] != k)
        s++;
    return gpu_copy(c->gpu, gpu_part(c->best, (size_t)k * c->numbers, c->numbers),
                    gpu_part(c->w, (size_t)s * c->numbers, c->numbers), c->numbers, e);
}

const TrainBackend train_on_cuda = {.begin = cuda_begin,
                                    .begin_epoch = cuda_begin_epoch,
                                    .steps = cuda_steps,
                                    .validate = cuda_validate,
                                    .keep = cuda_keep,
                                    .fetch = cuda_fetch,
                                    .end = cuda_end};
