/* What archrun info says of a data set, as a program reads it. */
#include "info_dataset.h"

#include "archrt/dataset.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAMPLES = 40 };

/* Samples take turns between two sets with n = 1, 2 and |phi|^2 = 0.5. */
static Dataset make(bool mine, int rank)
{
    static const DatasetSet set[] = {
        {4.25, 1,   1,    0},
        {4.01, 0.5, -1.5, 7}
    };
    static const DatasetSampling sampling[] = {
        {2.5, 0.25, 11, 100, 40},
        {0,   0,    7,  0,   3 }
    };
    Dataset d = {.groups = 1, .group = calloc(1, sizeof *d.group), .kind = ""};
    DatasetGroup *g = d.group;
    *g = (DatasetGroup){
        .rank = rank,
        .extent = {3, 2},
        .channels = 4,
        .outputs = 1,
        .samples = SAMPLES,
        .type = ARCH_F32
    };
    g->x = calloc((size_t)(SAMPLES * 4 * dataset_sites(g)), sizeof(float));
    g->y = calloc(SAMPLES, sizeof *g->y);
    if (!mine)
        return d;
    d.sets = 2;
    d.set = malloc(sizeof set);
    memcpy(d.set, set, sizeof set);
    g->set = malloc(SAMPLES * sizeof *g->set);
    g->obs = malloc(SAMPLES * 2 * sizeof *g->obs);
    g->sampling = malloc(sizeof sampling);
    memcpy(g->sampling, sampling, sizeof sampling);
    for (int i = 0; i < SAMPLES; i++) {
        g->set[i] = i % 2;
        g->obs[2 * i] = 1 + i % 2;
        g->obs[2 * i + 1] = 0.5;
    }
    return d;
}

/* The lines of info --json, as an array of objects; the caller releases it. */
static json_t *info(Dataset d)
{
    char path[] = "/tmp/info_test.XXXXXX", line[1024];
    ArchError e = {0};
    FILE *out = tmpfile();
    json_t *all = json_array();
    close(mkstemp(path));
    assert_true(dataset_write(&d, path, &e));
    dataset_release(&d);
    assert_true(info_dataset(path, true, out, &e));
    unlink(path);
    rewind(out);
    while (fgets(line, sizeof line, out)) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(object);
        assert_int_equal(json_object_size(object), 9);
        json_array_append_new(all, object);
    }
    fclose(out);
    return all;
}

static double number(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void a_line_per_parameter_set(void **state)
{
    (void)state;
    json_t *all = info(make(true, 2));
    assert_int_equal(json_array_size(all), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *line = json_array_get(all, i);
        const json_t *lattice = json_object_get(line, "lattice");
        const json_t *n = json_object_get(line, "n"),
                     *phi2 = json_object_get(line, "phi2");
        assert_int_equal(json_array_size(lattice), 2);
        assert_int_equal(json_integer_value(json_array_get(lattice, 0)), 3);
        assert_int_equal(json_integer_value(json_array_get(lattice, 1)), 2);
        assert_true(number(line, "eta") == (i == 0 ? 4.25 : 4.01));
        assert_true(number(line, "lambda") == (i == 0 ? 1 : 0.5));
        assert_true(number(line, "mu") == (i == 0 ? 1 : -1.5));
        assert_true(json_is_integer(json_object_get(line, "worms")));
        assert_true(number(line, "worms") == (i == 0 ? 0 : 7));
        assert_true(number(line, "samples") == SAMPLES / 2);
        assert_true(number(n, "mean") == 1 + (double)i && number(n, "error") == 0);
        assert_true(number(phi2, "mean") == 0.5 && number(phi2, "tau") == 0.5);
        const json_t *how = json_object_get(line, "sampling");
        assert_int_equal(json_object_size(how), 5);
        assert_true(number(how, "between") == (i == 0 ? 11 : 7));
        assert_true(number(how, "thermal") == (i == 0 ? 100 : 0));
        assert_true(number(how, "worms") == (i == 0 ? 40 : 3));
        if (i == 0)
            assert_true(number(how, "tau") == 2.5 && number(how, "error") == 0.25);
        else
            assert_true(json_is_null(json_object_get(how, "tau")));
    }
    json_decref(all);
}

static void what_a_file_does_not_say_is_null(void **state)
{
    (void)state;
    static const char *const unknown[] = {"eta", "lambda", "mu",      "worms",
                                          "n",   "phi2",   "sampling"};
    for (int rank = 0; rank <= 2; rank++) {
        json_t *all = info(make(false, rank));
        assert_int_equal(json_array_size(all), 1);
        const json_t *line = json_array_get(all, 0);
        for (int i = 0; i < 7; i++)
            assert_true(json_is_null(json_object_get(line, unknown[i])));
        assert_int_equal(json_array_size(json_object_get(line, "lattice")), rank);
        assert_true(number(line, "samples") == SAMPLES);
        json_decref(all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_per_parameter_set),
        cmocka_unit_test(what_a_file_does_not_say_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
