#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "archrt/model.h"
#include "weights_tensors.h"

/* A file, a network and what they have to agree in. */
typedef struct Fit {
    const ArchModel *m;
    const char *what, *prefix;
    int64_t instances;
} Fit;

static bool misfit(const Fit *f, const ArchParam *q, const Tensor *t, ArchError *e)
{
    char have[160], want[160];
    return error_set(
        e, ARCH_EXIT_USAGE,
        "%.150s has weights of another network than %s: %s%s is %s there, %s here",
        f->what, f->m->name, f->prefix, q->name,
        tensor_shape_text(have, t->rank, t->dim),
        tensor_shape_text(want, q->rank, q->dim));
}

static bool same_shape(const ArchParam *q, const int64_t *dim)
{
    return memcmp(q->dim, dim, sizeof(int64_t) * (size_t)q->rank) == 0;
}

/* Shape and type of one tensor; finds the number of instances from the first. */
static bool check_tensor(Fit *f, const ArchParam *q, const Tensor *t, ArchError *e)
{
    bool stacked = t->rank == q->rank + 1 && same_shape(q, t->dim + 1);
    bool single = t->rank == q->rank && same_shape(q, t->dim);
    if (!stacked && !single)
        return misfit(f, q, t, e);
    int64_t n = stacked ? t->dim[0] : 1;
    if (n < 1 || (f->instances && n != f->instances))
        return error_set(e, ARCH_EXIT_FILE,
                         "%.200s: %s has %lld instances, other tensors have %lld",
                         f->what, t->name, (long long)n, (long long)f->instances);
    f->instances = n;
    bool exact = strcmp(t->dtype, f->m->real == ARCH_F64 ? "F64" : "F32") == 0;
    if (exact || strcmp(t->dtype, "F32") == 0)
        return true;
    bool is_double = strcmp(t->dtype, "F64") == 0;
    return error_set(e, ARCH_EXIT_USAGE, "%.200s: %s has dtype %s, %s needs F32%s",
                     f->what, t->name, t->dtype, f->m->name,
                     is_double ? ": use --precision f64" : "");
}

static bool check_names(Fit *f, const TensorFile *t, ArchError *e)
{
    for (int p = 0; p < f->m->params; p++) {
        const ArchParam *q = &f->m->param[p];
        char name[128];
        snprintf(name, sizeof name, "%s%s", f->prefix, q->name);
        const Tensor *found = tensors_find(t, name);
        if (!found)
            return error_set(
                e, ARCH_EXIT_USAGE,
                "%.200s has weights of another network than %s: there is no %s",
                f->what, f->m->name, name);
        if (!check_tensor(f, q, found, e))
            return false;
    }
    return true;
}

/* Only the network's own tensors may be there (under the prefix). */
static bool check_extra(const Fit *f, const TensorFile *t, ArchError *e)
{
    size_t n = strlen(f->prefix);
    for (int i = 0; i < t->n; i++) {
        const char *name = t->tensor[i].name;
        bool known = strncmp(name, f->prefix, n) != 0;
        for (int p = 0; p < f->m->params && !known; p++)
            known = strcmp(name + n, f->m->param[p].name) == 0;
        if (!known)
            return error_set(
                e, ARCH_EXIT_USAGE,
                "%.200s has weights of another network than %s, which has no %s",
                f->what, f->m->name, name);
    }
    return true;
}

static double tensor_number(const Tensor *t, int64_t i)
{
    double d;
    float s;
    if (t->dtype[1] == '6') {
        memcpy(&d, (const char *)t->data + 8 * i, 8);
        return d;
    }
    memcpy(&s, (const char *)t->data + 4 * i, 4);
    return s;
}

/* (instances, count) of a tensor -> its place in (instances, param_count). */
static bool copy_tensor(Weights *w, const Fit *f, const ArchParam *q, const Tensor *t,
                        ArchError *e)
{
    for (int64_t k = 0, n = 0; k < w->instances; k++)
        for (int64_t i = 0; i < q->count; i++, n++) {
            int64_t to = k * f->m->param_count + q->offset + i;
            double x = tensor_number(t, n);
            if (!isfinite(x))
                return error_set(e, ARCH_EXIT_FILE,
                                 "%.200s: %s of instance %lld is not a finite number",
                                 f->what, t->name, (long long)k);
            if (f->m->real == ARCH_F64)
                ((double *)w->value)[to] = x;
            else
                ((float *)w->value)[to] = (float)x;
        }
    return true;
}

bool weights_from_tensors(Weights *w, const ArchModel *m, const char *prefix,
                          const TensorFile *t, const char *what, ArchError *e)
{
    Fit f = {.m = m, .what = what, .prefix = prefix};
    *w = (Weights){0};
    if (!check_names(&f, t, e) || !check_extra(&f, t, e))
        return false;
    weights_init(w, m, f.instances ? f.instances : 1);
    for (int p = 0; p < m->params; p++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", prefix, m->param[p].name);
        if (!copy_tensor(w, &f, &m->param[p], tensors_find(t, name), e)) {
            weights_release(w);
            return false;
        }
    }
    return true;
}

bool weights_read(Weights *w, const ArchModel *m, const char *path, ArchError *e)
{
    TensorFile t;
    if (!tensors_read(&t, path, e))
        return false;
    bool ok = weights_from_tensors(w, m, "", &t, path, e);
    tensors_release(&t);
    return ok;
}
