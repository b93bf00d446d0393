#include "archrt/dataset.h"

#include "dataset_file.h"
#include "dataset_source.h"
#include "h5file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GROUPS_MAX = 4096 };

/* x: (N, C, extents...) */
static bool take_x(const Reader *r, DatasetGroup *g, const Source *s)
{
    if (s->rank < 2 || s->rank > 2 + ARCH_AXES_MAX)
        return error_set(
            r->error, ARCH_EXIT_FILE,
            "%s: %sx has %d dimensions, not (samples, channels, lattice...) "
            "with at most %d axes",
            r->path, r->place, s->rank, ARCH_AXES_MAX);
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] == 0)
            return error_set(r->error, ARCH_EXIT_FILE,
                             "%s: %sx is empty: dimension %d is 0", r->path, r->place,
                             i);
    if (s->dim[1] > INT32_MAX)
        return error_set(r->error, ARCH_EXIT_FILE, "%s: %sx claims %llu channels",
                         r->path, r->place, (unsigned long long)s->dim[1]);
    g->samples = (int64_t)s->dim[0];
    g->channels = (int)s->dim[1];
    g->rank = s->rank - 2;
    for (int i = 0; i < g->rank; i++)
        g->extent[i] = (int64_t)s->dim[2 + i];
    g->type = s->type;
    g->x = source_values(r, s, s->type, "x");
    return g->x != NULL && source_finite(r, s, "x", g->x, s->type);
}

/* Whether an array that goes with /x has a row for each sample and `columns` (0:
 * any). */
static bool rows_fit(const Reader *r, const DatasetGroup *g, const Source *s,
                     const char *name, hsize_t columns)
{
    const hsize_t has = s->rank == 1 ? 1 : s->rank == 2 ? s->dim[1] : 0;
    if (has == 0 || has > INT32_MAX || (columns != 0 && has != columns))
        return error_set(
            r->error, ARCH_EXIT_FILE, "%s: %s%s has %d dimensions%s, not (samples, %s)",
            r->path, r->place, name, s->rank, s->rank == 2 ? " and wrong columns" : "",
            columns == 2 ? "2" : "outputs");
    if (s->dim[0] != (hsize_t)g->samples)
        return error_set(r->error, ARCH_EXIT_FILE,
                         "%s: %sx has %lld samples, %s%s has %llu rows", r->path,
                         r->place, (long long)g->samples, r->place, name,
                         (unsigned long long)s->dim[0]);
    return true;
}

static bool take_y(const Reader *r, DatasetGroup *g, const Source *s)
{
    if (!rows_fit(r, g, s, "y", 0))
        return false;
    g->outputs = s->rank == 1 ? 1 : (int)s->dim[1];
    g->y = source_values(r, s, ARCH_F64, "y");
    return g->y != NULL && source_finite(r, s, "y", g->y, ARCH_F64);
}

static bool take_obs(const Reader *r, DatasetGroup *g, const Source *s)
{
    if (!rows_fit(r, g, s, "obs", 2))
        return false;
    g->obs = source_values(r, s, ARCH_F64, "obs");
    return g->obs != NULL && source_finite(r, s, "obs", g->obs, ARCH_F64);
}

static bool take_set(const Reader *r, DatasetGroup *g, const Source *s)
{
    if (!rows_fit(r, g, s, "set", 1))
        return false;
    g->set = source_values(r, s, ARCH_I32, "set");
    if (g->set == NULL)
        return false;
    for (int64_t i = 0; i < g->samples; i++)
        if (g->set[i] < 0 || g->set[i] >= r->data->sets)
            return error_set(r->error, ARCH_EXIT_FILE,
                             "%s: %sset of sample %lld is %d, but /sets has %d rows",
                             r->path, r->place, (long long)i, (int)g->set[i],
                             r->data->sets);
    return true;
}

typedef bool Take(const Reader *r, DatasetGroup *g, const Source *s);

static bool take(const Reader *r, DatasetGroup *g, hid_t where, const char *name,
                 Take *f)
{
    Source s;
    if (!source_open(r, &s, where, name))
        return false;
    const bool ok = f(r, g, &s);
    H5Dclose(s.id);
    return ok;
}

/* Adds the group at `where` to the data set. */
static bool read_group(const Reader *r, hid_t where)
{
    Dataset *d = r->data;
    DatasetGroup *more = realloc(d->group, sizeof *more * (size_t)(d->groups + 1));
    if (more == NULL)
        return reader_out_of_memory(r);
    d->group = more;
    DatasetGroup *g = &d->group[d->groups++];
    *g = (DatasetGroup){0};
    if (!reader_has(where, "y"))
        return error_set(r->error, ARCH_EXIT_FILE,
                         "%s: %sx has no labels: %sy is missing", r->path, r->place,
                         r->place);
    return take(r, g, where, "x", take_x) && take(r, g, where, "y", take_y) &&
           (!reader_has(where, "set") || d->sets == 0 ||
            take(r, g, where, "set", take_set)) &&
           (!reader_has(where, "obs") || take(r, g, where, "obs", take_obs)) &&
           reader_paths(r, g, where) && reader_sampling(r, g, where);
}

/* A group of one lattice, if `name` is one with an x in it. */
static bool read_named_group(Reader *r, hid_t file, const char *name)
{
    const hid_t where = H5Gopen2(file, name, H5P_DEFAULT);
    if (where < 0)
        return true;
    snprintf(r->place, sizeof r->place, "/%.*s/", READER_PLACE - 3, name);
    const bool ok = !reader_has(where, "x") || read_group(r, where);
    H5Gclose(where);
    return ok;
}

static bool read_named_groups(Reader *r, hid_t file)
{
    H5G_info_t info;
    if (H5Gget_info(file, &info) < 0)
        return reader_damaged(r, "");
    for (hsize_t i = 0; i < info.nlinks && i < GROUPS_MAX; i++) {
        char name[READER_PLACE];
        const ssize_t length = H5Lget_name_by_idx(file, ".", H5_INDEX_NAME, H5_ITER_INC,
                                                  i, name, sizeof name, H5P_DEFAULT);
        if (length < 0)
            return reader_damaged(r, "");
        if (length < READER_PLACE && !read_named_group(r, file, name))
            return false;
    }
    return true;
}

static int compare_groups(const void *a, const void *b)
{
    return dataset_compare(a, b);
}

/* A text attribute of the root, of fixed or variable length; "" if there is none. */
static void read_text(hid_t file, const char *name, char *text, size_t size)
{
    text[0] = '\0';
    if (H5Aexists(file, name) <= 0)
        return;
    const hid_t id = H5Aopen(file, name, H5P_DEFAULT);
    const hid_t type = id < 0 ? -1 : H5Aget_type(id);
    const hid_t memory = H5Tcopy(H5T_C_S1);
    if (type >= 0 && H5Tget_class(type) == H5T_STRING) {
        char *variable = NULL;
        if (H5Tis_variable_str(type) > 0) {
            H5Tset_size(memory, H5T_VARIABLE);
            H5Tset_cset(memory, H5Tget_cset(type));
            if (H5Aread(id, memory, &variable) >= 0 && variable != NULL)
                snprintf(text, size, "%s", variable);
            H5free_memory(variable);
        } else {
            H5Tset_size(memory, size);
            H5Tset_cset(memory, H5Tget_cset(type));
            if (H5Aread(id, memory, text) < 0)
                text[0] = '\0';
        }
    }
    H5Tclose(memory);
    if (type >= 0)
        H5Tclose(type);
    if (id >= 0)
        H5Aclose(id);
}

/* A number that is an attribute of the root; 0 if there is none. */
static uint64_t read_number(hid_t file, const char *name)
{
    uint64_t value = 0;
    if (H5Aexists(file, name) <= 0)
        return 0;
    const hid_t id = H5Aopen(file, name, H5P_DEFAULT);
    if (id >= 0) {
        const hid_t space = H5Aget_space(id);
        if (H5Sget_simple_extent_npoints(space) != 1 ||
            H5Aread(id, H5T_NATIVE_UINT64, &value) < 0)
            value = 0;
        H5Sclose(space);
        H5Aclose(id);
    }
    return value;
}

/* Foreign files may mean anything by "version". */
static bool check_version(const Reader *r, hid_t file)
{
    const uint64_t version = read_number(file, "version");
    if (r->data->kind[0] == '\0' || version <= DATASET_VERSION)
        return true;
    return error_set(
        r->error, ARCH_EXIT_FILE,
        "%s has layout %llu, of a later archrun; this one reads layouts up "
        "to %d",
        r->path, (unsigned long long)version, DATASET_VERSION);
}

static bool read_root(Reader *r, hid_t file)
{
    Dataset *d = r->data;
    read_text(file, "kind", d->kind, sizeof d->kind);
    read_text(file, "protocol", d->protocol, sizeof d->protocol);
    d->seed = read_number(file, "seed");
    if (!check_version(r, file) || !reader_sets(r, file))
        return false;
    const bool ok =
        reader_has(file, "x") ? read_group(r, file) : read_named_groups(r, file);
    if (!ok)
        return false;
    if (d->groups == 0)
        return error_set(
            r->error, ARCH_EXIT_FILE,
            "%s is not a data set: it has no /x, nor groups with an x in them",
            r->path);
    qsort(d->group, (size_t)d->groups, sizeof *d->group, compare_groups);
    return true;
}

/* HDF5 does not say what is wrong with a file; the system and the first bytes do. */
static bool open_failed(const char *path, ArchError *e)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return error_set(e, ARCH_EXIT_FILE, "cannot read %s: %s", path,
                         strerror(errno));
    if (S_ISDIR(s.st_mode))
        return error_set(e, ARCH_EXIT_FILE, "cannot read %s: it is a folder", path);
    if (access(path, R_OK) != 0)
        return error_set(e, ARCH_EXIT_FILE, "cannot read %s: %s", path,
                         strerror(errno));
    if (H5Fis_hdf5(path) > 0)
        return error_set(e, ARCH_EXIT_FILE,
                         "%s is an HDF5 file, but truncated or damaged: make it again",
                         path);
    return error_set(e, ARCH_EXIT_FILE, "%s is not an HDF5 file", path);
}

bool dataset_read(Dataset *d, const char *path, ArchError *e)
{
    const H5Quiet quiet = h5_quiet();
    Reader r = {.path = path, .data = d, .error = e, .place = "/"};
    *d = (Dataset){0};
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    const bool ok = file >= 0 ? read_root(&r, file) : open_failed(path, e);
    if (file >= 0)
        H5Fclose(file);
    if (!ok)
        dataset_release(d);
    h5_loud(&quiet);
    return ok;
}
