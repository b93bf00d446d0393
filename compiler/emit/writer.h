/* writer.h - the one who knows indentation and braces.
 *
 *     w_open(w, "for (int i = 0; i < %d; i++)", n);
 *     w_line(w, "y[%s] += %s;", index, value);
 *     w_close(w, "");
 *
 * Text never begins with spaces and never holds a newline. */
#ifndef ARCHC_EMIT_WRITER_H
#define ARCHC_EMIT_WRITER_H

#include <stdio.h>

#include "base/arena.h"

enum { WRITER_COLUMNS = 100 };

typedef struct Writer {
    FILE *out;
    char *text; /* what has been written, after w_end */
    size_t size;
    int depth;
    Arena *arena;
    int row; /* columns used in the row being filled, 0: none */
} Writer;

void w_begin(Writer *w, Arena *a);
/* The whole text, in the writer's arena; every brace must be closed. */
const char *w_end(Writer *w);

void w_line(Writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void w_blank(Writer *w);
void w_open(Writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, with a comment behind the brace. */
void w_open_note(Writer *w, const char *note, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void w_brace(Writer *w);                     /* "{" alone                         */
void w_close(Writer *w, const char *behind); /* "}" and what stands behind it */
void w_text(Writer *w, const char *text);    /* lines as they are */
/* ... where @ stands for a name. */
void w_text_named(Writer *w, const char *name, const char *text);

/* Statements side by side, in rows that are filled up to WRITER_COLUMNS. */
void w_cell(Writer *w, const char *cell);
void w_row_end(Writer *w);
/* One line, or several broken behind commas. */
void w_wrapped(Writer *w, const char *text);

#endif
