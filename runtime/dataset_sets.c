#include "dataset_source.h"

#include "dataset_file.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* A column of /sets into the member at `offset` of every DatasetSet. */
static bool read_column(const Reader *r, hid_t where, const char *name, size_t offset)
{
    Dataset *d = r->data;
    Source s;
    if (!source_open(r, &s, where, name))
        return false;
    double *column = NULL;
    bool ok = s.rank == 1 && s.dim[0] > 0 && s.dim[0] <= INT32_MAX &&
              (d->set == NULL || s.dim[0] == (hsize_t)d->sets);
    if (!ok)
        error_set(r->error, ARCH_EXIT_FILE, "%s: the columns of /sets differ in length",
                  r->path);
    ok = ok && (column = source_values(r, &s, ARCH_F64, name)) != NULL;
    if (ok && d->set == NULL) {
        d->sets = (int)s.dim[0];
        d->set = calloc((size_t)d->sets, sizeof *d->set);
        ok = d->set != NULL || reader_out_of_memory(r);
    }
    for (int i = 0; ok && i < d->sets; i++) {
        if (offset == offsetof(DatasetSet, worms))
            d->set[i].worms = (int)fmin(fmax(column[i], 0), INT32_MAX);
        else
            *(double *)((char *)&d->set[i] + offset) = column[i];
    }
    free(column);
    H5Dclose(s.id);
    return ok;
}

static bool read_set_columns(Reader *r, hid_t file)
{
    const hid_t where = H5Gopen2(file, "sets", H5P_DEFAULT);
    if (where < 0)
        return reader_damaged(r, "sets");
    snprintf(r->place, sizeof r->place, "/sets/");
    const bool ok = read_column(r, where, "eta", offsetof(DatasetSet, eta)) &&
                    read_column(r, where, "lambda", offsetof(DatasetSet, lambda)) &&
                    read_column(r, where, "mu", offsetof(DatasetSet, mu)) &&
                    (!reader_has(where, "worms") ||
                     read_column(r, where, "worms", offsetof(DatasetSet, worms)));
    snprintf(r->place, sizeof r->place, "/");
    H5Gclose(where);
    return ok;
}

/* A table of compounds that have at least these members. */
typedef struct Table {
    const char *name, *member[6];
    hid_t (*type)(bool in_file);
    size_t size; /* of a row in memory */
} Table;

static const Table set_table = {
    "sets", {"eta", "lambda", "mu"},
     dataset_set_type, sizeof(DatasetSet)
};
static const Table sampling_table = {
    "sampling",
    {"tau", "error", "between", "thermal", "worms"},
    dataset_sampling_type,
    sizeof(DatasetSampling)
};

static bool type_fits(const Table *t, hid_t type)
{
    bool fits = type >= 0 && H5Tget_class(type) == H5T_COMPOUND;
    for (int i = 0; fits && t->member[i] != NULL; i++)
        fits = H5Tget_member_index(type, t->member[i]) >= 0;
    return fits;
}

/* How many rows there are; -1 if it is another table. */
static hssize_t table_rows(const Table *t, hid_t id)
{
    const hid_t type = H5Dget_type(id), space = H5Dget_space(id);
    const bool fits = type_fits(t, type);
    const hssize_t rows = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    return fits && rows >= 1 && rows <= 10000000 ? rows : -1;
}

/* In memory of malloc; NULL after an error. */
static void *read_rows(const Reader *r, const Table *t, hid_t id, hssize_t rows)
{
    void *data = calloc((size_t)rows, t->size);
    if (data == NULL) {
        reader_out_of_memory(r);
        return NULL;
    }
    const hid_t memory = t->type(false);
    const bool ok = H5Dread(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
    H5Tclose(memory);
    if (ok)
        return data;
    free(data);
    reader_damaged(r, t->name);
    return NULL;
}

static bool read_set_rows(const Reader *r, hid_t id)
{
    const hssize_t rows = table_rows(&set_table, id);
    if (rows < 0)
        return error_set(r->error, ARCH_EXIT_FILE,
                         "%s: /sets is not a table with eta, lambda, mu and worms",
                         r->path);
    r->data->set = read_rows(r, &set_table, id, rows);
    r->data->sets = r->data->set == NULL ? 0 : (int)rows;
    return r->data->set != NULL;
}

bool reader_sampling(const Reader *r, DatasetGroup *g, hid_t where)
{
    if (!reader_has(where, "sampling"))
        return true;
    const hid_t id = H5Dopen2(where, "sampling", H5P_DEFAULT);
    if (id < 0)
        return reader_damaged(r, "sampling");
    if (table_rows(&sampling_table, id) == r->data->sets)
        g->sampling = read_rows(r, &sampling_table, id, r->data->sets);
    else
        error_set(r->error, ARCH_EXIT_FILE,
                  "%s: %ssampling is not a table with tau, error, between, thermal and "
                  "worms for each row of /sets",
                  r->path, r->place);
    H5Dclose(id);
    return g->sampling != NULL;
}

bool reader_sets(Reader *r, hid_t file)
{
    H5O_info_t info;
    if (!reader_has(file, "sets"))
        return true;
    if (H5Oget_info_by_name(file, "sets", &info, H5P_DEFAULT) < 0)
        return reader_damaged(r, "sets");
    if (info.type == H5O_TYPE_GROUP)
        return read_set_columns(r, file);
    const hid_t id = H5Dopen2(file, "sets", H5P_DEFAULT);
    if (id < 0)
        return reader_damaged(r, "sets");
    const bool ok = read_set_rows(r, id);
    H5Dclose(id);
    return ok;
}
