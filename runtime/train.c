#include "archrt/train.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archrt/model.h"
#include "progress.h"
#include "stop.h"
#include "train_state.h"

#define LOOK_PERIOD 0.1 /* seconds between two looks at signals, about */
#define SAVE_PERIOD 60  /* seconds between two checkpoints             */

TrainOptions train_default(void)
{
    return (TrainOptions){.optim = adamw_default(),
                          .instances = 1,
                          .epochs = 300,
                          .batch = 100,
                          .patience = 25,
                          .min_epochs = 100,
                          .validation = 0.1,
                          .seed = 1};
}

static void init_instances(Train *t)
{
    int64_t n = t->o->instances;
    t->instance = memory_new(sizeof *t->instance * (size_t)n);
    t->active = memory_new((size_t)n * sizeof(bool));
    for (int64_t k = 0; k < n; k++) {
        t->active[k] = true;
        t->instance[k] = (Instance){.best_loss = INFINITY, .finite = true};
        t->instance[k].row = memory_new(sizeof(int64_t) * (size_t)t->trains);
        t->instance[k].batch = memory_new(sizeof(Batch) * (size_t)t->batches);
    }
}

static void init_weights(Train *t)
{
    int64_t n = t->o->instances;
    size_t numbers = (size_t)(n * t->shards * t->m->param_count);
    Weights *all[] = {&t->w, &t->m1, &t->m2, &t->top, &t->best};
    for (int i = 0; i < 5; i++)
        weights_init(all[i], t->m, n);
    weights_draw(&t->w, t->m, t->o->seed);
    t->loss = memory_new(sizeof(double) * (size_t)(n * t->shards));
    t->grad = memory_aligned(numbers * model_real_size(t->m));
    t->history = memory_new(sizeof(TrainLoss) * (size_t)(t->o->epochs * n));
}

static void release(Train *t)
{
    Weights *all[] = {&t->w, &t->m1, &t->m2, &t->top, &t->best};
    for (int i = 0; i < 5; i++)
        weights_release(all[i]);
    for (int64_t k = 0; t->instance && k < t->o->instances; k++) {
        free(t->instance[k].row);
        free(t->instance[k].batch);
    }
    free(t->instance);
    free(t->active);
    free(t->loss);
    free(t->grad);
    free(t->history);
    train_data_release(t);
}

static bool validate(Train *t, TrainLoss *now, ArchError *e)
{
    int64_t n = t->o->instances;
    double *sum = memory_new(sizeof *sum * (size_t)n);
    bool ok = t->backend->validate(t, sum, e);
    for (int64_t k = 0; ok && k < n; k++) {
        now[k] = (TrainLoss){NAN, NAN};
        if (!t->active[k])
            continue;
        now[k].train = t->instance[k].loss_sum / (double)t->trains;
        now[k].validation = t->valids ? sum[k] / (double)t->valids : now[k].train;
    }
    free(sum);
    return ok;
}

/* Keeps the best weights and stops an instance that no longer gets better. */
static bool judge(Train *t, int64_t k, double loss, ArchError *e)
{
    Instance *v = &t->instance[k];
    bool enough = t->epoch >= t->o->min_epochs;
    if (loss < v->best_loss) {
        v->best_loss = loss;
        v->best_epoch = t->epoch;
        if (!t->backend->keep(t, k, e))
            return false;
    }
    if (enough && t->epoch - v->best_epoch >= t->o->patience)
        t->active[k] = false;
    return true;
}

static bool check_finite(const Train *t, const TrainLoss *now, ArchError *e)
{
    for (int64_t k = 0; k < t->o->instances; k++) {
        bool ok = t->instance[k].finite &&
                  !(now && t->active[k] && !isfinite(now[k].validation));
        if (!ok)
            return error_set(
                e, ARCH_EXIT_DIVERGED,
                "the loss of instance %" PRId64 " became NaN or infinite in "
                "epoch %" PRId64 ": try a smaller --lr; nothing was written",
                k, t->epoch + (now ? 0 : 1));
    }
    return true;
}

static bool end_epoch(Train *t, ArchError *e)
{
    TrainLoss *now = &t->history[t->epoch * t->o->instances];
    if (!validate(t, now, e))
        return false;
    t->epoch++;
    t->next = 0;
    if (!check_finite(t, now, e))
        return false;
    for (int64_t k = 0; k < t->o->instances; k++) {
        if (t->active[k] && !judge(t, k, now[k].validation, e))
            return false;
        t->instance[k].loss_sum = 0;
    }
    return true;
}

static bool any_active(const Train *t)
{
    for (int64_t k = 0; k < t->o->instances; k++)
        if (t->active[k])
            return true;
    return false;
}

static void show(const Train *t, Progress *p)
{
    char note[120];
    double train = 0, best = INFINITY;
    int64_t n = 0;
    for (int64_t k = 0; k < t->o->instances; k++) {
        const Instance *v = &t->instance[k];
        train += t->active[k] ? v->loss_sum : 0;
        n += t->active[k];
        best = v->best_loss < best ? v->best_loss : best;
    }
    double seen = (double)n * (double)t->trains * (double)t->next / (double)t->batches;
    snprintf(note, sizeof note,
             "epoch %" PRId64 ", %" PRId64 " of %" PRId64
             " running, loss %.2e, best %.2e",
             t->epoch + 1, n, t->o->instances, seen > 0 ? train / seen : 0, best);
    double done = (double)t->epoch + (double)t->next / (double)t->batches;
    progress_at(p, done * (double)(t->trains * t->o->instances), note);
}

/* Saves after a signal (and says so as an error) or when a minute is over. */
static bool save_if_due(Train *t, double *saved, ArchError *e)
{
    double now = progress_clock();
    bool stop = stop_asked();
    if (!t->o->checkpoint) {
        if (stop)
            return error_set(e, ARCH_EXIT_STOPPED, "stopped by a signal");
        return true;
    }
    if (!stop && now - *saved < SAVE_PERIOD)
        return true;
    *saved = now;
    if (!t->backend->fetch(t, e) || !train_save(t, e))
        return false;
    return stop ? error_set(e, ARCH_EXIT_STOPPED,
                            "stopped by a signal in epoch %" PRId64
                            "; the same command goes "
                            "on from %.300s",
                            t->epoch + 1, t->o->checkpoint)
                : true;
}

static bool run_epoch(Train *t, Progress *p, double *saved, ArchError *e)
{
    for (int64_t k = 0; k < t->o->instances; k++)
        train_shuffle(t, k);
    if (!t->backend->begin_epoch(t, e))
        return false;
    while (t->next < t->batches) {
        double start = progress_clock();
        int64_t last = t->next + t->steps_at_once;
        if (!t->backend->steps(t, last < t->batches ? last : t->batches, e))
            return false;
        if (progress_clock() - start < LOOK_PERIOD / 2)
            t->steps_at_once =
                2 * t->steps_at_once < t->batches ? 2 * t->steps_at_once : t->batches;
        else if (progress_clock() - start > LOOK_PERIOD * 2)
            t->steps_at_once = (t->steps_at_once + 1) / 2;
        if (!check_finite(t, NULL, e) || !save_if_due(t, saved, e))
            return false;
        show(t, p);
    }
    return end_epoch(t, e);
}

static bool run(Train *t, ArchError *e)
{
    Progress p;
    double saved = progress_clock(), all = (double)(t->trains * t->o->instances);
    double from = (double)t->epoch + (double)t->next / (double)t->batches;
    const sigset_t before = stop_hold();
    progress_begin(&p, "train", "samples", from * all, (double)t->o->epochs * all);
    bool ok = true;
    while (ok && t->epoch < t->o->epochs && any_active(t))
        ok = run_epoch(t, &p, &saved, e);
    progress_end(&p);
    stop_take();
    stop_release(&before);
    return ok;
}

static void take_result(Train *t, TrainResult *r)
{
    int64_t n = t->o->instances;
    *r = (TrainResult){.best = t->best, .epochs = t->epoch, .history = t->history};
    r->best_epoch = memory_new(sizeof(int64_t) * (size_t)n);
    r->best_loss = memory_new(sizeof(double) * (size_t)n);
    for (int64_t k = 0; k < n; k++) {
        r->best_epoch[k] = t->instance[k].best_epoch;
        r->best_loss[k] = t->instance[k].best_loss;
    }
    t->best = (Weights){0};
    t->history = NULL;
}

bool train_run(TrainResult *r, const ArchModel *m, const Dataset *d,
               const TrainOptions *o, ArchError *e)
{
    Train t = {.steps_at_once = 1,
               .m = m,
               .o = o,
               .backend = o->gpu ? &train_on_cuda : &train_on_cpu,
               .threads = o->threads ? o->threads : omp_get_max_threads()};
    *r = (TrainResult){0};
    bool ok = train_data_init(&t, d, e);
    if (ok) {
        init_instances(&t);
        init_weights(&t);
        ok = (!o->checkpoint || train_resume(&t, e)) && t.backend->begin(&t, e) &&
             run(&t, e) && t.backend->fetch(&t, e);
        t.backend->end(&t);
    }
    if (ok)
        take_result(&t, r);
    release(&t);
    return ok;
}

void train_release(TrainResult *r)
{
    weights_release(&r->best);
    free(r->history);
    free(r->best_epoch);
    free(r->best_loss);
    *r = (TrainResult){0};
}
