/* output.h - files that are written whole or not at all. */
#ifndef ARCHC_BASE_OUTPUT_H
#define ARCHC_BASE_OUTPUT_H

#include <stdbool.h>

#include "base/arena.h"

typedef struct Output {
    const char *name; /* inside the directory */
    const char *text;
    size_t size;
} Output;

/* Writes all files into `directory`, which is made if it is missing.  Each is first
 * written beside its place and renamed once all of them are complete.  Returns false
 * and a sentence in *why if that fails; then no file has changed, unless a rename
 * itself failed. */
bool output_write(const char *directory, const Output *file, int files, Arena *a,
                  const char **why);

#endif
