#include "archrt/eval.h"

#include <math.h>
#include <stdlib.h>

#include "archrt/model.h"
#include "file.h"

/* Sums over the outputs of some samples. */
typedef struct Sum {
    int64_t samples, right;
    double loss;
} Sum;

typedef struct Eval {
    const ArchModel *m;
    const Dataset *d;
    bool counts; /* accuracy is known */
    Sum *sum;    /* (sets + 1): of each set; of samples whose set is unknown */
} Eval;

static bool all_integers(const Dataset *d)
{
    for (int i = 0; i < d->groups; i++) {
        const DatasetGroup *g = &d->group[i];
        for (int64_t j = 0; j < g->samples * g->outputs; j++)
            if (g->y[j] != rint(g->y[j]))
                return false;
    }
    return true;
}

static bool is_right(ArchLoss loss, double y, double label)
{
    return loss == ARCH_LOSS_BCE ? (y > 0.5) == (label > 0.5) : rint(y) == label;
}

static bool add_sample(const Eval *v, const DatasetGroup *g, int64_t i, const void *y,
                       int64_t at)
{
    int64_t width = g->outputs;
    Sum *s = &v->sum[g->set && g->set[i] >= 0 ? g->set[i] : v->d->sets];
    s->samples++;
    for (int64_t o = 0; o < width; o++) {
        int64_t n = at * width + o;
        double out =
            v->m->real == ARCH_F64 ? ((const double *)y)[n] : ((const float *)y)[n];
        double label = g->y[i * width + o];
        if (!isfinite(out))
            return false;
        s->loss += loss_value(v->m->loss, out, label);
        s->right += is_right(v->m->loss, out, label);
    }
    return true;
}

static EvalRow make_row(const Eval *v, int instance, const DatasetGroup *g,
                        const Sum *s)
{
    double n = (double)s->samples * g->outputs;
    return (EvalRow){.instance = instance,
                     .group = g,
                     .samples = s->samples,
                     .loss = s->loss / n,
                     .accuracy = v->counts ? (double)s->right / n : NAN};
}

/* The rows of one instance on one lattice. */
static void add_rows(const Eval *v, EvalTable *t, int instance, const DatasetGroup *g)
{
    Sum all = {0};
    for (int s = 0; s <= v->d->sets; s++) {
        const Sum *sum = &v->sum[s];
        if (!sum->samples)
            continue;
        t->row[t->rows] = make_row(v, instance, g, sum);
        t->row[t->rows++].set = s < v->d->sets ? &v->d->set[s] : NULL;
        all.samples += sum->samples;
        all.right += sum->right;
        all.loss += sum->loss;
    }
    t->row[t->rows] = make_row(v, instance, g, &all);
    t->row[t->rows++].total = true;
}

static bool eval_group(const Eval *v, EvalTable *t, int instance, const DatasetGroup *g,
                       const void *y)
{
    for (int s = 0; s <= v->d->sets; s++)
        v->sum[s] = (Sum){0};
    for (int64_t i = 0; i < g->samples; i++)
        if (!add_sample(v, g, i, y, instance * g->samples + i))
            return false;
    add_rows(v, t, instance, g);
    return true;
}

static bool eval_instances(const Eval *v, EvalTable *t, const Weights *w,
                           void *const *y, ArchError *e)
{
    for (int k = 0; k < w->instances; k++)
        for (int i = 0; i < v->d->groups; i++)
            if (v->d->group[i].samples && !eval_group(v, t, k, &v->d->group[i], y[i]))
                return error_set(e, ARCH_EXIT_DIVERGED,
                                 "instance %d: an output of %s is not a finite number",
                                 k, v->m->name);
    return true;
}

/* y[i]: the outputs for group i. */
static bool apply_all(const Apply *how, const Weights *w, const Dataset *d, void **y,
                      ArchError *e)
{
    bool ok = true;
    for (int i = 0; i < d->groups; i++) {
        const DatasetGroup *g = &d->group[i];
        size_t numbers = (size_t)(w->instances * g->samples * apply_width(how->m, g));
        Apply a = {.m = how->m,
                   .g = g,
                   .rows = g->samples,
                   .threads = how->threads,
                   .gpu = how->gpu};
        y[i] = memory_new(numbers * model_real_size(how->m));
        ok = ok && apply_forward(&a, w, y[i], e);
    }
    return ok;
}

bool eval_run(EvalTable *t, const Apply *how, const Weights *w, const Dataset *d,
              ArchError *e)
{
    const ArchModel *m = how->m;
    Eval v = {.m = m, .d = d};
    v.counts =
        m->loss == ARCH_LOSS_BCE || (m->loss == ARCH_LOSS_MSE && all_integers(d));
    v.sum = memory_new(sizeof(Sum) * (size_t)(d->sets + 1));
    size_t rows = (size_t)w->instances * (size_t)d->groups * (size_t)(d->sets + 2);
    *t = (EvalTable){.row = memory_new(sizeof(EvalRow) * rows)};
    void **y = memory_new(sizeof *y * (size_t)d->groups);
    bool ok = apply_all(how, w, d, y, e) && eval_instances(&v, t, w, y, e);
    for (int i = 0; i < d->groups; i++)
        free(y[i]);
    free(y);
    free(v.sum);
    if (!ok)
        eval_release(t);
    return ok;
}

void eval_release(EvalTable *t)
{
    free(t->row);
    *t = (EvalTable){0};
}
