/* Evaluation: losses and accuracies by hand, files joined, and data that do not fit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "archrt/eval.h"
#include "tiny_model.h"
#include "train_data.h"

/* Two samples of one lattice, three of another; y is 1, 2, 3, .. and x is zero, so that the
 * network answers with its bias. */
static Dataset make_data(ArchType type)
{
    Dataset d = {.groups = 2,
                 .sets = 2,
                 .group = malloc(2 * sizeof(DatasetGroup)),
                 .set = malloc(2 * sizeof(DatasetSet))};
    d.set[0] = (DatasetSet){4.25, 1, 1, 0};
    d.set[1] = (DatasetSet){4.25, 1, 1, 5};
    for (int i = 0; i < 2; i++) {
        DatasetGroup *g = &d.group[i];
        *g = make_group(2 + i, 2, 2 + i, 0);
        g->type = type;
        free(g->x);
        g->x =
            calloc((size_t)(g->samples * 4 * dataset_sites(g)), arch_type_size(type));
        g->set = calloc((size_t)g->samples, sizeof *g->set);
        for (int j = 0; j < g->samples; j++)
            g->y[j] = j + 1;
        g->set[1] = 1;
    }
    return d;
}

/* Instance 0 answers 1.25, instance 1 answers 1.75. */
static Weights make_weights(const ArchModel *m)
{
    Weights w;
    weights_init(&w, m, 2);
    ((float *)w.value)[4] = 1.25f;
    ((float *)w.value)[9] = 1.75f;
    weights_pack(&w, m);
    return w;
}

static void assert_row(const EvalRow *r, int instance, int64_t samples, double loss,
                       double accuracy)
{
    assert_int_equal(r->instance, instance);
    assert_int_equal(r->samples, samples);
    assert_true(fabs(r->loss - loss) < 1e-12);
    assert_true(fabs(r->accuracy - accuracy) < 1e-12);
}

static void check_table(void **state)
{
    Dataset d = make_data(ARCH_I8);
    Weights w = make_weights(tiny_model());
    EvalTable t;
    ArchError e;
    (void)state;
    assert_true(eval_run(&t, &(Apply){.m = tiny_model(), .threads = 2}, &w, &d, &e));
    assert_int_equal(t.rows, 12);
    assert_row(&t.row[0], 0, 1, 0.0625, 1);
    assert_row(&t.row[1], 0, 1, 0.5625, 0);
    assert_row(&t.row[2], 0, 2, 0.3125, 0.5);
    assert_true(t.row[2].total && !t.row[2].set && t.row[1].set->worms == 5);
    assert_row(&t.row[3], 0, 2, (0.0625 + 3.0625) / 2, 0.5); /* labels 1 and 3 */
    assert_row(&t.row[5], 0, 3, (0.0625 + 0.5625 + 3.0625) / 3, 1. / 3);
    assert_row(&t.row[6], 1, 1, 0.5625, 0);
    assert_row(&t.row[10], 1, 1, 0.0625, 1); /* rounds up to 2 */
    assert_row(&t.row[11], 1, 3, (0.5625 + 0.0625 + 1.5625) / 3, 1. / 3);
    eval_release(&t);
    d.group[0].y[0] = 0.5; /* no longer integers: no accuracy anywhere */
    assert_true(eval_run(&t, &(Apply){.m = tiny_model(), .threads = 1}, &w, &d, &e));
    assert_true(isnan(t.row[11].accuracy));
    eval_release(&t);
    weights_release(&w);
    dataset_release(&d);
}

/* Files of different types: the samples of one lattice meet, and equal sets are one. */
static void check_joined_files(void **state)
{
    static const char *const name[] = {"test_eval_a.h5", "test_eval_b.h5"};
    Dataset a = make_data(ARCH_I8), b = make_data(ARCH_F32), all;
    Weights w = make_weights(tiny_model());
    EvalTable t;
    ArchError e = {0};
    (void)state;
    b.set[1].worms = 7;
    ((int8_t *)a.group[0].x)[31] = -3; /* the last site of the last sample */
    ((float *)b.group[0].x)[0] = 2.5f;
    assert_true(dataset_write(&a, name[0], &e) && dataset_write(&b, name[1], &e));
    if (!dataset_read_all(&all, name, 2, &e))
        fail_msg("%s", e.text);
    assert_int_equal(all.groups, 2);
    assert_int_equal(all.sets, 3);
    assert_int_equal(all.group[1].samples, 6);
    assert_int_equal(all.group[0].type, ARCH_F64);
    assert_true(((double *)all.group[0].x)[31] == -3);
    assert_true(((double *)all.group[0].x)[32] == 2.5);
    assert_true(eval_run(&t, &(Apply){.m = tiny_model(), .threads = 1}, &w, &all, &e));
    assert_int_equal(t.rows, 2 * 2 * 4);
    assert_row(&t.row[7], 0, 6, (0.0625 + 0.5625 + 3.0625) / 3, 1. / 3);
    assert_int_equal(t.row[2].set->worms, 7);
    eval_release(&t);
    dataset_release(&a);
    dataset_release(&b);
    dataset_release(&all);
    weights_release(&w);
    unlink(name[0]);
    unlink(name[1]);
}

static void check_threads(void **state)
{
    DatasetGroup g = make_group(300, 4, 4, 3);
    Weights w;
    float y[4][600];
    ArchError e;
    (void)state;
    weights_init(&w, tiny_model(), 2);
    weights_draw(&w, tiny_model(), 3);
    weights_pack(&w, tiny_model());
    for (int i = 0; i < 4; i++)
        assert_true(apply_forward(
            &(Apply){.m = tiny_model(), .g = &g, .rows = 300, .threads = 1 + i}, &w,
            y[i], &e));
    for (int i = 1; i < 4; i++)
        assert_memory_equal(y[0], y[i], sizeof y[0]);
    assert_true(y[0][0] != y[0][300] && y[0][299] != y[0][298]);
    Dataset d = {.groups = 1, .group = malloc(sizeof g)};
    d.group[0] = g;
    dataset_release(&d);
    weights_release(&w);
}

static void check_loss(void **state)
{
    (void)state;
    assert_true(loss_value(ARCH_LOSS_MSE, 3, 1) == 4);
    assert_true(fabs(loss_value(ARCH_LOSS_BCE, 0.25, 1) - log(4)) < 1e-15);
    assert_true(fabs(loss_value(ARCH_LOSS_BCE, 0.25, 0) + log(0.75)) < 1e-15);
    assert_true(loss_value(ARCH_LOSS_BCE, 0, 1) == 100);
}

static void expect_misfit(const Dataset *d, const ArchModel *m, const char *text)
{
    ArchError e = {0};
    assert_false(dataset_fits(d, m, true, &e));
    assert_int_equal(e.code, ARCH_EXIT_USAGE);
    if (!strstr(e.text, text))
        fail_msg("said '%s', not '%s'", e.text, text);
}

static void check_misfits(void **state)
{
    Dataset d = make_data(ARCH_I8);
    ArchError e;
    (void)state;
    assert_true(dataset_fits(&d, tiny_model(), true, &e));
    expect_misfit(&d, tiny_fixed_model(), "works on 8x8 only, not on 2x2");
    d.group[1].outputs = 2;
    expect_misfit(&d, tiny_model(), "2 labels a sample, tiny has 1 outputs");
    d.group[1].channels = 3;
    expect_misfit(&d, tiny_model(), "have 3 channels, tiny takes 4");
    d.group[1].channels = 4;
    d.group[1].rank = 1;
    expect_misfit(&d, tiny_model(), "2 axes");
    d.group[1].rank = 2;
    d.group[1].extent[0] = 1;
    expect_misfit(&d, tiny_model(), "leave no site");
    dataset_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_table), cmocka_unit_test(check_joined_files),
        cmocka_unit_test(check_threads), cmocka_unit_test(check_loss),
        cmocka_unit_test(check_misfits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
