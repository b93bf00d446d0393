/* Data sets: what is written is read, and no damage to a file gives more than one clear
 * line. */
#include "archrt/dataset.h"
#include "archrt/rng.h"
#include "dataset_files.h"

#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* 0, 1, 2, 0, .. worms of 1 to 4 steps. */
static void add_paths(DatasetGroup *g, Rng *r)
{
    DatasetPaths *p = &g->paths;
    const size_t n = (size_t)g->samples;
    p->worm = calloc(n + 1, sizeof *p->worm);
    p->begin = calloc(2 * n + 1, sizeof *p->begin);
    p->step = malloc(4 * 2 * n * 2 * sizeof *p->step);
    for (size_t i = 0; i < n; i++) {
        p->worm[i + 1] = p->worm[i] + (int64_t)(i % 3);
        for (int64_t w = p->worm[i]; w < p->worm[i + 1]; w++) {
            const int64_t begin = p->begin[w], end = begin + 1 + rng_below(r, 4);
            for (int64_t s = begin; s < end; s++) {
                p->step[2 * s] = (int32_t)rng_below(r, (uint32_t)dataset_sites(g));
                p->step[2 * s + 1] = s + 1 == end ? -1 : (int32_t)rng_below(r, 4);
            }
            p->begin[w + 1] = end;
        }
    }
}

static DatasetGroup make_group(int64_t samples, int64_t t, int64_t x, bool mine)
{
    DatasetGroup g = {
        .rank = 2,
        .extent = {t, x},
        .channels = 4,
        .outputs = 2,
        .samples = samples,
        .type = ARCH_I8
    };
    const size_t n = (size_t)samples, count = n * 4 * (size_t)(t * x);
    Rng r = rng_init(1, RNG_TEST, (uint32_t)t, (uint32_t)x);
    int8_t *flux = g.x = malloc(count);
    g.y = malloc(n * 2 * sizeof *g.y);
    for (size_t i = 0; i < count; i++)
        flux[i] = (int8_t)(rng_below(&r, 7) - 3);
    for (size_t i = 0; i < 2 * n; i++)
        g.y[i] = rng_uniform(&r);
    if (mine) {
        g.set = malloc(n * sizeof *g.set);
        g.obs = malloc(n * 2 * sizeof *g.obs);
        for (size_t i = 0; i < n; i++)
            g.set[i] = (int32_t)(i % 2);
        for (size_t i = 0; i < 2 * n; i++)
            g.obs[i] = rng_uniform(&r);
        add_paths(&g, &r);
    }
    return g;
}

static Dataset make_dataset(int groups)
{
    Dataset d = {.groups = groups,
                 .sets = 2,
                 .seed = 0x123456789abcdefull,
                 .kind = "worms",
                 .protocol = "made for a test"};
    d.group = malloc((size_t)groups * sizeof *d.group);
    for (int i = 0; i < groups; i++)
        d.group[i] = make_group(1000 + i, 4 + i, 3, true);
    d.set = malloc(2 * sizeof *d.set);
    d.set[0] = (DatasetSet){4.25, 1, 1, 0};
    d.set[1] = (DatasetSet){4.01, 1, 1.5, 5};
    return d;
}

static void assert_same_group(const DatasetGroup *a, const DatasetGroup *b)
{
    assert_int_equal(dataset_compare(a, b), 0);
    assert_int_equal(a->channels, b->channels);
    assert_int_equal(a->outputs, b->outputs);
    assert_int_equal(a->samples, b->samples);
    assert_int_equal(a->type, b->type);
    const size_t n = (size_t)a->samples, m = (size_t)(a->channels * dataset_sites(a));
    assert_memory_equal(a->x, b->x, n * m * arch_type_size(a->type));
    assert_memory_equal(a->y, b->y, n * (size_t)a->outputs * sizeof *a->y);
    assert_memory_equal(a->set, b->set, n * sizeof *a->set);
    assert_memory_equal(a->obs, b->obs, n * 2 * sizeof *a->obs);
    const size_t worms = (size_t)a->paths.worm[n],
                 steps = (size_t)a->paths.begin[worms];
    assert_memory_equal(a->paths.worm, b->paths.worm, (n + 1) * sizeof(int64_t));
    assert_memory_equal(a->paths.begin, b->paths.begin, (worms + 1) * sizeof(int64_t));
    assert_memory_equal(a->paths.step, b->paths.step, steps * 2 * sizeof(int32_t));
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (int groups = 1; groups <= 3; groups++) {
        Dataset a = make_dataset(groups), b;
        ArchError e = {0};
        assert_true(dataset_write(&a, at("round.h5"), &e));
        assert_true(dataset_read(&b, at("round.h5"), &e));
        assert_int_equal(b.groups, groups);
        assert_int_equal(b.sets, 2);
        assert_true(b.seed == a.seed);
        assert_string_equal(b.kind, a.kind);
        assert_string_equal(b.protocol, a.protocol);
        for (int i = 0; i < 2; i++) {
            assert_true(a.set[i].eta == b.set[i].eta && a.set[i].mu == b.set[i].mu);
            assert_true(a.set[i].lambda == b.set[i].lambda);
            assert_int_equal(a.set[i].worms, b.set[i].worms);
        }
        for (int i = 0; i < groups; i++)
            assert_same_group(&a.group[i], &b.group[i]);
        dataset_release(&a);
        dataset_release(&b);
    }
}

static void equal_data_give_equal_bytes(void **state)
{
    (void)state;
    ArchError e;
    Dataset d = make_dataset(2);
    assert_true(dataset_write(&d, at("one.h5"), &e));
    sleep(1); /* an object time would have moved on */
    assert_true(dataset_write(&d, at("two.h5"), &e));
    long m, n;
    char *one = slurp(at("one.h5"), &m), *two = slurp(at("two.h5"), &n);
    assert_int_equal(m, n);
    assert_memory_equal(one, two, (size_t)m);
    free(one);
    free(two);
    dataset_release(&d);
}

static void a_set_beyond_the_table_is_refused(void **state)
{
    (void)state;
    Dataset d = make_dataset(1);
    ArchError e;
    d.group[0].set[7] = 2;
    assert_true(dataset_write(&d, at("beyond.h5"), &e));
    refused(at("beyond.h5"), ARCH_EXIT_FILE, "sample 7 is 2");
    dataset_release(&d);
}

static void paths_that_lead_nowhere_are_refused(void **state)
{
    (void)state;
    ArchError e;
    for (int damage = 0; damage < 6; damage++) {
        Dataset d = make_dataset(1);
        DatasetPaths *p = &d.group[0].paths;
        int32_t *first = &p->step[0], *way = &p->step[2 * p->begin[1] - 1];
        if (damage == 0)
            *first = (int32_t)dataset_sites(&d.group[0]);
        else if (damage == 1)
            *first = -1;
        else if (damage == 2)
            *way = 0;
        else if (damage == 3)
            *way = 4;
        else if (damage == 4)
            p->begin[1] = p->begin[2] + 1;
        else
            p->worm[5] = p->worm[6] + 1;
        assert_true(dataset_write(&d, at("paths.h5"), &e));
        refused(at("paths.h5"), ARCH_EXIT_FILE, "do not fit together");
        dataset_release(&d);
    }
}

/* Whatever is cut off, or wherever a bit flips in the samples, is noticed; elsewhere a flip
 * may be harmless but never more than a refusal. */
static void damage_is_noticed(void **state)
{
    (void)state;
    Dataset d = make_dataset(1), back;
    ArchError e;
    long size;
    assert_true(dataset_write(&d, at("whole.h5"), &e));
    char *bytes = slurp(at("whole.h5"), &size);
    for (int i = 0; i < 40; i++) {
        spill(at("cut.h5"), bytes, size * i / 40);
        refused(at("cut.h5"), ARCH_EXIT_FILE, "HDF5 file");
    }
    char *x = NULL, *const flux = d.group[0].x;
    for (long i = 0; x == NULL && i + 64 < size; i++)
        if (memcmp(bytes + i, flux, 64) == 0)
            x = bytes + i;
    assert_non_null(x);
    for (int i = 0; i < 20; i++) {
        x[i * 997] ^= 4;
        spill(at("flip.h5"), bytes, size);
        refused(at("flip.h5"), ARCH_EXIT_FILE, "damaged");
        x[i * 997] ^= 4;
    }
    Rng r = rng_init(1, RNG_TEST, 9, 0);
    for (int i = 0; i < 200; i++) {
        const uint32_t place = rng_below(&r, 4096);
        const char kept = bytes[place];
        bytes[place] = (char)rng_u32(&r);
        spill(at("flip.h5"), bytes, size);
        if (dataset_read(&back, at("flip.h5"), &e))
            dataset_release(&back);
        bytes[place] = kept;
    }
    free(bytes);
    dataset_release(&d);
}

static void what_cannot_be_written_is_said(void **state)
{
    (void)state;
    ArchError e = {0};
    Dataset d = make_dataset(1);
    assert_false(dataset_write(&d, at("absent/x.h5"), &e));
    assert_int_equal(e.code, ARCH_EXIT_FILE);
    assert_non_null(strstr(e.text, "No such file"));
    assert_false(dataset_writable(at("absent/x.h5"), &e));
    assert_false(dataset_writable(folder_path(), &e));
    assert_non_null(strstr(e.text, "it is a folder"));
    assert_false(dataset_writable("", &e));
    assert_true(dataset_writable(at("new.h5"), &e));
    assert_int_not_equal(access(at("new.h5"), F_OK), 0);
    dataset_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(equal_data_give_equal_bytes),
        cmocka_unit_test(a_set_beyond_the_table_is_refused),
        cmocka_unit_test(paths_that_lead_nowhere_are_refused),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(what_cannot_be_written_is_said),
    };
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
