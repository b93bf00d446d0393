/* h5file.h - an HDF5 file that is there whole or not at all: a FileDraft that HDF5
 * writes.
 *
 * Equal content gives equal bytes: no object times.  HDF5 prints nothing; errors are one
 * line of ours. */
#ifndef H5FILE_H
#define H5FILE_H

#include <hdf5.h>

#include "file.h"

enum { H5FILE_RANK_MAX = 8 };

/* Stops HDF5's own printing for as long as it lives. */
typedef struct H5Quiet {
    H5E_auto2_t print;
    void *data;
} H5Quiet;

H5Quiet h5_quiet(void);
void h5_loud(const H5Quiet *q);

typedef struct H5File {
    hid_t id; /* -1: it is not there, or no longer open */
    FileDraft draft;
} H5File;

/* Errors (code FILE): no such folder, no permission, `path` is a folder. */
bool h5_create(H5File *f, const char *path, ArchError *e);

/* Closes, syncs and renames.  On failure nothing is left behind. */
bool h5_commit(H5File *f, ArchError *e);

/* Gives the file up and removes what was written.  After h5_commit(): does nothing. */
void h5_abort(H5File *f);

/* One array, chunked and with Fletcher32 checksums. */
typedef struct H5Array {
    const char *name;
    hid_t file_type, memory_type;
    int rank;
    hsize_t dim[H5FILE_RANK_MAX];
    const void *data;
} H5Array;

bool h5_put(hid_t where, const H5Array *a);
bool h5_put_text(hid_t where, const char *name, const char *text);
bool h5_put_u64(hid_t where, const char *name, uint64_t value);

#endif
