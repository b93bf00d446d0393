#include "archrt/dataset.h"

#include "archrt/lattice.h"
#include "dataset_file.h"
#include "h5file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int64_t dataset_sites(const DatasetGroup *g)
{
    int64_t sites = 1;
    for (int i = 0; i < g->rank; i++)
        sites *= g->extent[i];
    return sites;
}

size_t arch_type_size(ArchType type)
{
    switch (type) {
    case ARCH_I8: return 1;
    case ARCH_I16: return 2;
    case ARCH_I32:
    case ARCH_F32: return 4;
    case ARCH_F64: return 8;
    }
    return 0;
}

void dataset_lattice(const DatasetGroup *g, char text[96])
{
    lattice_text(g->rank, g->extent, text);
}

int dataset_compare(const DatasetGroup *a, const DatasetGroup *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    const int64_t m = dataset_sites(a), n = dataset_sites(b);
    if (m != n)
        return m < n ? -1 : 1;
    for (int i = 0; i < a->rank; i++)
        if (a->extent[i] != b->extent[i])
            return a->extent[i] < b->extent[i] ? -1 : 1;
    return 0;
}

void dataset_release(Dataset *d)
{
    for (int i = 0; i < d->groups; i++) {
        free(d->group[i].x);
        free(d->group[i].y);
        free(d->group[i].set);
        free(d->group[i].obs);
        dataset_paths_release(&d->group[i].paths);
        free(d->group[i].sampling);
    }
    free(d->group);
    free(d->set);
    *d = (Dataset){0};
}

hid_t dataset_memory_type(ArchType type)
{
    switch (type) {
    case ARCH_I8: return H5T_NATIVE_INT8;
    case ARCH_I16: return H5T_NATIVE_INT16;
    case ARCH_I32: return H5T_NATIVE_INT32;
    case ARCH_F32: return H5T_NATIVE_FLOAT;
    case ARCH_F64: return H5T_NATIVE_DOUBLE;
    }
    return -1;
}

static hid_t file_type(ArchType type)
{
    switch (type) {
    case ARCH_I8: return H5T_STD_I8LE;
    case ARCH_I16: return H5T_STD_I16LE;
    case ARCH_I32: return H5T_STD_I32LE;
    case ARCH_F32: return H5T_IEEE_F32LE;
    case ARCH_F64: return H5T_IEEE_F64LE;
    }
    return -1;
}

hid_t dataset_set_type(bool in_file)
{
    const hid_t real = in_file ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE;
    const hid_t count = in_file ? H5T_STD_I32LE : H5T_NATIVE_INT;
    const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(DatasetSet));
    if (type >= 0) {
        H5Tinsert(type, "eta", offsetof(DatasetSet, eta), real);
        H5Tinsert(type, "lambda", offsetof(DatasetSet, lambda), real);
        H5Tinsert(type, "mu", offsetof(DatasetSet, mu), real);
        H5Tinsert(type, "worms", offsetof(DatasetSet, worms), count);
    }
    return type;
}

hid_t dataset_sampling_type(bool in_file)
{
    const hid_t real = in_file ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE;
    const hid_t count = in_file ? H5T_STD_I64LE : H5T_NATIVE_INT64;
    const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(DatasetSampling));
    if (type >= 0) {
        H5Tinsert(type, "tau", offsetof(DatasetSampling, tau), real);
        H5Tinsert(type, "error", offsetof(DatasetSampling, error), real);
        H5Tinsert(type, "between", offsetof(DatasetSampling, between), count);
        H5Tinsert(type, "thermal", offsetof(DatasetSampling, thermal), count);
        H5Tinsert(type, "worms", offsetof(DatasetSampling, worms), count);
    }
    return type;
}

/* A table of `rows` compounds. */
static bool put_table(hid_t where, const char *name, hid_t type(bool in_file), int rows,
                      const void *data)
{
    const hid_t in_file = type(true), in_memory = type(false);
    const H5Array table = {name, in_file, in_memory, 1, {(hsize_t)rows}, data};
    const bool ok = in_file >= 0 && in_memory >= 0 && H5Tpack(in_file) >= 0 &&
                    h5_put(where, &table);
    if (in_file >= 0)
        H5Tclose(in_file);
    if (in_memory >= 0)
        H5Tclose(in_memory);
    return ok;
}

static bool put_group(hid_t where, const DatasetGroup *g, int sets)
{
    const hsize_t n = (hsize_t)g->samples;
    H5Array x = {
        "x",         file_type(g->type),        dataset_memory_type(g->type),
        2 + g->rank, {n, (hsize_t)g->channels},
           g->x
    };
    for (int i = 0; i < g->rank; i++)
        x.dim[2 + i] = (hsize_t)g->extent[i];
    const H5Array y = {
        "y", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, {n, (hsize_t)g->outputs},
            g->y
    };
    const H5Array set = {"set", H5T_STD_I32LE, H5T_NATIVE_INT32, 1, {n}, g->set};
    const H5Array obs = {
        "obs", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, {n, 2},
            g->obs
    };
    return h5_put(where, &x) && h5_put(where, &y) &&
           (g->set == NULL || h5_put(where, &set)) &&
           (g->obs == NULL || h5_put(where, &obs)) && dataset_put_paths(where, g) &&
           (g->sampling == NULL ||
            put_table(where, "sampling", dataset_sampling_type, sets, g->sampling));
}

/* Several lattices: a group each, named after it. */
static bool put_named_group(hid_t file, const DatasetGroup *g, int sets)
{
    char name[96];
    dataset_lattice(g, name);
    const hid_t where = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = where >= 0 && put_group(where, g, sets);
    if (where >= 0)
        ok = H5Gclose(where) >= 0 && ok;
    return ok;
}

static bool put_all(hid_t file, const Dataset *d)
{
    bool ok =
        h5_put_text(file, "kind", d->kind) && h5_put_u64(file, "seed", d->seed) &&
        h5_put_u64(file, "version", DATASET_VERSION) &&
        h5_put_text(file, "protocol", d->protocol) &&
        (d->sets == 0 || put_table(file, "sets", dataset_set_type, d->sets, d->set));
    if (d->groups == 1)
        return ok && put_group(file, &d->group[0], d->sets);
    for (int i = 0; ok && i < d->groups; i++)
        ok = put_named_group(file, &d->group[i], d->sets);
    return ok;
}

bool dataset_write(const Dataset *d, const char *path, ArchError *e)
{
    const H5Quiet quiet = h5_quiet();
    H5File f;
    bool ok = h5_create(&f, path, e);
    errno = 0;
    if (ok && !put_all(f.id, d)) {
        const int why = errno;
        h5_abort(&f);
        ok = error_set(e, ARCH_EXIT_FILE, "cannot write %s: %s", path,
                       why ? strerror(why) : "HDF5 refuses the data");
    }
    ok = ok && h5_commit(&f, e);
    h5_loud(&quiet);
    return ok;
}

bool dataset_writable(const char *path, ArchError *e)
{
    return file_check_writable(path, e);
}
