#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "archrt/eval.h"
#include "archrt/model.h"
#include "denormal.h"
#include "eval_cuda.h"
#include "file.h"

#define CHUNK 64 /* samples of one call */

int64_t apply_width(const ArchModel *m, const DatasetGroup *g)
{
    return m->outputs * m->output_sites(g->extent);
}

/* Chunk number c of instance k. */
static void apply_chunk(const Apply *a, const Weights *w, int64_t k, int64_t c,
                        ModelWork *work, char *y)
{
    const ArchModel *m = a->m;
    const DatasetGroup *g = a->g;
    int64_t first = c * CHUNK, n = a->rows - first < CHUNK ? a->rows - first : CHUNK;
    size_t real = model_real_size(m);
    size_t sample = (size_t)(g->channels * dataset_sites(g)) * arch_type_size(g->type);
    ArchCall call = {.size = sizeof call,
                     .batch = n,
                     .x = a->row ? g->x : (const char *)g->x + (size_t)first * sample,
                     .x_type = g->type,
                     .index = a->row ? a->row + first : NULL,
                     .packed = (const char *)w->packed + (size_t)k * m->packed_bytes,
                     .instances = 1};
    for (int i = 0; i < g->rank; i++)
        call.extent[i] = g->extent[i];
    model_work_use(work, &call, ARCH_FORWARD);
    m->forward(&call, y + (size_t)((k * a->rows + first) * apply_width(m, g)) * real);
}

static void apply_on_cpu(const Apply *a, const Weights *w, void *y)
{
    const DatasetGroup *g = a->g;
    int64_t chunks = (a->rows + CHUNK - 1) / CHUNK;
    if (chunks == 0)
        return;
    int64_t most = a->rows < CHUNK ? a->rows : CHUNK;
    size_t bytes = a->m->work_bytes(g->extent, most, ARCH_FORWARD);
    int threads = a->threads ? a->threads : omp_get_max_threads();
#pragma omp parallel num_threads(threads)
    {
        unsigned before = denormal_flush();
        ModelWork work = {.memory = memory_aligned(bytes)};
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < w->instances * chunks; i++)
            if (!a->only || a->only[i / chunks])
                apply_chunk(a, w, i / chunks, i % chunks, &work, y);
        free(work.memory);
        denormal_restore(before);
    }
}

bool apply_forward(const Apply *a, const Weights *w, void *y, ArchError *e)
{
    if (a->gpu)
        return apply_on_cuda(a, w, y, e);
    apply_on_cpu(a, w, y);
    return true;
}

static double bounded_log(double p)
{
    double l = p > 0 ? log(p) : -100;
    return l < -100 ? -100 : l;
}

double loss_value(ArchLoss loss, double y, double label)
{
    switch (loss) {
    case ARCH_LOSS_MSE: return (y - label) * (y - label);
    case ARCH_LOSS_BCE:
        return -label * bounded_log(y) - (1 - label) * bounded_log(1 - y);
    case ARCH_LOSS_NONE: return NAN;
    }
    return NAN;
}
