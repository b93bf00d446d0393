#include "archrt/eval.h"

#include <stdlib.h>
#include <string.h>

#include "archrt/model.h"
#include "file.h"

/* Row of `set` in d->set, appended if it is new. */
static int32_t intern_set(Dataset *d, const DatasetSet *set)
{
    for (int i = 0; i < d->sets; i++) {
        const DatasetSet *s = &d->set[i];
        if (s->eta == set->eta && s->lambda == set->lambda && s->mu == set->mu &&
            s->worms == set->worms)
            return i;
    }
    DatasetSet *more = memory_new(sizeof *more * (size_t)(d->sets + 1));
    if (d->sets)
        memcpy(more, d->set, sizeof *more * (size_t)d->sets);
    free(d->set);
    d->set = more;
    d->set[d->sets] = *set;
    return d->sets++;
}

static double x_number(const DatasetGroup *g, int64_t i)
{
    switch (g->type) {
    case ARCH_I8: return ((const int8_t *)g->x)[i];
    case ARCH_I16: return ((const int16_t *)g->x)[i];
    case ARCH_I32: return ((const int32_t *)g->x)[i];
    case ARCH_F32: return ((const float *)g->x)[i];
    case ARCH_F64: return ((const double *)g->x)[i];
    }
    return 0;
}

static int64_t x_count(const DatasetGroup *g)
{
    return g->samples * g->channels * dataset_sites(g);
}

/* Files of different types meet in double, which holds all of them exactly. */
static void widen(DatasetGroup *g)
{
    int64_t n = x_count(g);
    double *x = memory_new(sizeof *x * (size_t)n);
    for (int64_t i = 0; i < n; i++)
        x[i] = x_number(g, i);
    free(g->x);
    g->x = x;
    g->type = ARCH_F64;
}

/* Appends n bytes at `from` to the m bytes at *to. */
static void append(void *to, size_t m, const void *from, size_t n)
{
    void *old;
    memcpy(&old, to, sizeof old);
    char *all = memory_new(m + n);
    memcpy(all, old, m);
    memcpy(all + m, from, n);
    free(old);
    memcpy(to, &all, sizeof all);
}

static void append_group(DatasetGroup *to, DatasetGroup *from)
{
    if (to->type != from->type) {
        widen(to);
        widen(from);
    }
    size_t m = (size_t)to->samples, n = (size_t)from->samples;
    size_t x = arch_type_size(to->type), y = sizeof(double) * (size_t)to->outputs;
    append(&to->x, (size_t)x_count(to) * x, from->x, (size_t)x_count(from) * x);
    append(&to->y, m * y, from->y, n * y);
    append(&to->set, m * sizeof(int32_t), from->set, n * sizeof(int32_t));
    free(to->obs); /* not needed here, and not every file has it */
    to->obs = NULL;
    dataset_paths_release(&to->paths);
    to->samples += from->samples;
}

/* Set of every sample as a row of all->set; -1 where the file does not say. */
static void translate_sets(Dataset *all, const Dataset *d, DatasetGroup *g)
{
    int32_t *set = memory_new(sizeof *set * (size_t)g->samples);
    int32_t *row = memory_new(sizeof *row * (size_t)d->sets);
    for (int i = 0; i < d->sets; i++)
        row[i] = intern_set(all, &d->set[i]);
    for (int64_t i = 0; i < g->samples; i++)
        set[i] = g->set && d->sets ? row[g->set[i]] : -1;
    free(row);
    free(g->set);
    g->set = set;
}

static bool same_labels(const DatasetGroup *a, const DatasetGroup *b, const char *path,
                        ArchError *e)
{
    if (a->channels == b->channels && a->outputs == b->outputs)
        return true;
    return error_set(
        e, ARCH_EXIT_USAGE,
        "%.200s has %d channels and %d labels, the files before it %d and %d", path,
        b->channels, b->outputs, a->channels, a->outputs);
}

/* Moves the groups of d into `all`. */
static bool join(Dataset *all, Dataset *d, const char *path, ArchError *e)
{
    for (int i = 0; i < d->groups; i++) {
        DatasetGroup *g = &d->group[i];
        DatasetGroup *same = NULL;
        translate_sets(all, d, g);
        for (int j = 0; j < all->groups && !same; j++)
            if (dataset_compare(&all->group[j], g) == 0)
                same = &all->group[j];
        if (same) {
            if (!same_labels(same, g, path, e))
                return false;
            append_group(same, g);
            continue;
        }
        append(&all->group, sizeof *g * (size_t)all->groups, g, sizeof *g);
        all->groups++;
        *g = (DatasetGroup){0};
    }
    return true;
}

static int compare_group(const void *a, const void *b)
{
    return dataset_compare(a, b);
}

bool dataset_read_all(Dataset *all, const char *const *path, int n, ArchError *e)
{
    if (!file_check_distinct(path, n, e))
        return false;
    *all = (Dataset){.group = memory_new(0)};
    for (int i = 0; i < n; i++) {
        Dataset d;
        bool ok = dataset_read(&d, path[i], e);
        if (ok) {
            ok = join(all, &d, path[i], e);
            dataset_release(&d);
        }
        if (!ok) {
            dataset_release(all);
            return false;
        }
    }
    qsort(all->group, (size_t)all->groups, sizeof *all->group, compare_group);
    return true;
}

static bool labels_fit(const DatasetGroup *g, const ArchModel *m, ArchError *e)
{
    int64_t want = apply_width(m, g);
    if (m->loss == ARCH_LOSS_NONE)
        return true;
    if (g->outputs != want)
        return error_set(e, ARCH_EXIT_USAGE,
                         "the data have %d labels a sample, %s has %lld "
                         "outputs",
                         g->outputs, m->name, (long long)want);
    for (int64_t i = 0; m->loss == ARCH_LOSS_BCE && i < g->samples * want; i++)
        if (g->y[i] < 0 || g->y[i] > 1)
            return error_set(
                e, ARCH_EXIT_USAGE,
                "label %g of sample %lld: %s has loss BCE, which needs labels "
                "from 0 to 1",
                g->y[i], (long long)(i / want), m->name);
    return true;
}

bool dataset_fits(const Dataset *d, const ArchModel *m, bool labels, ArchError *e)
{
    int64_t samples = 0;
    for (int i = 0; i < d->groups; i++) {
        const DatasetGroup *g = &d->group[i];
        samples += g->samples;
        if (g->channels != m->channels)
            return error_set(e, ARCH_EXIT_USAGE,
                             "the data have %d channels, %s takes %d", g->channels,
                             m->name, m->channels);
        if (!model_takes(m, g->rank, g->extent, e) || (labels && !labels_fit(g, m, e)))
            return false;
    }
    return samples ? true : error_set(e, ARCH_EXIT_USAGE, "the data have no samples");
}
