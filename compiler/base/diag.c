#include "base/diag.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

typedef enum Severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE } Severity;

typedef struct Message Message;
struct Message {
    Severity severity;
    Span at;
    const char *text, *hint;
    Message *note; /* the first note of an error or warning */
    int notes;
    Message *next;
};

struct Diag {
    Arena *arena;
    const Source *source;
    Message *first;   /* errors and warnings, in the order of the text */
    Message *current; /* the one that notes and hints belong to        */
    int errors, warnings;
};

static const struct {
    const char *word, *color;
} severity_info[] = {
    [SEVERITY_ERROR] = {"error",   "\033[1;31m"},
    [SEVERITY_WARNING] = {"warning", "\033[1;35m"},
    [SEVERITY_NOTE] = {"note",    "\033[1;36m"},
};

/* Columns of source shown around the caret; longer lines are cut. */
enum { LINE_SHOWN = 100, TAB_STOP = 8 };

Diag *diag_new(const Source *source, Arena *a)
{
    Diag *d = NEW(a, Diag);
    d->arena = a;
    d->source = source;
    return d;
}

static Message *message_new(Diag *d, Severity severity, Span at, const char *text)
{
    Message *m = NEW(d->arena, Message);
    *m = (Message){.severity = severity, .at = at, .text = text};
    return m;
}

__attribute__((format(printf, 2, 0))) static const char *
sentence(Diag *d, const char *format, va_list args)
{
    TextBuf b = buf_in(d->arena);
    buf_vprintf(&b, format, args);
    return b.data;
}

/* Messages at one place keep the order in which they were reported. */
static void insert(Diag *d, Message *m)
{
    Message **p = &d->first;
    while (*p && (*p)->at.from <= m->at.from)
        p = &(*p)->next;
    m->next = *p;
    *p = m;
    d->current = m;
}

void diag_error(Diag *d, Span at, const char *format, ...)
{
    va_list args;
    d->current = NULL;
    if (++d->errors > DIAG_ERRORS_MAX)
        return;
    va_start(args, format);
    insert(d, message_new(d, SEVERITY_ERROR, at, sentence(d, format, args)));
    va_end(args);
}

void diag_warning(Diag *d, Span at, const char *format, ...)
{
    va_list args;
    d->current = NULL;
    if (++d->warnings > DIAG_ERRORS_MAX)
        return;
    va_start(args, format);
    insert(d, message_new(d, SEVERITY_WARNING, at, sentence(d, format, args)));
    va_end(args);
}

void diag_note(Diag *d, Span at, const char *format, ...)
{
    if (!d->current || ++d->current->notes > DIAG_NOTES_MAX)
        return;
    va_list args;
    va_start(args, format);
    Message **p = &d->current->note;
    while (*p)
        p = &(*p)->next;
    *p = message_new(d, SEVERITY_NOTE, at, sentence(d, format, args));
    va_end(args);
}

void diag_hint(Diag *d, const char *format, ...)
{
    if (!d->current)
        return;
    va_list args;
    va_start(args, format);
    d->current->hint = sentence(d, format, args);
    va_end(args);
}

int diag_errors(const Diag *d)
{
    return d->errors;
}

bool diag_wants_color(FILE *out)
{
    const char *no = getenv("NO_COLOR");
    return isatty(fileno(out)) && !(no && *no);
}

/* The part of a line that is shown, with tabs as blanks, and the columns of the marked
 * bytes in it. */
typedef struct Excerpt {
    TextBuf text;
    size_t from, to;
} Excerpt;

static Excerpt excerpt(const Diag *d, Span line, Span at)
{
    const char *text = d->source->text;
    Excerpt e = {.text = buf_in(d->arena)};
    uint32_t start = line.from, end = line.to;
    if (at.from - line.from > LINE_SHOWN * 3 / 4) {
        start = at.from - LINE_SHOWN / 2;
        while ((text[start] & 0xC0) == 0x80)
            start--;
        buf_puts(&e.text, "...");
    }
    size_t columns = e.text.size;
    for (uint32_t i = start; i < end && columns < LINE_SHOWN; columns++) {
        if (i == at.from)
            e.from = columns;
        int n = utf8_length(text + i, end - i);
        if (text[i] == '\t') {
            size_t blanks = TAB_STOP - columns % TAB_STOP;
            buf_fill(&e.text, ' ', blanks);
            columns += blanks - 1;
        } else {
            buf_add(&e.text, text + i, (size_t)n);
        }
        i += (uint32_t)n;
        if (i <= at.to)
            e.to = columns + 1;
        if (columns + 1 >= LINE_SHOWN && i < end)
            buf_puts(&e.text, "...");
    }
    if (at.from >= end)
        e.from = columns;
    return e;
}

static void print_message(const Diag *d, const Message *m, FILE *out, bool color)
{
    const char *bold = color ? "\033[1m" : "", *plain = color ? "\033[0m" : "";
    const char *mark = color ? severity_info[m->severity].color : "";
    Position p = source_position(d->source, m->at.from);
    fprintf(out, "%s%s:%u:%u: %s%s:%s%s %s%s\n", bold, d->source->name, p.line,
            p.column, mark, severity_info[m->severity].word, plain, bold, m->text,
            plain);
    Excerpt e = excerpt(d, source_line(d->source, p.line), m->at);
    fprintf(out, "%5u | %s\n", p.line, e.text.data);
    fprintf(out, "      | %*s%s^", (int)e.from, "", mark);
    for (size_t i = e.from + 1; i < e.to; i++)
        fputc('~', out);
    fprintf(out, "%s\n", plain);
}

static void print_hidden(const Diag *d, int count, int shown, const char *what,
                         FILE *out)
{
    if (count > shown)
        fprintf(out, "%s: %d more %s are not shown\n", d->source->name, count - shown,
                what);
}

void diag_print(const Diag *d, FILE *out, bool color)
{
    for (const Message *m = d->first; m; m = m->next) {
        print_message(d, m, out, color);
        for (const Message *n = m->note; n; n = n->next)
            print_message(d, n, out, color);
        print_hidden(d, m->notes, DIAG_NOTES_MAX, "notes", out);
        if (m->hint)
            fprintf(out, "hint: %s\n", m->hint);
    }
    print_hidden(d, d->warnings, DIAG_ERRORS_MAX, "warnings", out);
    print_hidden(d, d->errors, DIAG_ERRORS_MAX, "errors", out);
}
