/* Data sets: what is written is read, what others write is read, and no damage to a file
 * gives more than one clear line. */
#include "archrt/dataset.h"
#include "archrt/rng.h"

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

/* HDF5 itself loses memory over some damaged files. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

static char folder[] = "/tmp/dataset_test.XXXXXX";

/* A path in the test's own folder; valid until the next call but three. */
static const char *at(const char *name)
{
    static char path[4][128];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

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

static char *slurp(const char *path, long *size)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *size = ftell(f);
    rewind(f);
    char *bytes = malloc((size_t)*size);
    assert_int_equal(fread(bytes, 1, (size_t)*size, f), *size);
    fclose(f);
    return bytes;
}

static void spill(const char *path, const char *bytes, long size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, (size_t)size, f), size);
    fclose(f);
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

/* Bare HDF5, as h5py writes it. */
static void put(hid_t where, const char *name, hid_t type, hid_t memory, int rank,
                const hsize_t *dim, const void *data)
{
    const hid_t space = H5Screate_simple(rank, dim, NULL);
    const hid_t id =
        H5Dcreate2(where, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(id >= 0);
    if (data != NULL)
        assert_true(H5Dwrite(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(id);
    H5Sclose(space);
}

static hid_t new_file(const char *name)
{
    const hid_t file = H5Fcreate(at(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

enum { N = 3, C = 4, T = 2, X = 5, COUNT = N * C * T * X };
static const hsize_t x_dim[] = {N, C, T, X}, y_dim[] = {N, 1};

/* A file with only /x and /y; y NULL: without /y. */
static void foreign(const char *name, hid_t x_type, const double *x, const double *y)
{
    const hid_t file = new_file(name);
    put(file, "x", x_type, H5T_NATIVE_DOUBLE, 4, x_dim, x);
    if (y != NULL)
        put(file, "y", H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE, 2, y_dim, y);
    H5Fclose(file);
}

static void count_up(double x[COUNT], double y[N])
{
    for (int i = 0; i < COUNT; i++)
        x[i] = i;
    for (int i = 0; i < N; i++)
        y[i] = i;
}

static double number(const DatasetGroup *g, int i)
{
    switch (g->type) {
    case ARCH_I8: return ((int8_t *)g->x)[i];
    case ARCH_I16: return ((int16_t *)g->x)[i];
    case ARCH_I32: return ((int32_t *)g->x)[i];
    case ARCH_F32: return ((float *)g->x)[i];
    case ARCH_F64: return ((double *)g->x)[i];
    }
    return NAN;
}

static void every_number_type_of_others_is_read(void **state)
{
    (void)state;
    const struct {
        hid_t file;
        ArchType type;
    } pair[] = {
        {H5T_STD_I8LE,   ARCH_I8 },
        {H5T_STD_I16BE,  ARCH_I16},
        {H5T_STD_I32LE,  ARCH_I32},
        {H5T_STD_I64LE,  ARCH_F64},
        {H5T_STD_U8LE,   ARCH_I16},
        {H5T_STD_U16LE,  ARCH_I32},
        {H5T_IEEE_F32LE, ARCH_F32},
        {H5T_IEEE_F64BE, ARCH_F64},
        {H5T_STD_U32LE,  ARCH_F64},
    };
    double x[COUNT], y[N];
    count_up(x, y);
    for (size_t k = 0; k < sizeof pair / sizeof *pair; k++) {
        Dataset d;
        ArchError e = {0};
        foreign("foreign.h5", pair[k].file, x, y);
        assert_true(dataset_read(&d, at("foreign.h5"), &e));
        const DatasetGroup *g = &d.group[0];
        assert_int_equal(d.groups, 1);
        assert_int_equal(g->type, pair[k].type);
        assert_int_equal(g->samples, N);
        assert_int_equal(g->channels, C);
        assert_int_equal(g->rank, 2);
        assert_int_equal(g->extent[0], T);
        assert_int_equal(g->extent[1], X);
        assert_null(g->set);
        assert_null(g->obs);
        assert_string_equal(d.kind, "");
        for (int i = 0; i < COUNT; i++)
            assert_true(number(g, i) == i);
        for (int i = 0; i < N; i++)
            assert_true(g->y[i] == i);
        dataset_release(&d);
    }
}

/* /sets as columns, y as a vector, kind as a text of variable length, groups in order. */
static void other_layouts_are_read(void **state)
{
    (void)state;
    double x[COUNT], y[N];
    const double eta[] = {4, 5}, mu[] = {.5, 1};
    const hsize_t two = 2, rows = N, small[] = {N, C, 1, X};
    const int set[N] = {1, 0, 1};
    const char *kind = "flux";
    count_up(x, y);
    const hid_t file = new_file("columns.h5");
    const hid_t sets = H5Gcreate2(file, "sets", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put(sets, "eta", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, 1, &two, eta);
    put(sets, "lambda", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, 1, &two, mu);
    put(sets, "mu", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, 1, &two, mu);
    H5Gclose(sets);
    for (int i = 0; i < 2; i++) {
        const hid_t where = H5Gcreate2(file, i == 0 ? "2x5" : "later", H5P_DEFAULT,
                                       H5P_DEFAULT, H5P_DEFAULT);
        put(where, "x", H5T_STD_I8LE, H5T_NATIVE_DOUBLE, 4, i == 0 ? x_dim : small, x);
        put(where, "y", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, 1, &rows, y);
        put(where, "set", H5T_NATIVE_INT, H5T_NATIVE_INT, 1, &rows, set);
        H5Gclose(where);
    }
    const hid_t text = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(text, H5T_VARIABLE);
    const hid_t id = H5Acreate2(file, "kind", text, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(id, text, &kind);
    H5Aclose(id);
    H5Sclose(space);
    H5Tclose(text);
    H5Fclose(file);

    Dataset d;
    ArchError e = {0};
    assert_true(dataset_read(&d, at("columns.h5"), &e));
    assert_string_equal(d.kind, "flux");
    assert_int_equal(d.sets, 2);
    assert_true(d.set[1].eta == 5 && d.set[1].mu == 1 && d.set[0].worms == 0);
    assert_int_equal(d.groups, 2);
    assert_int_equal(d.group[0].extent[0], 1);
    assert_int_equal(d.group[1].extent[0], 2);
    assert_int_equal(d.group[0].outputs, 1);
    assert_int_equal(d.group[1].set[2], 1);
    dataset_release(&d);
}

/* Reading fails with this code and a line that holds `part`; nothing is left to release. */
static void refused(const char *path, ArchExit code, const char *part)
{
    Dataset d;
    ArchError e = {0};
    assert_false(dataset_read(&d, path, &e));
    assert_int_equal(e.code, code);
    if (strstr(e.text, part) == NULL)
        fail_msg("'%s' is not in: %s", part, e.text);
    assert_null(strchr(e.text, '\n'));
    assert_null(d.group);
    assert_null(d.set);
}

static void what_is_no_data_set_is_refused(void **state)
{
    (void)state;
    refused(at("absent.h5"), ARCH_EXIT_FILE, "No such file");
    refused(folder, ARCH_EXIT_FILE, "it is a folder");
    spill(at("text.h5"), "not HDF5 at all", 15);
    refused(at("text.h5"), ARCH_EXIT_FILE, "is not an HDF5 file");
    spill(at("empty.h5"), "", 0);
    refused(at("empty.h5"), ARCH_EXIT_FILE, "is not an HDF5 file");
    H5Fclose(new_file("nothing.h5"));
    refused(at("nothing.h5"), ARCH_EXIT_FILE, "it has no /x");
}

static void wrong_shapes_are_refused(void **state)
{
    (void)state;
    double x[COUNT], y[N];
    count_up(x, y);
    foreign("no_y.h5", H5T_STD_I8LE, x, NULL);
    refused(at("no_y.h5"), ARCH_EXIT_FILE, "/y is missing");

    const hsize_t few[] = {N - 1, 1}, none[] = {0, C, T, X}, flat[] = {COUNT};
    hid_t file = new_file("few.h5");
    put(file, "x", H5T_STD_I8LE, H5T_NATIVE_DOUBLE, 4, x_dim, x);
    put(file, "y", H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE, 2, few, y);
    H5Fclose(file);
    refused(at("few.h5"), ARCH_EXIT_FILE, "/x has 3 samples, /y has 2 rows");

    file = new_file("none.h5");
    put(file, "x", H5T_STD_I8LE, H5T_NATIVE_DOUBLE, 4, none, NULL);
    put(file, "y", H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE, 2, y_dim, y);
    H5Fclose(file);
    refused(at("none.h5"), ARCH_EXIT_FILE, "/x is empty");

    file = new_file("flat.h5");
    put(file, "x", H5T_STD_I8LE, H5T_NATIVE_DOUBLE, 1, flat, x);
    put(file, "y", H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE, 2, y_dim, y);
    H5Fclose(file);
    refused(at("flat.h5"), ARCH_EXIT_FILE, "/x has 1 dimensions");

    file = new_file("text_x.h5");
    put(file, "x", H5T_C_S1, H5T_C_S1, 4, x_dim, x);
    put(file, "y", H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE, 2, y_dim, y);
    H5Fclose(file);
    refused(at("text_x.h5"), ARCH_EXIT_FILE, "does not hold numbers");
}

static void sizes_beyond_belief_are_refused(void **state)
{
    (void)state;
    const hsize_t huge[] = {1ull << 40, C, T, X}, chunk[] = {1, C, T, X};
    hid_t file = new_file("huge.h5");
    const hid_t space = H5Screate_simple(4, huge, NULL);
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 4, chunk);
    H5Dclose(
        H5Dcreate2(file, "x", H5T_STD_I8LE, space, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Pclose(list);
    H5Sclose(space);
    put(file, "y", H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE, 2, y_dim, NULL);
    H5Fclose(file);
    refused(at("huge.h5"), ARCH_EXIT_FILE, "claims");

    file = new_file("unwritten.h5");
    put(file, "x", H5T_STD_I8LE, H5T_NATIVE_DOUBLE, 4, x_dim, NULL);
    put(file, "y", H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE, 2, y_dim, NULL);
    H5Fclose(file);
    refused(at("unwritten.h5"), ARCH_EXIT_FILE, "never written");
}

static void nan_is_refused_and_named(void **state)
{
    (void)state;
    double x[COUNT], y[N];
    count_up(x, y);
    x[COUNT - 1] = NAN;
    foreign("nan.h5", H5T_IEEE_F32LE, x, y);
    refused(at("nan.h5"), ARCH_EXIT_DIVERGED,
            "/x holds a NaN or infinity: sample 2, number 39");
    foreign("nan.h5", H5T_IEEE_F64LE, x, y);
    refused(at("nan.h5"), ARCH_EXIT_DIVERGED, "sample 2");
    count_up(x, y);
    y[1] = INFINITY;
    foreign("nan.h5", H5T_IEEE_F32LE, x, y);
    refused(at("nan.h5"), ARCH_EXIT_DIVERGED, "/y holds a NaN or infinity: sample 1");
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
    assert_false(dataset_writable(folder, &e));
    assert_non_null(strstr(e.text, "it is a folder"));
    assert_false(dataset_writable("", &e));
    assert_true(dataset_writable(at("new.h5"), &e));
    assert_int_not_equal(access(at("new.h5"), F_OK), 0);
    dataset_release(&d);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(equal_data_give_equal_bytes),
        cmocka_unit_test(every_number_type_of_others_is_read),
        cmocka_unit_test(other_layouts_are_read),
        cmocka_unit_test(what_is_no_data_set_is_refused),
        cmocka_unit_test(wrong_shapes_are_refused),
        cmocka_unit_test(sizes_beyond_belief_are_refused),
        cmocka_unit_test(nan_is_refused_and_named),
        cmocka_unit_test(a_set_beyond_the_table_is_refused),
        cmocka_unit_test(paths_that_lead_nowhere_are_refused),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(what_cannot_be_written_is_said),
    };
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
