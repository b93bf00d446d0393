/* source.h - a source text, and where its lines are. */
#ifndef ARCHC_BASE_SOURCE_H
#define ARCHC_BASE_SOURCE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

enum { SOURCE_BYTES_MAX = 1 << 20 };

typedef struct Source {
    const char *name; /* as messages quote it                      */
    const char *text; /* UTF-8, `size` bytes and a terminating zero */
    uint32_t size;
    const uint32_t *line; /* offset of the start of each line          */
    uint32_t lines;
} Source;

/* Counted from 1; columns in bytes. */
typedef struct Position {
    uint32_t line, column;
} Position;

/* The whole file at `path`.  Returns NULL and a sentence in *why if it cannot be
 * read, is larger than SOURCE_BYTES_MAX, or is no text (control characters, not
 * UTF-8). */
const Source *source_read(const char *path, Arena *a, const char **why);

/* The same for a text in memory, which is copied. */
const Source *source_from(const char *name, const char *text, size_t size, Arena *a,
                          const char **why);

Position source_position(const Source *s, uint32_t offset);

/* The bytes of a line (counted from 1) without its end of line. */
Span source_line(const Source *s, uint32_t line);

/* Length in bytes of the UTF-8 character at s, 0 if it is malformed. */
int utf8_length(const char *s, size_t size);

#endif
