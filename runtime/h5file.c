#include "h5file.h"

#include <errno.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 20 };

H5Quiet h5_quiet(void)
{
    H5Quiet q = {NULL, NULL};
    H5Eget_auto2(H5E_DEFAULT, &q.print, &q.data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return q;
}

void h5_loud(const H5Quiet *q)
{
    H5Eset_auto2(H5E_DEFAULT, q->print, q->data);
}

bool h5_create(H5File *f, const char *path, ArchError *e)
{
    f->id = -1;
    if (!file_begin(&f->draft, path, e))
        return false;
    f->id = H5Fcreate(f->draft.draft, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (f->id >= 0)
        return true;
    file_abandon(&f->draft);
    return error_set(e, ARCH_EXIT_FILE, "cannot write %.300s: HDF5 cannot create it",
                     path);
}

bool h5_commit(H5File *f, ArchError *e)
{
    errno = 0;
    const herr_t closed = H5Fclose(f->id);
    const int why = errno ? errno : EIO;
    f->id = -1;
    if (closed >= 0)
        return file_commit(&f->draft, e);
    file_abandon(&f->draft);
    return error_set(e, ARCH_EXIT_FILE, "cannot write %.300s: %s", f->draft.path,
                     strerror(why));
}

void h5_abort(H5File *f)
{
    if (f->id < 0)
        return;
    H5Fclose(f->id);
    f->id = -1;
    file_abandon(&f->draft);
}

/* Halves the leading axes until a chunk is about a megabyte. */
static void choose_chunk(const H5Array *a, hsize_t chunk[H5FILE_RANK_MAX])
{
    hsize_t bytes = H5Tget_size(a->file_type);
    for (int i = 0; i < a->rank; i++) {
        chunk[i] = a->dim[i];
        bytes *= a->dim[i];
    }
    for (int i = 0; i < a->rank; i++) {
        while (bytes > CHUNK_BYTES && chunk[i] > 1) {
            bytes /= chunk[i];
            chunk[i] = (chunk[i] + 1) / 2;
            bytes *= chunk[i];
        }
    }
}

bool h5_put(hid_t where, const H5Array *a)
{
    hsize_t chunk[H5FILE_RANK_MAX];
    choose_chunk(a, chunk);
    const hid_t space = H5Screate_simple(a->rank, a->dim, NULL);
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    bool ok = space >= 0 && list >= 0 && H5Pset_obj_track_times(list, 0) >= 0 &&
              H5Pset_chunk(list, a->rank, chunk) >= 0 && H5Pset_fletcher32(list) >= 0;
    const hid_t set = ok ? H5Dcreate2(where, a->name, a->file_type, space, H5P_DEFAULT,
                                      list, H5P_DEFAULT)
                         : -1;
    ok = set >= 0 &&
         H5Dwrite(set, a->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, a->data) >= 0;
    if (set >= 0)
        ok = H5Dclose(set) >= 0 && ok;
    if (list >= 0)
        H5Pclose(list);
    if (space >= 0)
        H5Sclose(space);
    return ok;
}

static bool put_attribute(hid_t where, const char *name, hid_t type, const void *value)
{
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute =
        H5Acreate2(where, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
    if (attribute >= 0)
        ok = H5Aclose(attribute) >= 0 && ok;
    if (space >= 0)
        H5Sclose(space);
    return ok;
}

bool h5_put_text(hid_t where, const char *name, const char *text)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    const size_t length = strlen(text);
    const bool ok = type >= 0 && H5Tset_size(type, length > 0 ? length : 1) >= 0 &&
                    H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 &&
                    put_attribute(where, name, type, text);
    if (type >= 0)
        H5Tclose(type);
    return ok;
}

bool h5_put_u64(hid_t where, const char *name, uint64_t value)
{
    return put_attribute(where, name, H5T_NATIVE_UINT64, &value);
}
