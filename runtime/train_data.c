#include <stdlib.h>
#include <string.h>

#include "archrt/eval.h"
#include "archrt/model.h"
#include "archrt/rng.h"
#include "train_state.h"

static void *make_targets(const ArchModel *m, const DatasetGroup *g)
{
    int64_t n = g->samples * g->outputs;
    char *target = memory_new((size_t)n * model_real_size(m));
    for (int64_t i = 0; i < n; i++) {
        if (m->real == ARCH_F64)
            ((double *)(void *)target)[i] = g->y[i];
        else
            ((float *)(void *)target)[i] = (float)g->y[i];
    }
    return target;
}

static void init_group(Train *t, TrainGroup *p, const DatasetGroup *g)
{
    size_t rows = sizeof(int64_t) * (size_t)g->samples;
    *p = (TrainGroup){.g = g, .width = apply_width(t->m, g)};
    p->target = make_targets(t->m, g);
    p->train = memory_new(rows);
    p->valid = memory_new(rows);
    t->data_hash = hash_bytes(t->data_hash, g->extent, sizeof g->extent);
    t->data_hash = hash_bytes(t->data_hash, g->y,
                              sizeof(double) * (size_t)(g->samples * g->outputs));
    t->data_hash =
        hash_bytes(t->data_hash, g->x,
                   arch_type_size(g->type) *
                       (size_t)(g->samples * g->channels * dataset_sites(g)));
}

/* The first floor(share N) of a permutation of all samples are for validation. */
static void split(Train *t, int64_t samples)
{
    Rng r = rng_init(t->o->seed, RNG_SPLIT, 0, 0);
    int64_t *order = memory_new(sizeof *order * (size_t)samples);
    bool *is_valid = memory_new((size_t)samples);
    memset(is_valid, 0, (size_t)samples);
    rng_permutation(&r, order, samples);
    for (int64_t i = 0; i < (int64_t)(t->o->validation * (double)samples); i++)
        is_valid[order[i]] = true;
    int64_t at = 0;
    for (int i = 0; i < t->groups; i++) {
        TrainGroup *p = &t->group[i];
        for (int64_t j = 0; j < p->g->samples; j++) {
            if (is_valid[at++])
                p->valid[p->valids++] = j;
            else
                p->train[p->trains++] = j;
        }
    }
    free(is_valid);
    free(order);
}

/* Counts, and the memory that a step needs. */
static void count(Train *t)
{
    for (int i = 0; i < t->groups; i++) {
        TrainGroup *p = &t->group[i];
        int64_t most = p->trains < t->o->batch ? p->trains : t->o->batch;
        size_t bytes = most ? t->m->work_bytes(p->g->extent, most, ARCH_GRADIENT) : 0;
        p->first = t->trains;
        t->trains += p->trains;
        t->valids += p->valids;
        t->batches += (p->trains + t->o->batch - 1) / t->o->batch;
        t->work_bytes = bytes > t->work_bytes ? bytes : t->work_bytes;
    }
    t->shards = train_shards(t->o->batch < t->trains ? t->o->batch : t->trains);
}

bool train_data_init(Train *t, const Dataset *d, ArchError *e)
{
    int64_t samples = 0;
    t->groups = d->groups;
    t->group = memory_new(sizeof *t->group * (size_t)d->groups);
    t->data_hash = HASH_INIT;
    for (int i = 0; i < d->groups; i++) {
        init_group(t, &t->group[i], &d->group[i]);
        samples += d->group[i].samples;
    }
    split(t, samples);
    count(t);
    if (t->trains > 0 && (t->valids > 0 || t->o->validation == 0))
        return true;
    return error_set(e, ARCH_EXIT_USAGE,
                     "%lld samples are too few to train on and keep a share of %g for "
                     "validation",
                     (long long)samples, t->o->validation);
}

void train_data_release(Train *t)
{
    for (int i = 0; i < t->groups; i++) {
        free(t->group[i].target);
        free(t->group[i].train);
        free(t->group[i].valid);
    }
    free(t->group);
}

/* Permutes p[0 .. n) in place. */
static void shuffle_rows(Rng *r, int64_t *p, int64_t n)
{
    int64_t *order = memory_new(sizeof *order * (size_t)n * 2), *old = order + n;
    memcpy(old, p, sizeof *p * (size_t)n);
    rng_permutation(r, order, n);
    for (int64_t i = 0; i < n; i++)
        p[i] = old[order[i]];
    free(order);
}

void train_shuffle(const Train *t, int64_t k)
{
    Instance *v = &t->instance[k];
    Rng r = rng_init(t->o->seed, RNG_SHUFFLE, (uint32_t)k, (uint32_t)t->epoch);
    Batch *b = v->batch;
    for (int i = 0; i < t->groups; i++) {
        const TrainGroup *p = &t->group[i];
        memcpy(v->row + p->first, p->train, sizeof(int64_t) * (size_t)p->trains);
        shuffle_rows(&r, v->row + p->first, p->trains);
        for (int64_t at = 0; at < p->trains; at += t->o->batch) {
            int64_t left = p->trains - at;
            *b++ = (Batch){i, p->first + at, left < t->o->batch ? left : t->o->batch};
        }
    }
    if (t->groups < 2)
        return;
    for (int64_t i = t->batches - 1; i > 0; i--) { /* the lattices come mixed, too */
        int64_t j = rng_below(&r, (uint32_t)i + 1);
        Batch swap = v->batch[i];
        v->batch[i] = v->batch[j];
        v->batch[j] = swap;
    }
}
