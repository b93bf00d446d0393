/* safetensors.h - named tensors in a file, as Hugging Face's format has them.
 *
 *     8 bytes        n, the length of the header, little endian
 *     n bytes        JSON: {"conv1.weight": {"dtype": "F32", "shape": [..],
 *                    "data_offsets": [from, to]}, .., "__metadata__": {"key": "text"}}
 *     the rest       the numbers, little endian, without gaps
 *
 * Every offset is checked before it is used.  Files that we write carry a hash of the
 * numbers in their metadata ("checksum"), which is verified where it is there. */
#ifndef ARCHRT_SAFETENSORS_H
#define ARCHRT_SAFETENSORS_H

#include <jansson.h>
#include <stdint.h>

#include "arch_model.h"
#include "archrt/error.h"
#include "file.h"

#define TENSOR_RANK_MAX 8

typedef struct Tensor {
    char name[128];
    char dtype[8]; /* "F32", "F64", "I64", .. */
    int rank;
    int64_t dim[TENSOR_RANK_MAX];
    int64_t count; /* numbers           */
    size_t bytes;
    const void *data; /* possibly unaligned */
} Tensor;

typedef struct TensorFile {
    int n;
    Tensor *tensor; /* in the order of their data */
    json_t *metadata;
    char *file;
} TensorFile;

/* Error FILE: missing, or not a whole safetensors file, with the reason. */
bool tensors_read(TensorFile *t, const char *path, ArchError *e);
void tensors_release(TensorFile *t);

/* NULL if there is none. */
const Tensor *tensors_find(const TensorFile *t, const char *name);
const char *tensors_metadata(const TensorFile *t, const char *key);

/* Writes the whole file or nothing.  Adds "checksum" to `metadata`. */
bool tensors_write(const char *path, const Tensor *tensor, int n, json_t *metadata,
                   ArchError *e);

/* A tensor to write; its dims and data are the caller's. */
Tensor tensor_make(const char *name, const char *dtype, int rank, const int64_t *dim,
                   const void *data);

/* "3x4x2x2" */
const char *tensor_shape_text(char to[160], int rank, const int64_t *dim);

#endif
