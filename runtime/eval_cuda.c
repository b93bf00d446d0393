#include "eval_cuda.h"

#include <assert.h>

#include "archrt/model.h"

/* Of input and output on the device at a time. */
#define CHUNK_BYTES (256 << 20)
#define CHUNK_ROWS  4096

/* Rows of one group on their way through a device. */
typedef struct Stream {
    const Apply *a;
    const Weights *w;
    Gpu *gpu;
    int64_t rows;           /* at a time                        */
    size_t sample, outputs; /* bytes of a row of x and of y     */
    ArchCudaPlan plan;
    GpuMemory x, y, params, packed, tables, work;
    GpuWork call;
} Stream;

static bool reserve(Stream *s, ArchError *e)
{
    const ArchModel *m = s->a->m;
    const int64_t n = s->w->instances;
    size_t rows = (size_t)s->rows, real = model_real_size(m);
    return gpu_alloc(s->gpu, rows * s->sample, &s->x, e) &&
           gpu_alloc(s->gpu, rows * s->outputs * (size_t)n, &s->y, e) &&
           gpu_alloc(s->gpu, (size_t)(n * m->param_count) * real, &s->params, e) &&
           gpu_alloc(s->gpu, (size_t)n * m->cuda_packed_bytes, &s->packed, e) &&
           gpu_alloc(s->gpu, s->plan.table_bytes, &s->tables, e) &&
           gpu_alloc(s->gpu, s->plan.work_bytes, &s->work, e);
}

static void release(Stream *s)
{
    GpuMemory *all[] = {&s->x, &s->y, &s->params, &s->packed, &s->tables, &s->work};
    for (int i = 0; i < 6; i++)
        gpu_free(s->gpu, all[i]);
}

/* The plan of `rows` rows at a time; memory and weights. */
static bool begin(Stream *s, ArchError *e)
{
    const DatasetGroup *g = s->a->g;
    s->call.call = (ArchCall){.size = sizeof(ArchCall),
                              .batch = s->rows,
                              .x_type = g->type,
                              .instances = s->w->instances};
    for (int i = 0; i < g->rank; i++)
        s->call.call.extent[i] = g->extent[i];
    if (!gpu_model_plan(s->a->gpu, &s->call.call, ARCH_FORWARD, &s->plan, e) ||
        !reserve(s, e) ||
        !gpu_upload(s->gpu, s->params, s->w->value, s->params.bytes, e))
        return false;
    s->call.plan = &s->plan;
    s->call.call.x = gpu_pointer(s->x, 0);
    s->call.arrays = (ArchCudaArrays){.params = gpu_pointer(s->params, 0),
                                      .packed = gpu_pointer(s->packed, 0),
                                      .tables = gpu_pointer(s->tables, 0),
                                      .work = gpu_pointer(s->work, 0),
                                      .y = gpu_pointer(s->y, 0)};
    return gpu_model_start(s->a->gpu, &s->call, ARCH_CUDA_PACK, e) &&
           gpu_model_start(s->a->gpu, &s->call, ARCH_CUDA_TABLES, e);
}

/* The rows from `first`, whose outputs lie apart, instance by instance, in y. */
static bool take(Stream *s, int64_t first, char *y, ArchError *e)
{
    const char *x = (const char *)s->a->g->x + (size_t)first * s->sample;
    size_t bytes = (size_t)s->rows * s->outputs;
    bool ok = gpu_upload(s->gpu, s->x, x, s->x.bytes, e) &&
              gpu_model_start(s->a->gpu, &s->call, ARCH_CUDA_RUN, e);
    for (int64_t k = 0; ok && k < s->w->instances; k++)
        ok = gpu_download(s->gpu, y + (size_t)(k * s->a->rows + first) * s->outputs,
                          gpu_part(s->y, (size_t)k * bytes, bytes), bytes, e);
    return ok;
}

bool apply_on_cuda(const Apply *a, const Weights *w, void *y, ArchError *e)
{
    const DatasetGroup *g = a->g;
    Stream s = {.a = a, .w = w, .gpu = gpu_model_gpu(a->gpu)};
    assert(!a->row && !a->only);
    if (a->rows == 0)
        return true;
    s.sample = (size_t)(g->channels * dataset_sites(g)) * arch_type_size(g->type);
    s.outputs = (size_t)apply_width(a->m, g) * model_real_size(a->m);
    int64_t fit =
        (int64_t)(CHUNK_BYTES / (s.sample + (size_t)w->instances * s.outputs));
    fit = fit < 1 ? 1 : fit < CHUNK_ROWS ? fit : CHUNK_ROWS;
    s.rows = fit < a->rows ? fit : a->rows;
    bool ok = begin(&s, e);
    for (int64_t first = 0; ok && first < a->rows; first += s.rows) {
        int64_t last =
            a->rows - s.rows; /* some come twice rather than in another plan */
        ok = take(&s, first < last ? first : last, y, e);
    }
    release(&s);
    return ok;
}
