/* file.h - whole files: read at once, written beside and renamed, and their hashes. */
#ifndef ARCHRT_FILE_H
#define ARCHRT_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "archrt/error.h"

#define FILE_PATH_MAX 4096
#define HASH_INIT     UINT64_C(14695981039346656037)

/* FNV-1a, 64 bits, continued from `hash` (first: HASH_INIT). */
uint64_t hash_bytes(uint64_t hash, const void *data, size_t n);
uint64_t hash_text(uint64_t hash, const char *text); /* with its final zero */

/* malloc that ends the program with a message when there is no memory; never NULL. */
void *memory_new(size_t n);
/* The same, zeroed and aligned to 64 bytes; free() takes it. */
void *memory_aligned(size_t n);

/* Reads a whole file; *data has a zero behind its *size bytes and is freed by the caller. */
bool file_read(const char *path, char **data, size_t *size, ArchError *e);

bool file_exists(const char *path);

/* A file on its way: PATH.XXXXXX in the same folder until file_commit renames it to PATH.
 * It is written through `out`, or by another library that opens `draft`. */
typedef struct FileDraft {
    FILE *out;
    char path[FILE_PATH_MAX], draft[FILE_PATH_MAX];
} FileDraft;

/* Error FILE if the folder cannot be written. */
bool file_begin(FileDraft *d, const char *path, ArchError *e);
/* Flushes, fsyncs and renames; on failure the draft is gone and PATH as it was. */
bool file_commit(FileDraft *d, ArchError *e);
void file_abandon(FileDraft *d);

/* Whether a file may come to stand at PATH: nothing is there, or a regular file.  A rename
 * would put a file in the place of a device, too. */
bool file_check_place(const char *path, ArchError *e);

/* Whether PATH is none of the n inputs (NULLs are passed over): error USAGE names the one. */
bool file_check_output(const char *path, const char *const *input, int n, ArchError *e);

/* Whether no two of the n inputs are one file. */
bool file_check_distinct(const char *const *input, int n, ArchError *e);

/* Whether PATH can be written, found out without touching it: for long work, beforehand. */
bool file_check_writable(const char *path, ArchError *e);

/* `path` with its suffix (if it is `suffix`) replaced: eq1.safetensors -> eq1.metrics.csv */
void file_sibling(char to[FILE_PATH_MAX], const char *path, const char *suffix,
                  const char *replacement);

/* Prints a path; false if it is longer than a path can be. */
bool path_set(char to[FILE_PATH_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

bool text_ends_with(const char *text, const char *tail);

#endif
