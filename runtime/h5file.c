#include "h5file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

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

static char *temporary_name(const char *path)
{
    const size_t length = strlen(path) + 32;
    char *name = malloc(length);
    if (name != NULL)
        snprintf(name, length, "%s.%ld.tmp", path, (long)getpid());
    return name;
}

/* HDF5 does not say why it cannot create a file, so the system is asked first. */
bool h5_create(H5File *f, const char *path, ArchError *e)
{
    *f = (H5File){.id = -1, .path = path};
    if (*path == '\0')
        return error_set(e, ARCH_EXIT_FILE, "the name of the output file is empty");
    if (!file_check_place(path, e))
        return false;
    if ((f->temporary = temporary_name(path)) == NULL)
        return error_set(e, ARCH_EXIT_FILE, "cannot write %s: out of memory", path);
    const int fd = open(f->temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0) {
        error_set(e, ARCH_EXIT_FILE, "cannot write %s: %s", path, strerror(errno));
        free(f->temporary);
        f->temporary = NULL;
        return false;
    }
    close(fd);
    f->id = H5Fcreate(f->temporary, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (f->id < 0) {
        h5_abort(f);
        return error_set(e, ARCH_EXIT_FILE, "cannot write %s: HDF5 cannot create it",
                         path);
    }
    return true;
}

/* A rename is on the disk when the folder is. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    const int fd = folder == NULL ? -1 : open(folder, O_RDONLY);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

static bool sync_file(const char *path)
{
    const int fd = open(path, O_RDWR);
    if (fd < 0)
        return false;
    const bool synced = fsync(fd) == 0;
    return close(fd) == 0 && synced;
}

bool h5_commit(H5File *f, ArchError *e)
{
    const herr_t closed = H5Fclose(f->id);
    f->id = -1;
    errno = closed < 0 ? EIO : 0;
    if (closed < 0 || !sync_file(f->temporary) || rename(f->temporary, f->path) != 0) {
        error_set(e, ARCH_EXIT_FILE, "cannot write %s: %s", f->path, strerror(errno));
        h5_abort(f);
        return false;
    }
    sync_folder(f->path);
    free(f->temporary);
    f->temporary = NULL;
    return true;
}

void h5_abort(H5File *f)
{
    if (f->id >= 0)
        H5Fclose(f->id);
    f->id = -1;
    if (f->temporary != NULL)
        unlink(f->temporary);
    free(f->temporary);
    f->temporary = NULL;
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
