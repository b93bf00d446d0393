#include "dataset_source.h"

#include "dataset_file.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

bool reader_out_of_memory(const Reader *r)
{
    return error_set(r->error, ARCH_EXIT_FILE, "%s: out of memory while reading it",
                     r->path);
}

bool reader_damaged(const Reader *r, const char *name)
{
    return error_set(r->error, ARCH_EXIT_FILE,
                     "%s: %s%s cannot be read: the file is damaged, or needs an HDF5 "
                     "filter that is not installed",
                     r->path, r->place, name);
}

/* The narrowest of our types that holds every value of an HDF5 type; 0 if it is
 * none. */
static ArchType narrowest(hid_t type)
{
    const size_t size = H5Tget_size(type);
    const H5T_class_t class = H5Tget_class(type);
    if (class == H5T_FLOAT)
        return size <= 4 ? ARCH_F32 : ARCH_F64;
    if (class != H5T_INTEGER)
        return 0;
    const size_t needed = size + (H5Tget_sign(type) == H5T_SGN_NONE ? 1 : 0);
    return needed <= 1   ? ARCH_I8
           : needed <= 2 ? ARCH_I16
           : needed <= 4 ? ARCH_I32
                         : ARCH_F64;
}

/* A damaged file may claim any size: what exceeds the machine's memory is refused, and
 * so is an array whose data were never written. */
static bool size_is_credible(const Reader *r, const Source *s, const char *name)
{
    const double bytes = (double)s->count * (double)arch_type_size(s->type);
    const double memory =
        (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (bytes > memory)
        return error_set(r->error, ARCH_EXIT_FILE,
                         "%s: %s%s claims %.3g GB, this machine has %.3g GB of memory",
                         r->path, r->place, name, bytes * 1e-9, memory * 1e-9);
    if (s->count > 0 && H5Dget_storage_size(s->id) == 0)
        return error_set(r->error, ARCH_EXIT_FILE,
                         "%s: %s%s has a shape but no data: it was never written",
                         r->path, r->place, name);
    return true;
}

static bool source_measure(const Reader *r, Source *s, const char *name)
{
    const hid_t space = H5Dget_space(s->id), type = H5Dget_type(s->id);
    bool ok = space >= 0 && type >= 0;
    s->rank = ok ? H5Sget_simple_extent_ndims(space) : -1;
    ok = s->rank >= 0 && H5Sget_simple_extent_dims(space, s->dim, NULL) >= 0;
    s->type = ok ? narrowest(type) : 0;
    s->count = 1;
    double count = 1;
    for (int i = 0; ok && i < s->rank; i++) {
        s->count *= s->dim[i];
        count *= (double)s->dim[i];
    }
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    if (!ok)
        return reader_damaged(r, name);
    if (count > 0x1p60)
        return error_set(r->error, ARCH_EXIT_FILE, "%s: %s%s claims %.3g numbers",
                         r->path, r->place, name, count);
    return true;
}

bool source_open(const Reader *r, Source *s, hid_t where, const char *name)
{
    s->id = H5Dopen2(where, name, H5P_DEFAULT);
    if (s->id < 0)
        return reader_damaged(r, name);
    if (source_measure(r, s, name)) {
        if (s->type != 0 && size_is_credible(r, s, name))
            return true;
        if (s->type == 0)
            error_set(
                r->error, ARCH_EXIT_FILE,
                "%s: %s%s does not hold numbers (int8 .. int64, float32 or float64)",
                r->path, r->place, name);
    }
    H5Dclose(s->id);
    return false;
}

void *source_values(const Reader *r, const Source *s, ArchType as, const char *name)
{
    void *data = malloc((size_t)s->count * arch_type_size(as));
    if (data == NULL) {
        reader_out_of_memory(r);
        return NULL;
    }
    if (H5Dread(s->id, dataset_memory_type(as), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >=
        0)
        return data;
    reader_damaged(r, name);
    free(data);
    return NULL;
}

/* The first NaN or infinity, or -1. */
static int64_t first_bad(const void *data, ArchType type, int64_t count)
{
    const float *f = data;
    const double *d = data;
    if (type == ARCH_F32)
        for (int64_t i = 0; i < count; i++)
            if (!isfinite(f[i]))
                return i;
    if (type == ARCH_F64)
        for (int64_t i = 0; i < count; i++)
            if (!isfinite(d[i]))
                return i;
    return -1;
}

bool source_finite(const Reader *r, const Source *s, const char *name, const void *data,
                   ArchType type)
{
    const int64_t bad = first_bad(data, type, (int64_t)s->count);
    if (bad < 0)
        return true;
    const int64_t per_sample = (int64_t)(s->count / s->dim[0]);
    return error_set(r->error, ARCH_EXIT_DIVERGED,
                     "%s: %s%s holds a NaN or infinity: sample %lld, number %lld of it",
                     r->path, r->place, name, (long long)(bad / per_sample),
                     (long long)(bad % per_sample));
}

bool reader_has(hid_t where, const char *name)
{
    return H5Lexists(where, name, H5P_DEFAULT) > 0;
}
