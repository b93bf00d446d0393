#include "base/source.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int utf8_length(const char *s, size_t size)
{
    unsigned char c = (unsigned char)s[0];
    int n = c < 0x80   ? 1
            : c < 0xC2 ? 0
            : c < 0xE0 ? 2
            : c < 0xF0 ? 3
            : c < 0xF5 ? 4
                       : 0;
    if ((size_t)n > size)
        return 0;
    for (int i = 1; i < n; i++)
        if (((unsigned char)s[i] & 0xC0) != 0x80)
            return 0;
    return n;
}

static bool is_control(unsigned char c)
{
    return c == 0x7F || (c < 0x20 && !strchr("\t\n\r\f", c)) || c == 0;
}

/* A sentence about the first byte that no text has, or NULL. */
static const char *not_text(const char *text, size_t size, Arena *a)
{
    for (size_t i = 0; i < size;) {
        int n = utf8_length(text + i, size - i);
        if (n == 0 || is_control((unsigned char)text[i]))
            return arena_printf(a, "not a text file: byte %zu is 0x%02X%s", i,
                                (unsigned char)text[i],
                                n ? "" : ", which is not UTF-8");
        i += (size_t)n;
    }
    return NULL;
}

static void find_lines(Source *s, Arena *a)
{
    s->lines = 1;
    for (uint32_t i = 0; i < s->size; i++)
        s->lines += s->text[i] == '\n';
    uint32_t *line = NEW_ARRAY(a, uint32_t, s->lines);
    for (uint32_t i = 0, n = 1; i < s->size; i++)
        if (s->text[i] == '\n')
            line[n++] = i + 1;
    s->line = line;
}

const Source *source_from(const char *name, const char *text, size_t size, Arena *a,
                          const char **why)
{
    if (size > SOURCE_BYTES_MAX) {
        *why = arena_printf(a, "larger than %d KiB, which is no network",
                            SOURCE_BYTES_MAX / 1024);
        return NULL;
    }
    if (size >= 3 &&
        !memcmp(text, "\xef\xbb\xbf", 3)) { /* the mark some editors put first */
        text += 3;
        size -= 3;
    }
    *why = not_text(text, size, a);
    if (*why)
        return NULL;
    Source *s = NEW(a, Source);
    s->name = arena_strdup(a, name);
    s->text = arena_strndup(a, text, size);
    s->size = (uint32_t)size;
    find_lines(s, a);
    return s;
}

const Source *source_read(const char *path, Arena *a, const char **why)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        *why = arena_strdup(a, strerror(errno));
        return NULL;
    }
    char *text = arena_alloc(a, SOURCE_BYTES_MAX + 1);
    size_t size = fread(text, 1, SOURCE_BYTES_MAX + 1, f);
    bool failed = ferror(f) != 0;
    if (failed)
        *why = arena_strdup(a, strerror(errno));
    fclose(f);
    return failed ? NULL : source_from(path, text, size, a, why);
}

Position source_position(const Source *s, uint32_t offset)
{
    uint32_t low = 0, high = s->lines; /* line[low] <= offset < line[high] */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (s->line[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return (Position){.line = low + 1, .column = offset - s->line[low] + 1};
}

Span source_line(const Source *s, uint32_t line)
{
    Span span = {s->line[line - 1], line < s->lines ? s->line[line] - 1 : s->size};
    while (span.to > span.from && s->text[span.to - 1] == '\r')
        span.to--;
    return span;
}
