#include "base/buf.h"

#include <stdio.h>
#include <string.h>

/* Makes room for n more bytes and the final zero. */
static char *buf_reserve(TextBuf *b, size_t n)
{
    if (b->size + n + 1 > b->room) {
        size_t room = 2 * b->room + n + 64;
        char *data = arena_alloc(b->arena, room);
        memcpy(data, b->data, b->size);
        b->data = data;
        b->room = room;
    }
    return b->data + b->size;
}

TextBuf buf_in(Arena *a)
{
    TextBuf b = {.arena = a, .data = arena_alloc(a, 1), .room = 1};
    return b;
}

void buf_add(TextBuf *b, const char *s, size_t n)
{
    char *end = buf_reserve(b, n);
    memcpy(end, s, n);
    end[n] = '\0';
    b->size += n;
}

void buf_puts(TextBuf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_fill(TextBuf *b, char c, size_t n)
{
    char *end = buf_reserve(b, n);
    memset(end, c, n);
    end[n] = '\0';
    b->size += n;
}

void buf_vprintf(TextBuf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0)
        unreachable();
    vsnprintf(buf_reserve(b, (size_t)n), (size_t)n + 1, format, args);
    b->size += (size_t)n;
}

void buf_printf(TextBuf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}
