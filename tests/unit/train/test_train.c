/* Training by the hand-written network: it learns, and its bits depend on the seed alone. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "archrt/train.h"
#include "tiny_model.h"
#include "train_data.h"
#include "train_state.h"

#define INSTANCES  3
#define CHECKPOINT "test_train.checkpoint.safetensors"

static Dataset make_data(int groups)
{
    Dataset d = {.groups = groups, .group = malloc(2 * sizeof(DatasetGroup))};
    d.group[0] = make_group(230, 4, 4, 0);
    if (groups > 1)
        d.group[1] = make_group(101, 3, 5, 1);
    return d;
}

static TrainOptions make_options(int threads)
{
    TrainOptions o = train_default();
    o.instances = INSTANCES;
    o.epochs = 6;
    o.batch = 33;
    o.threads = threads;
    return o;
}

static TrainResult train(const ArchModel *m, const Dataset *d, const TrainOptions *o)
{
    TrainResult r;
    ArchError e = {0};
    if (!train_run(&r, m, d, o, &e))
        fail_msg("%s", e.text);
    return r;
}

static bool same_loss(const TrainResult *a, const TrainResult *b)
{
    for (int64_t i = 0; i < a->epochs * INSTANCES; i++) {
        const TrainLoss *p = &a->history[i], *q = &b->history[i];
        bool stopped = isnan(p->train) && isnan(q->train);
        if (!stopped && (p->train != q->train || p->validation != q->validation))
            return false;
    }
    return true;
}

static void assert_same(const ArchModel *m, const TrainResult *a, const TrainResult *b)
{
    assert_int_equal(a->epochs, b->epochs);
    assert_memory_equal(a->best.value, b->best.value, INSTANCES * m->packed_bytes);
    assert_true(same_loss(a, b));
    assert_memory_equal(a->best_epoch, b->best_epoch, INSTANCES * sizeof(int64_t));
}

static void check_learns(void **state)
{
    Dataset d = make_data(2);
    TrainOptions o = make_options(2);
    (void)state;
    o.epochs = 400;
    o.batch = 50;
    TrainResult r = train(tiny64_model(), &d, &o);
    for (int k = 0; k < INSTANCES; k++) {
        const double *w = (const double *)r.best.value + 5 * k;
        const double want[5] = {2, -1, 0, 0, 3};
        assert_true(r.best_loss[k] < 1e-6);
        for (int i = 0; i < 5; i++)
            assert_true(fabs(w[i] - want[i]) < 1e-2);
    }
    train_release(&r);
    dataset_release(&d);
}

static void check_threads(void **state)
{
    static const int threads[] = {2, 3, 8};
    const ArchModel *models[] = {tiny_model(), tiny64_model()};
    (void)state;
    for (int i = 0; i < 6; i++) {
        Dataset d = make_data(1 + i % 2);
        TrainOptions one = make_options(1), many = make_options(threads[i / 2]);
        TrainResult a = train(models[i % 2], &d, &one);
        TrainResult b = train(models[i % 2], &d, &many);
        assert_same(models[i % 2], &a, &b);
        train_release(&a);
        train_release(&b);
        dataset_release(&d);
    }
}

static void check_seed_and_instances(void **state)
{
    Dataset d = make_data(1);
    TrainOptions o = make_options(1), other = make_options(1);
    (void)state;
    other.seed = 2;
    TrainResult a = train(tiny_model(), &d, &o), b = train(tiny_model(), &d, &other);
    size_t n = tiny_model()->packed_bytes;
    assert_memory_not_equal(a.best.value, b.best.value, n);
    assert_memory_not_equal(a.best.value, (char *)a.best.value + n, n);
    train_release(&a);
    train_release(&b);
    dataset_release(&d);
}

/* An instance is the same whichever others run beside it. */
static void check_alone(void **state)
{
    Dataset d = make_data(2);
    TrainOptions o = make_options(1), alone = make_options(1);
    (void)state;
    alone.instances = 1;
    TrainResult a = train(tiny_model(), &d, &o), b = train(tiny_model(), &d, &alone);
    assert_memory_equal(a.best.value, b.best.value, tiny_model()->packed_bytes);
    train_release(&a);
    train_release(&b);
    dataset_release(&d);
}

/* Stopped by signals again and again, from 1 or 3 threads, and still the same bits. */
static void check_resume(void **state)
{
    Dataset d = make_data(2);
    TrainOptions o = make_options(2), whole = make_options(1);
    TrainResult a, b;
    ArchError e = {0};
    sigset_t term, before;
    (void)state;
    unlink(CHECKPOINT);
    a = train(tiny_model(), &d, &whole);
    o.checkpoint = CHECKPOINT;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    int stops = 0;
    for (;; stops++) {
        o.threads = 1 + stops % 3;
        raise(SIGTERM); /* waits: it is blocked */
        if (train_run(&b, tiny_model(), &d, &o, &e))
            break;
        assert_int_equal(e.code, ARCH_EXIT_STOPPED);
        assert_true(stops < 100);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_true(stops >= 6);
    assert_same(tiny_model(), &a, &b);
    train_release(&a);
    train_release(&b);
    dataset_release(&d);
}

/* The checkpoint that check_resume left fits no other training, and no damage passes. */
static void check_checkpoint(void **state)
{
    Dataset d = make_data(2);
    TrainOptions o = make_options(1);
    TrainResult r;
    ArchError e = {0};
    (void)state;
    o.checkpoint = CHECKPOINT;
    o.optim.lr = 0.02;
    assert_false(train_run(&r, tiny_model(), &d, &o, &e));
    assert_int_equal(e.code, ARCH_EXIT_USAGE);
    assert_non_null(strstr(e.text, "lr=0.01"));
    o.optim.lr = 0.01;
    assert_false(train_run(&r, tiny64_model(), &d, &o, &e));
    assert_int_equal(e.code, ARCH_EXIT_USAGE);
    assert_int_equal(truncate(CHECKPOINT, 2000), 0);
    assert_false(train_run(&r, tiny_model(), &d, &o, &e));
    assert_int_equal(e.code, ARCH_EXIT_FILE);
    unlink(CHECKPOINT);
    dataset_release(&d);
}

/* Marks the rows of a group in `seen`: once each. */
static void mark(bool *seen, const int64_t *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        assert_false(seen[row[i]]);
        seen[row[i]] = true;
    }
}

/* Every epoch and every instance has an order of its own; each row is in one batch, and
 * none of the validation. */
static void check_shuffle(void **state)
{
    Dataset d = make_data(2);
    TrainOptions o = make_options(1);
    Train t = {.m = tiny_model(), .o = &o};
    ArchError e;
    int64_t row[3][331];
    Batch batch[40];
    Instance instance[2] = {{.batch = batch}, {.batch = batch}};
    (void)state;
    assert_true(train_data_init(&t, &d, &e));
    assert_int_equal(t.trains + t.valids, 331);
    assert_int_equal(t.valids, 33);
    t.instance = instance;
    for (int i = 0; i < 3; i++) { /* epoch 0, epoch 1, epoch 0 of the other instance */
        bool seen[2][331] = {{false}};
        instance[i / 2].row = row[i];
        t.epoch = i % 2;
        train_shuffle(&t, i / 2);
        for (int64_t j = 0; j < t.batches; j++)
            mark(seen[batch[j].group], row[i] + batch[j].first, batch[j].n);
        for (int j = 0; j < 2; j++) {
            mark(seen[j], t.group[j].valid, t.group[j].valids);
            for (int64_t k = 0; k < d.group[j].samples; k++)
                assert_true(seen[j][k]);
        }
    }
    assert_memory_not_equal(row[0], row[1], 100 * sizeof(int64_t));
    assert_memory_not_equal(row[0], row[2], 100 * sizeof(int64_t));
    train_data_release(&t);
    dataset_release(&d);
}

/* Weights that do not move: the training loss is a mean over all samples, however many
 * batches and shards they come in. */
static void check_mean_loss(void **state)
{
    Dataset d = make_data(2);
    TrainOptions o = make_options(1);
    double loss[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        o.batch = i == 0 ? 1 : i == 1 ? 40 : 300; /* up to 6 shards */
        o.epochs = 1;
        o.optim.lr = 1e-12;
        TrainResult r = train(tiny64_model(), &d, &o);
        loss[i] = r.history[0].train;
        train_release(&r);
    }
    assert_true(fabs(loss[1] - loss[0]) < 1e-8 * loss[0]);
    assert_true(fabs(loss[2] - loss[0]) < 1e-8 * loss[0]);
    assert_int_equal(train_shards(300), 9);
    dataset_release(&d);
}

static void check_early_stopping(void **state)
{
    Dataset d = make_data(1);
    TrainOptions o = make_options(1);
    (void)state;
    o.epochs = 2000;
    o.min_epochs = 40;
    o.patience = 5;
    o.optim.lr = 0.3; /* falls fast, then rattles */
    TrainResult r = train(tiny_model(), &d, &o);
    assert_true(r.epochs >= 40 && r.epochs < 2000);
    for (int64_t k = 0; k < INSTANCES; k++) {
        double least = INFINITY;
        for (int64_t i = 0; i < r.epochs; i++)
            least = fmin(least, r.history[i * INSTANCES + k].validation);
        assert_true(r.best_loss[k] == least);
        int64_t at = (r.best_epoch[k] - 1) * INSTANCES + k;
        assert_true(r.history[at].validation == least);
    }
    train_release(&r);
    dataset_release(&d);
}

static void check_divergence(void **state)
{
    Dataset d = make_data(1);
    TrainOptions o = make_options(2);
    TrainResult r;
    ArchError e = {0};
    (void)state;
    o.optim.lr = 1e38; /* beyond single precision in the first step */
    assert_false(train_run(&r, tiny_model(), &d, &o, &e));
    assert_int_equal(e.code, ARCH_EXIT_DIVERGED);
    assert_non_null(strstr(e.text, "instance 0"));
    assert_non_null(strstr(e.text, "epoch 1"));
    dataset_release(&d);
}

static void check_too_few(void **state)
{
    Dataset d = make_data(1);
    TrainOptions o = make_options(1);
    TrainResult r;
    ArchError e = {0};
    (void)state;
    d.group[0].samples = 5;
    assert_false(train_run(&r, tiny_model(), &d, &o, &e));
    assert_int_equal(e.code, ARCH_EXIT_USAGE);
    o.validation = 0;
    assert_true(train_run(&r, tiny_model(), &d, &o, &e));
    train_release(&r);
    dataset_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_learns),
                                       cmocka_unit_test(check_threads),
                                       cmocka_unit_test(check_seed_and_instances),
                                       cmocka_unit_test(check_alone),
                                       cmocka_unit_test(check_resume),
                                       cmocka_unit_test(check_checkpoint),
                                       cmocka_unit_test(check_shuffle),
                                       cmocka_unit_test(check_mean_loss),
                                       cmocka_unit_test(check_early_stopping),
                                       cmocka_unit_test(check_divergence),
                                       cmocka_unit_test(check_too_few)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
