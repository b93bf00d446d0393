#include "train_cuda.h"

#include <math.h>
#include <string.h>

static bool has_stopped(const Train *t)
{
    const TrainCuda *c = t->cuda;
    for (int64_t s = 0; s < c->slots; s++)
        if (!t->active[c->slot[s]])
            return true;
    return false;
}

/* Batch b of the instance in slot s, as numbers of rows. */
static size_t index_at(const Train *t, int64_t s, int64_t b)
{
    return (size_t)((s * t->batches + b) * t->cuda->batch);
}

static bool cuda_begin_epoch(Train *t, ArchError *e)
{
    TrainCuda *c = t->cuda;
    if (has_stopped(t) && !(train_cuda_fetch(t, e) && train_cuda_place(t, e)))
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
    a.w = gpu_pointer(c->w, at);
    a.m = gpu_pointer(c->m, at);
    a.v = gpu_pointer(c->v, at);
    a.u = gpu_pointer(c->u, at);
    a.g = gpu_pointer(c->grad, at);
    a.loss = gpu_pointer(c->loss, losses);
    a.loss_sum = gpu_pointer(c->loss_sum, losses);
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
        .call = train_cuda_call(t, batch->group, batch->n, count),
        .plan = &plan,
        .arrays = {.params = gpu_pointer(c->w, at),
                   .packed =
                       gpu_pointer(c->packed, (size_t)s * t->m->cuda_packed_bytes),
                   .tables = gpu_pointer(p->tables, 0),
                   .work = gpu_pointer(c->work, 0),
                   .target = gpu_pointer(p->target, 0),
                   .dparams = gpu_pointer(c->grad, at),
                   .loss = gpu_pointer(c->loss, (size_t)s * sizeof(double))}
    };
    work.call.index = gpu_pointer(c->index, index_at(t, s, b) * sizeof(int64_t));
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
        .call = train_cuda_call(t, i, p->valids, c->slots),
        .plan = &plan,
        .arrays = {.packed = gpu_pointer(c->packed, 0),
                   .tables = gpu_pointer(c->group[i].tables, 0),
                   .work = gpu_pointer(c->work, 0),
                   .y = gpu_pointer(c->y, 0)}
    };
    work.call.index = gpu_pointer(c->group[i].valid, 0);
    LossArgument a = {.y = gpu_pointer(c->y, 0),
                      .target = gpu_pointer(c->group[i].target, 0),
                      .row = gpu_pointer(c->group[i].valid, 0),
                      .sum = gpu_pointer(c->loss, 0),
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

const TrainBackend train_on_cuda = {.begin = train_cuda_begin,
                                    .begin_epoch = cuda_begin_epoch,
                                    .steps = cuda_steps,
                                    .validate = cuda_validate,
                                    .keep = cuda_keep,
                                    .fetch = train_cuda_fetch,
                                    .end = train_cuda_end};
