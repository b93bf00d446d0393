/* dataset_source.h - arrays of a file being read, judged before they are believed. */
#ifndef DATASET_SOURCE_H
#define DATASET_SOURCE_H

#include <hdf5.h>

#include "archrt/dataset.h"

enum { READER_PLACE = 128 };

/* A file being read.  `place` is "/" or "/60x4/", for messages. */
typedef struct Reader {
    const char *path;
    Dataset *data;
    ArchError *error;
    char place[READER_PLACE];
} Reader;

/* An array of the file, opened. */
typedef struct Source {
    hid_t id;
    int rank;
    hsize_t dim[H5S_MAX_RANK];
    hsize_t count; /* product of dim */
    ArchType type;
} Source;

/* Both fill the error and return false. */
bool reader_out_of_memory(const Reader *r);
bool reader_damaged(const Reader *r, const char *name);

bool reader_has(hid_t where, const char *name);

/* Opens an array of numbers whose size is credible; the caller closes s->id. */
bool source_open(const Reader *r, Source *s, hid_t where, const char *name);

/* The whole array converted to `as`, in memory of malloc; NULL after an error. */
void *source_values(const Reader *r, const Source *s, ArchType as, const char *name);

/* Whether `data`, read from s as `type`, has neither NaN nor infinity. */
bool source_finite(const Reader *r, const Source *s, const char *name, const void *data,
                   ArchType type);

/* Fills the sets of r->data from /sets, if the file has it. */
bool reader_sets(Reader *r, hid_t file);

/* Fills the sampling of a group, if the file has it: a row for each of r->data->sets. */
bool reader_sampling(const Reader *r, DatasetGroup *g, hid_t where);

/* Fills the paths of a group whose x is read, if the file has them. */
bool reader_paths(const Reader *r, DatasetGroup *g, hid_t where);

#endif
