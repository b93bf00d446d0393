/* Data sets of others: what h5py and the like write is read, what is none is refused. */
#include "archrt/dataset.h"
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

static void what_is_no_data_set_is_refused(void **state)
{
    (void)state;
    refused(at("absent.h5"), ARCH_EXIT_FILE, "No such file");
    refused(folder_path(), ARCH_EXIT_FILE, "it is a folder");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_type_of_others_is_read),
        cmocka_unit_test(other_layouts_are_read),
        cmocka_unit_test(what_is_no_data_set_is_refused),
        cmocka_unit_test(wrong_shapes_are_refused),
        cmocka_unit_test(sizes_beyond_belief_are_refused),
        cmocka_unit_test(nan_is_refused_and_named),
    };
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
