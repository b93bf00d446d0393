#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "archrt/eval.h"
#include "archrt/model.h"
#include "denormal.h"
#include "train_state.h"

#define SHARDS_MAX 16

int64_t train_shards(int64_t batch)
{
    int64_t blocks = (batch + ARCH_LANES - 1) / ARCH_LANES, n = blocks / 2;
    return n < 1 ? 1 : n > SHARDS_MAX ? SHARDS_MAX : n;
}

/* Gradient of one shard of batch b of instance k; nothing if there is no such shard. */
static void run_shard(const Train *t, int64_t k, int64_t b, int64_t shard,
                      ModelWork *work)
{
    const ArchModel *m = t->m;
    const Batch *batch = &t->instance[k].batch[b];
    const TrainGroup *p = &t->group[batch->group];
    int64_t shards = train_shards(batch->n), at = k * t->shards + shard;
    if (shard >= shards)
        return;
    ArchCall call = {.size = sizeof call,
                     .batch = batch->n,
                     .x = p->g->x,
                     .x_type = p->g->type,
                     .index = t->instance[k].row + batch->first,
                     .packed = (const char *)t->w.packed + (size_t)k * m->packed_bytes,
                     .instances = 1,
                     .shard = shard,
                     .shards = shards,
                     .training = 1};
    for (int i = 0; i < p->g->rank; i++)
        call.extent[i] = p->g->extent[i];
    model_work_use(work, &call, ARCH_GRADIENT);
    m->gradient(&call, p->target, &t->loss[at],
                (char *)t->grad + (size_t)(at * m->param_count) * model_real_size(m));
}

/* Adds the shards of batch b and moves the weights of instance k. */
static void finish_step(const Train *t, int64_t k, int64_t b)
{
    const ArchModel *m = t->m;
    Instance *v = &t->instance[k];
    const Batch *batch = &v->batch[b];
    size_t bytes = (size_t)m->param_count * model_real_size(m), at = (size_t)k * bytes;
    char *grad = (char *)t->grad + at * (size_t)t->shards;
    double *loss = &t->loss[k * t->shards];
    m->reduce(loss, grad, train_shards(batch->n), 1, batch->n,
              t->group[batch->group].g->extent);
    v->loss_sum += *loss * (double)batch->n;
    v->finite = v->finite && isfinite(*loss);
    AdamWState s = {.real = m->real,
                    .n = m->param_count,
                    .w = (char *)t->w.value + at,
                    .m = (char *)t->m1.value + at,
                    .v = (char *)t->m2.value + at,
                    .u = (char *)t->top.value + at};
    adamw_step(&t->o->optim, &s, grad, ++v->step);
    m->pack(s.w, (char *)t->w.packed + (size_t)k * m->packed_bytes, 1);
}

/* Every thread takes whole instances: nobody waits for anybody. */
static void steps_by_instance(const Train *t, int64_t last, ModelWork *work)
{
#pragma omp for schedule(dynamic)
    for (int64_t k = 0; k < t->o->instances; k++)
        for (int64_t b = t->next; b < last && t->active[k]; b++) {
            for (int64_t shard = 0; shard < t->shards; shard++)
                run_shard(t, k, b, shard, work);
            finish_step(t, k, b);
        }
}

/* Fewer instances than threads: the shards of a step are spread. */
static void steps_by_shard(const Train *t, int64_t last, ModelWork *work)
{
    for (int64_t b = t->next; b < last; b++) {
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < t->o->instances * t->shards; i++)
            if (t->active[i / t->shards])
                run_shard(t, i / t->shards, b, i % t->shards, work);
#pragma omp for schedule(static)
        for (int64_t k = 0; k < t->o->instances; k++)
            if (t->active[k])
                finish_step(t, k, b);
    }
}

static bool cpu_steps(Train *t, int64_t last, ArchError *e)
{
    (void)e;
    int64_t active = 0;
    for (int64_t k = 0; k < t->o->instances; k++)
        active += t->active[k];
    bool whole = active % t->threads == 0;
#pragma omp parallel num_threads(t->threads)
    {
        unsigned before = denormal_flush();
        ModelWork work = {.memory = memory_aligned(t->work_bytes)};
        if (whole)
            steps_by_instance(t, last, &work);
        else
            steps_by_shard(t, last, &work);
        free(work.memory);
        denormal_restore(before);
    }
    t->next = last;
    return true;
}

/* Sum of the losses of instance k over the validation samples of one lattice. */
static double valid_sum(const Train *t, const TrainGroup *p, int64_t k)
{
    double sum = 0;
    for (int64_t i = 0; i < p->valids; i++)
        for (int64_t o = 0; o < p->width; o++) {
            int64_t at = (k * p->valids + i) * p->width + o;
            double y = t->m->real == ARCH_F64 ? ((const double *)p->y)[at]
                                              : ((const float *)p->y)[at];
            sum += loss_value(t->m->loss, y, p->g->y[p->valid[i] * p->width + o]);
        }
    return sum / (double)p->width;
}

static bool cpu_validate(Train *t, double *sum, ArchError *e)
{
    for (int64_t k = 0; k < t->o->instances; k++)
        sum[k] = 0;
    for (int i = 0; i < t->groups; i++) {
        const TrainGroup *p = &t->group[i];
        Apply a = {.m = t->m,
                   .g = p->g,
                   .row = p->valid,
                   .rows = p->valids,
                   .only = t->active,
                   .threads = t->threads};
        if (!apply_forward(&a, &t->w, p->y, e))
            return false;
        for (int64_t k = 0; k < t->o->instances; k++)
            sum[k] += t->active[k] ? valid_sum(t, p, k) : 0;
    }
    return true;
}

static bool cpu_keep(Train *t, int64_t k, ArchError *e)
{
    size_t bytes = (size_t)t->m->param_count * model_real_size(t->m),
           at = (size_t)k * bytes;
    (void)e;
    memcpy((char *)t->best.value + at, (char *)t->w.value + at, bytes);
    return true;
}

static bool cpu_begin(Train *t, ArchError *e)
{
    (void)e;
    weights_pack(&t->w, t->m);
    for (int i = 0; i < t->groups; i++) {
        TrainGroup *p = &t->group[i];
        p->y = memory_new((size_t)(t->o->instances * p->valids * p->width) *
                          model_real_size(t->m));
    }
    return true;
}

static bool cpu_begin_epoch(Train *t, ArchError *e)
{
    (void)t;
    (void)e;
    return true;
}

static bool cpu_fetch(Train *t, ArchError *e)
{
    (void)t;
    (void)e;
    return true;
}

static void cpu_end(Train *t)
{
    for (int i = 0; i < t->groups; i++) {
        free(t->group[i].y);
        t->group[i].y = NULL;
    }
}

const TrainBackend train_on_cpu = {.begin = cpu_begin,
                                   .begin_epoch = cpu_begin_epoch,
                                   .steps = cpu_steps,
                                   .validate = cpu_validate,
                                   .keep = cpu_keep,
                                   .fetch = cpu_fetch,
                                   .end = cpu_end};
