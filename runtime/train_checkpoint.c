#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "archrt/model.h"
#include "train_state.h"
#include "weights_tensors.h"

/* A checkpoint holds, each (instances, ..):
 *
 *     weights.*  adam.m.*  adam.v.*  adam.u.*  best.*     shaped as the parameters
 *     state.counter  I64 (instances, 3)   steps of the optimiser, best epoch, active
 *     state.loss     F64 (instances, 2)   best loss, sum over the running epoch
 *     state.epoch    I64 (2)              epochs done, batches done of the running one
 *     history        F64 (epochs, instances, 2)
 *
 * and in its metadata "recipe", all that must be equal for a resumed training to go on to
 * the same bits.  Orders of samples are functions of the recipe and the epoch. */
#define GROUPS   5
#define COUNTERS 3

static const char *const prefix[GROUPS] = {"weights.", "adam.m.", "adam.v.", "adam.u.",
                                           "best."};

static void group_list(Train *t, Weights *list[GROUPS])
{
    Weights *all[GROUPS] = {&t->w, &t->m1, &t->m2, &t->top, &t->best};
    memcpy(list, all, sizeof all);
}

/* "key=value" words; everything but the number of epochs and of threads. */
static void recipe_text(const Train *t, char to[512])
{
    const TrainOptions *o = t->o;
    const char *precision =
        o->gpu ? gpu_model_precision(o->gpu) : model_real_name(t->m);
    snprintf(to, 512,
             "model=%s text=%016" PRIx64 " precision=%s data=%016" PRIx64
             " instances=%" PRId64 " batch=%" PRId64 " seed=%" PRIu64
             " validation=%.17g patience=%" PRId64 " min-epochs=%" PRId64
             " lr=%.17g weight-decay=%.17g beta1=%.17g beta2=%.17g "
             "eps=%.17g amsgrad=%d",
             t->m->name, t->m->source_hash, precision, t->data_hash, o->instances,
             o->batch, o->seed, o->validation, o->patience, o->min_epochs, o->optim.lr,
             o->optim.weight_decay, o->optim.beta1, o->optim.beta2, o->optim.eps,
             o->optim.amsgrad);
}

/* The first word in which two recipes differ. */
static bool check_recipe(const Train *t, const TensorFile *file, ArchError *e)
{
    char mine[512];
    const char *its = tensors_metadata(file, "recipe");
    recipe_text(t, mine);
    if (!its)
        return error_set(e, ARCH_EXIT_FILE, "%.300s is no checkpoint of a training",
                         t->o->checkpoint);
    if (strcmp(mine, its) == 0)
        return true;
    size_t at = 0, word = 0;
    for (; mine[at] && mine[at] == its[at]; at++)
        if (mine[at] == ' ')
            word = at + 1;
    return error_set(
        e, ARCH_EXIT_USAGE,
        "%.200s is of another training (%.*s there, %.*s here): remove it, or "
        "choose another -o",
        t->o->checkpoint, (int)strcspn(its + word, " "), its + word,
        (int)strcspn(mine + word, " "), mine + word);
}

/* What is no parameter, as arrays for a file. */
typedef struct State {
    int64_t *counter;
    double *loss;
    int64_t epoch[2];
} State;

static State state_new(int64_t instances)
{
    return (State){.counter =
                       memory_new(sizeof(int64_t) * COUNTERS * (size_t)instances),
                   .loss = memory_new(sizeof(double) * 2 * (size_t)instances)};
}

static void state_release(State *s)
{
    free(s->counter);
    free(s->loss);
}

static State state_take(const Train *t)
{
    State s = state_new(t->o->instances);
    for (int64_t k = 0; k < t->o->instances; k++) {
        const Instance *v = &t->instance[k];
        int64_t counter[COUNTERS] = {v->step, v->best_epoch, t->active[k]};
        memcpy(s.counter + COUNTERS * k, counter, sizeof counter);
        s.loss[2 * k] = v->best_loss;
        s.loss[2 * k + 1] = v->loss_sum;
    }
    s.epoch[0] = t->epoch;
    s.epoch[1] = t->next;
    return s;
}

static void state_give(const State *s, Train *t)
{
    for (int64_t k = 0; k < t->o->instances; k++) {
        Instance *v = &t->instance[k];
        v->step = s->counter[COUNTERS * k];
        v->best_epoch = s->counter[COUNTERS * k + 1];
        t->active[k] = s->counter[COUNTERS * k + 2] != 0;
        v->best_loss = s->loss[2 * k];
        v->loss_sum = s->loss[2 * k + 1];
    }
    t->epoch = s->epoch[0];
    t->next = s->epoch[1];
}

bool train_save(const Train *t, ArchError *e)
{
    int64_t n = t->o->instances, params = t->m->params;
    size_t numbers = (size_t)(n * t->m->param_count) * model_real_size(t->m);
    Tensor *tensor = memory_new(sizeof *tensor * (size_t)(GROUPS * params + 4));
    char *room = memory_new(GROUPS * numbers), recipe[512];
    const Weights *all[GROUPS] = {&t->w, &t->m1, &t->m2, &t->top, &t->best};
    for (int i = 0; i < GROUPS; i++)
        weights_to_tensors(t->m, prefix[i], all[i], room + (size_t)i * numbers,
                           tensor + i * params);
    State s = state_take(t);
    Tensor *rest = tensor + GROUPS * params;
    rest[0] =
        tensor_make("state.counter", "I64", 2, (int64_t[]){n, COUNTERS}, s.counter);
    rest[1] = tensor_make("state.loss", "F64", 2, (int64_t[]){n, 2}, s.loss);
    rest[2] = tensor_make("state.epoch", "I64", 1, (int64_t[]){2}, s.epoch);
    rest[3] = tensor_make("history", "F64", 3, (int64_t[]){t->epoch, n, 2}, t->history);
    json_t *metadata = weights_metadata(t->m);
    recipe_text(t, recipe);
    json_object_set_new(metadata, "recipe", json_string(recipe));
    bool ok = tensors_write(t->o->checkpoint, tensor, (int)(GROUPS * params + 4),
                            metadata, e);
    json_decref(metadata);
    state_release(&s);
    free(room);
    free(tensor);
    return ok;
}

/* Copies a tensor of known size; false if it is not there or another. */
static bool take(const TensorFile *file, const char *name, void *to, size_t bytes)
{
    const Tensor *t = tensors_find(file, name);
    if (!t || t->bytes != bytes)
        return false;
    memcpy(to, t->data, bytes);
    return true;
}

/* The counters, if they can be those of a training like t. */
static bool read_state(Train *t, const TensorFile *file)
{
    size_t n = (size_t)t->o->instances;
    State s = state_new(t->o->instances);
    bool ok = take(file, "state.counter", s.counter, sizeof(int64_t) * COUNTERS * n) &&
              take(file, "state.loss", s.loss, sizeof(double) * 2 * n) &&
              take(file, "state.epoch", s.epoch, sizeof s.epoch);
    ok = ok && s.epoch[0] >= 0 && s.epoch[0] < INT32_MAX && s.epoch[1] >= 0 &&
         s.epoch[1] <= t->batches;
    if (ok && s.epoch[0] > t->o->epochs) { /* fewer epochs asked for than are done */
        free(t->history);
        t->history = memory_new(sizeof(TrainLoss) * (size_t)s.epoch[0] * n);
    }
    ok = ok &&
         take(file, "history", t->history, sizeof(TrainLoss) * (size_t)s.epoch[0] * n);
    if (ok)
        state_give(&s, t);
    state_release(&s);
    return ok;
}

bool train_resume(Train *t, ArchError *e)
{
    TensorFile file;
    Weights *list[GROUPS];
    if (!file_exists(t->o->checkpoint))
        return true;
    if (!tensors_read(&file, t->o->checkpoint, e))
        return false;
    bool ok = check_recipe(t, &file, e);
    group_list(t, list);
    for (int i = 0; i < GROUPS && ok; i++) {
        Weights w;
        ok = weights_from_tensors(&w, t->m, prefix[i], &file, t->o->checkpoint, e);
        if (ok && w.instances != t->o->instances) {
            ok = error_set(e, ARCH_EXIT_FILE, "%.300s is damaged", t->o->checkpoint);
            weights_release(&w);
        }
        if (!ok)
            break;
        weights_release(list[i]);
        *list[i] = w;
    }
    if (ok && !read_state(t, &file))
        ok = error_set(e, ARCH_EXIT_FILE, "%.300s is damaged: remove it",
                       t->o->checkpoint);
    tensors_release(&file);
    return ok;
}
