#include "safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 100000000 /* as the reference implementation has it */
#define COUNT_MAX  (INT64_C(1) << 48)

static const struct {
    const char *name;
    size_t size;
} dtype_table[] = {
    {"BOOL", 1},
    {"U8",   1},
    {"I8",   1},
    {"I16",  2},
    {"U16",  2},
    {"F16",  2},
    {"BF16", 2},
    {"I32",  4},
    {"U32",  4},
    {"F32",  4},
    {"F64",  8},
    {"I64",  8},
    {"U64",  8}
};

/* 0 for an unknown type. */
static size_t dtype_size(const char *name)
{
    for (size_t i = 0; i < sizeof dtype_table / sizeof *dtype_table; i++)
        if (strcmp(dtype_table[i].name, name) == 0)
            return dtype_table[i].size;
    return 0;
}

const char *tensor_shape_text(char to[160], int rank, const int64_t *dim)
{
    strcpy(to, rank ? "" : "scalar");
    for (int i = 0, n = 0; i < rank; i++)
        n += snprintf(to + n, (size_t)(160 - n), "%s%" PRId64, i ? "x" : "", dim[i]);
    return to;
}

static bool bad_file(const char *path, ArchError *e, const char *why)
{
    return error_set(e, ARCH_EXIT_FILE, "%.200s is no whole safetensors file: %.200s",
                     path, why);
}

/* Length of the header, or 0 if the first bytes cannot begin a file of this size. */
static size_t header_length(const char *data, size_t size)
{
    uint64_t n = 0;
    for (int i = 7; i >= 0 && size >= 8; i--)
        n = n << 8 | (unsigned char)data[i];
    return size < 10 || n < 2 || n > HEADER_MAX || n > size - 8 || data[8] != '{'
               ? 0
               : (size_t)n;
}

static bool read_shape(Tensor *t, json_t *shape)
{
    if (!json_is_array(shape) || json_array_size(shape) > TENSOR_RANK_MAX)
        return false;
    t->rank = (int)json_array_size(shape);
    t->count = 1;
    for (int i = 0; i < t->rank; i++) {
        json_t *d = json_array_get(shape, (size_t)i);
        t->dim[i] = json_integer_value(d);
        if (!json_is_integer(d) || t->dim[i] < 0 || t->dim[i] > COUNT_MAX)
            return false;
        if (t->dim[i] && t->count > COUNT_MAX / t->dim[i])
            return false;
        t->count *= t->dim[i];
    }
    return true;
}

/* One entry of the header; NULL if it is sound, else what is wrong. */
static const char *read_tensor(Tensor *t, const char *name, json_t *entry,
                               const char *data, size_t size)
{
    json_t *offsets = json_object_get(entry, "data_offsets");
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);
    if (!dtype || !dtype_size(dtype))
        return "a tensor of unknown dtype";
    if (strlen(name) >= sizeof t->name ||
        !read_shape(t, json_object_get(entry, "shape")))
        return "a tensor with an impossible name or shape";
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return "a tensor without data_offsets";
    json_int_t a = json_integer_value(from), b = json_integer_value(to);
    if (a < 0 || b < a || (uint64_t)b > size)
        return "the numbers of a tensor lie outside the file (truncated?)";
    t->bytes = (size_t)(b - a);
    if (t->bytes != (size_t)t->count * dtype_size(dtype))
        return "a tensor whose shape and data_offsets disagree";
    strcpy(t->name, name);
    strcpy(t->dtype, dtype);
    t->data = data + a;
    return NULL;
}

static int compare_place(const void *a, const void *b)
{
    const Tensor *s = a, *t = b;
    const char *p = s->data, *q = t->data;
    if (p != q)
        return p < q ? -1 : 1;
    return s->bytes < t->bytes ? -1 : s->bytes > t->bytes;
}

/* The tensors cover the numbers without gap or overlap. */
static bool check_cover(TensorFile *t, const char *data, size_t size)
{
    qsort(t->tensor, (size_t)t->n, sizeof *t->tensor, compare_place);
    const char *at = data;
    for (int i = 0; i < t->n; i++) {
        if ((const char *)t->tensor[i].data != at)
            return false;
        at += t->tensor[i].bytes;
    }
    return at == data + size;
}

static const char *read_header(TensorFile *t, json_t *header, const char *data,
                               size_t size)
{
    const char *name;
    json_t *entry;
    t->tensor = memory_new(sizeof(Tensor) * json_object_size(header));
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) {
            t->metadata = json_incref(entry);
            continue;
        }
        const char *why = read_tensor(&t->tensor[t->n++], name, entry, data, size);
        if (why)
            return why;
    }
    if (!check_cover(t, data, size))
        return "tensors overlap or leave gaps (truncated or damaged?)";
    const char *sum = tensors_metadata(t, "checksum");
    char found[20];
    snprintf(found, sizeof found, "%016" PRIx64, hash_bytes(HASH_INIT, data, size));
    return sum && strcmp(sum, found) != 0 ? "its checksum is wrong (damaged)" : NULL;
}

bool tensors_read(TensorFile *t, const char *path, ArchError *e)
{
    size_t size, n;
    json_error_t where;
    *t = (TensorFile){0};
    if (!file_read(path, &t->file, &size, e))
        return false;
    const char *why = "the first 8 bytes are no length of a header";
    if ((n = header_length(t->file, size)) > 0) {
        json_t *header = json_loadb(t->file + 8, n, JSON_REJECT_DUPLICATES, &where);
        why = json_is_object(header)
                  ? read_header(t, header, t->file + 8 + n, size - 8 - n)
                  : "its header is no JSON object";
        json_decref(header);
    }
    if (!why)
        return true;
    tensors_release(t);
    return bad_file(path, e, why);
}

void tensors_release(TensorFile *t)
{
    json_decref(t->metadata);
    free(t->tensor);
    free(t->file);
    *t = (TensorFile){0};
}

const Tensor *tensors_find(const TensorFile *t, const char *name)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->tensor[i].name, name) == 0)
            return &t->tensor[i];
    return NULL;
}

const char *tensors_metadata(const TensorFile *t, const char *key)
{
    return json_string_value(json_object_get(t->metadata, key));
}

Tensor tensor_make(const char *name, const char *dtype, int rank, const int64_t *dim,
                   const void *data)
{
    Tensor t = {.rank = rank, .count = 1, .data = data};
    snprintf(t.name, sizeof t.name, "%s", name);
    snprintf(t.dtype, sizeof t.dtype, "%s", dtype);
    for (int i = 0; i < rank; i++) {
        t.dim[i] = dim[i];
        t.count *= dim[i];
    }
    t.bytes = (size_t)t.count * dtype_size(dtype);
    return t;
}

static json_t *tensor_entry(const Tensor *t, size_t at)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->rank; i++)
        json_array_append_new(shape, json_integer(t->dim[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", t->dtype, "shape", shape,
                     "data_offsets", (json_int_t)at, (json_int_t)(at + t->bytes));
}

/* The header, padded with spaces so that the numbers are aligned to 8 bytes. */
static char *print_header(const Tensor *tensor, int n, json_t *metadata,
                          uint64_t *length)
{
    json_t *header = json_object();
    size_t at = 0;
    json_object_set(header, "__metadata__", metadata);
    for (int i = 0; i < n; i++) {
        json_object_set_new(header, tensor[i].name, tensor_entry(&tensor[i], at));
        at += tensor[i].bytes;
    }
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    size_t used = strlen(text), whole = (used + 7) / 8 * 8;
    char *padded = memory_new(whole);
    memset(padded, ' ', whole);
    memcpy(padded, text, used);
    free(text);
    *length = whole;
    return padded;
}

bool tensors_write(const char *path, const Tensor *tensor, int n, json_t *metadata,
                   ArchError *e)
{
    FileDraft draft;
    uint64_t hash = HASH_INIT, length;
    char sum[20];
    for (int i = 0; i < n; i++)
        hash = hash_bytes(hash, tensor[i].data, tensor[i].bytes);
    snprintf(sum, sizeof sum, "%016" PRIx64, hash);
    json_object_set_new(metadata, "checksum", json_string(sum));
    if (!file_begin(&draft, path, e))
        return false;
    char *header = print_header(tensor, n, metadata, &length);
    for (int i = 0; i < 8; i++)
        fputc((int)(length >> 8 * i & 0xff), draft.out);
    fwrite(header, 1, length, draft.out);
    for (int i = 0; i < n; i++)
        fwrite(tensor[i].data, 1, tensor[i].bytes, draft.out);
    free(header);
    return file_commit(&draft, e);
}
