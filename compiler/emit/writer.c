#include "emit/writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void w_begin(Writer *w, Arena *a)
{
    *w = (Writer){.arena = a};
    w->out = open_memstream(&w->text, &w->size);
    if (!w->out)
        abort();
}

const char *w_end(Writer *w)
{
    assert(w->depth == 0 && w->row == 0);
    fclose(w->out);
    const char *text = arena_strndup(w->arena, w->text, w->size);
    free(w->text);
    return text;
}

static void indent(Writer *w)
{
    assert(w->row == 0);
    fprintf(w->out, "%*s", 4 * w->depth, "");
}

__attribute__((format(printf, 2, 0))) static void
put_line(Writer *w, const char *format, va_list args, const char *behind)
{
    indent(w);
    vfprintf(w->out, format, args);
    fprintf(w->out, "%s\n", behind);
}

void w_line(Writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_line(w, format, args, "");
    va_end(args);
}

void w_blank(Writer *w)
{
    fputc('\n', w->out);
}

void w_open(Writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_line(w, format, args, " {");
    va_end(args);
    w->depth++;
}

void w_open_note(Writer *w, const char *note, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *line = arena_printf(w->arena, " { /* %s */", note);
    put_line(w, format, args, line);
    va_end(args);
    w->depth++;
}

void w_brace(Writer *w)
{
    w_line(w, "{");
    w->depth++;
}

void w_close(Writer *w, const char *behind)
{
    assert(w->depth > 0);
    w->depth--;
    indent(w);
    fprintf(w->out, "}%s\n", behind);
}

void w_text(Writer *w, const char *text)
{
    assert(w->depth == 0);
    fputs(text, w->out);
}

void w_text_named(Writer *w, const char *name, const char *text)
{
    for (; *text; text++)
        if (*text == '@')
            fputs(name, w->out);
        else
            fputc(*text, w->out);
}

void w_cell(Writer *w, const char *cell)
{
    int length = (int)strlen(cell);
    if (w->row && w->row + 1 + length > WRITER_COLUMNS)
        w_row_end(w);
    if (w->row) {
        fputc(' ', w->out);
        w->row++;
    } else {
        indent(w);
        w->row = 4 * w->depth;
    }
    fputs(cell, w->out);
    w->row += length;
}

void w_row_end(Writer *w)
{
    if (w->row)
        fputc('\n', w->out);
    w->row = 0;
}

void w_wrapped(Writer *w, const char *text)
{
    enum { INDENT = 4 };
    if ((int)strlen(text) + INDENT * w->depth <= WRITER_COLUMNS) {
        w_line(w, "%s", text);
        return;
    }
    while (*text) {
        size_t length = strcspn(text, ",");
        length += text[length] == ',';
        w_cell(w, arena_strndup(w->arena, text, length));
        text += length + strspn(text + length, " ");
    }
    w_row_end(w);
}
