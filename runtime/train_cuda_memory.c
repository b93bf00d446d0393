#include "train_cuda.h"

#include <stdlib.h>
#include <string.h>

#include "archrt/model.h"

ArchCall train_cuda_call(const Train *t, int group, int64_t batch, int64_t instances)
{
    const DatasetGroup *g = t->group[group].g;
    ArchCall call = {.size = sizeof call,
                     .batch = batch,
                     .x = gpu_pointer(t->cuda->group[group].x, 0),
                     .x_type = g->type,
                     .instances = instances};
    for (int i = 0; i < g->rank; i++)
        call.extent[i] = g->extent[i];
    return call;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Memory that calls of this size need, whatever the number of instances. */
static bool plan_call(const Train *t, int group, int64_t batch, ArchWhat what,
                      size_t *work, size_t *tables, ArchError *e)
{
    ArchCudaPlan plan;
    for (int64_t n = 1; batch > 0 && n <= t->cuda->slots; n++) {
        ArchCall call = train_cuda_call(t, group, batch, n);
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
    bool ok =
        gpu_upload_new(c->gpu, &to->x, g->x, rows * sample, e) &&
        gpu_upload_new(c->gpu, &to->target, p->target, rows * outputs, e) &&
        gpu_upload_new(c->gpu, &to->valid, p->valid, valids * sizeof *p->valid, e) &&
        plan_call(t, i, whole, ARCH_GRADIENT, work, &tables, e) &&
        plan_call(t, i, p->trains % c->batch, ARCH_GRADIENT, work, &tables, e) &&
        plan_call(t, i, p->valids, ARCH_FORWARD, work, &tables, e) &&
        gpu_alloc(c->gpu, tables, &to->tables, e);
    GpuWork all = {.call = train_cuda_call(t, i, 1, 1),
                   .arrays = {.tables = gpu_pointer(to->tables, 0)}};
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
    return gpu_upload_new(c->gpu, &c->best, t->best.value, n * c->numbers, e) &&
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

bool train_cuda_fetch(Train *t, ArchError *e)
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

bool train_cuda_place(Train *t, ArchError *e)
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
        .call = train_cuda_call(t, 0, 1, c->slots),
        .arrays = {.params = gpu_pointer(c->w, 0),
                   .packed = gpu_pointer(c->packed, 0)}
    };
    return c->slots == 0 || gpu_model_start(c->model, &all, ARCH_CUDA_PACK, e);
}

/* ---- beginning and end ---- */

bool train_cuda_begin(Train *t, ArchError *e)
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
    return reserve(t, e) && train_cuda_place(t, e);
}

void train_cuda_end(Train *t)
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
