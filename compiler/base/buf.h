/* buf.h - a string that grows, inside an arena: TextBuf.
 *
 * `data` always ends in a zero that `size` does not count.  Growing leaves the old
 * copy to the arena, so a pointer into `data` is only good until the next addition. */
#ifndef ARCHC_BASE_BUF_H
#define ARCHC_BASE_BUF_H

#include "base/arena.h"

typedef struct TextBuf {
    Arena *arena;
    char *data;
    size_t size, room;
} TextBuf;

TextBuf buf_in(Arena *a); /* empty: data is "" */
void buf_add(TextBuf *b, const char *s, size_t n);
void buf_puts(TextBuf *b, const char *s);
void buf_fill(TextBuf *b, char c, size_t n); /* n times c */
void buf_printf(TextBuf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vprintf(TextBuf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

#endif
