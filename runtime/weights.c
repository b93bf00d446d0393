#include "archrt/weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "archrt/model.h"
#include "archrt/rng.h"
#include "weights_tensors.h"

void weights_init(Weights *w, const ArchModel *m, int64_t instances)
{
    *w = (Weights){.instances = instances};
    w->value =
        memory_aligned((size_t)(instances * m->param_count) * model_real_size(m));
}

void weights_release(Weights *w)
{
    free(w->value);
    free(w->packed);
    *w = (Weights){0};
}

static void set_number(void *value, const ArchModel *m, int64_t i, double x)
{
    if (m->real == ARCH_F64)
        ((double *)value)[i] = x;
    else
        ((float *)value)[i] = (float)x;
}

void weights_draw(Weights *w, const ArchModel *m, uint64_t seed)
{
    for (int64_t k = 0; k < w->instances; k++) {
        Rng r = rng_init(seed, RNG_INIT, (uint32_t)k, 0);
        for (int p = 0; p < m->params; p++) {
            const ArchParam *q = &m->param[p];
            double bound = 1 / sqrt((double)(q->fan_in > 0 ? q->fan_in : 1));
            for (int64_t i = 0; i < q->count; i++)
                set_number(w->value, m, k * m->param_count + q->offset + i,
                           bound * (2 * rng_uniform(&r) - 1));
        }
    }
}

void weights_pack(Weights *w, const ArchModel *m)
{
    if (!w->packed)
        w->packed = memory_aligned((size_t)w->instances * m->packed_bytes);
    m->pack(w->value, w->packed, w->instances);
}

json_t *weights_metadata(const ArchModel *m)
{
    char hash[20];
    snprintf(hash, sizeof hash, "%016" PRIx64, m->source_hash);
    return json_pack("{s:s, s:s, s:s, s:s}", "format", "pt", "model", m->name,
                     "source_hash", hash, "archc", m->version);
}

void weights_to_tensors(const ArchModel *m, const char *prefix, const Weights *w,
                        void *room, Tensor *tensor)
{
    size_t real = model_real_size(m);
    char *to = room;
    for (int p = 0; p < m->params; p++) {
        const ArchParam *q = &m->param[p];
        int64_t dim[TENSOR_RANK_MAX] = {w->instances};
        char name[128];
        snprintf(name, sizeof name, "%s%s", prefix, q->name);
        memcpy(dim + 1, q->dim, sizeof(int64_t) * (size_t)q->rank);
        tensor[p] = tensor_make(name, m->real == ARCH_F64 ? "F64" : "F32", q->rank + 1,
                                dim, to);
        for (int64_t k = 0; k < w->instances; k++) {
            size_t from = (size_t)(k * m->param_count + q->offset) * real;
            memcpy(to, (const char *)w->value + from, (size_t)q->count * real);
            to += (size_t)q->count * real;
        }
    }
}

bool weights_write(const Weights *w, const ArchModel *m, const char *path, ArchError *e)
{
    Tensor *tensor = memory_new(sizeof(Tensor) * (size_t)m->params);
    void *room =
        memory_new((size_t)(w->instances * m->param_count) * model_real_size(m));
    json_t *metadata = weights_metadata(m);
    if (w->tf32)
        json_object_set_new(metadata, "precision", json_string("tf32"));
    weights_to_tensors(m, "", w, room, tensor);
    bool ok = tensors_write(path, tensor, m->params, metadata, e);
    json_decref(metadata);
    free(room);
    free(tensor);
    return ok;
}
