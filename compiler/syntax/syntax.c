#include "syntax/syntax.h"

#include <string.h>

#include "base/nearest.h"
#include "syntax/parse.h"
#include "syntax/parse_state.h"
#include "syntax/scan.h"

/* True of a token with which parsing can go on after an error: between braces, one
 * that the grammar takes there, so that no error is met twice. */
static bool begins_something(const Parse *p, int token, Span at, bool first)
{
    if (token == TOK_END || token == TOK_CLOSE)
        return true;
    if (token == TOK_MODEL || token == TOK_BLOCK)
        return !p->open;
    if (!p->open || !first)
        return false;
    if (token == TOK_NAME) {
        const char *s = p->source->text + at.to;
        s += strspn(s, " \t");
        return s[0] == '=' || (s[0] == '-' && s[1] == '>');
    }
    return token == TOK_LAYER || token == TOK_STARRED || token == TOK_INPUT ||
           token == TOK_BIAS || token == TOK_PARAMS || token == TOK_LOSS ||
           token == TOK_ASSERT || token == TOK_RETURN;
}

static const char *quoted(const Parse *p, Span at)
{
    enum { SHOWN_MAX = 40 };
    int n = (int)(at.to - at.from);
    return arena_printf(p->arena, "'%.*s%s'", n < SHOWN_MAX ? n : SHOWN_MAX,
                        p->source->text + at.from, n < SHOWN_MAX ? "" : "...");
}

/* Models do not nest: where one begins inside another, or the text ends, a "}" is
 * missing. It is reported and handed to the parser, and the token found instead
 * waits. */
static int insert_close(Parse *p, int token, Span *at)
{
    p->holding = true;
    p->held = (struct ParseToken){token, *at, p->first};
    p->open = false;
    p->inserted = true;
    diag_error(p->diag, *at, "'}' is missing before %s",
               token == TOK_END ? "the end of the file" : quoted(p, *at));
    diag_note(p->diag, p->brace, "to close this '{'");
    at->to = at->from;
    return TOK_CLOSE;
}

static int next_token(YYSTYPE *value, Span *at, Parse *p)
{
    if (p->holding) {
        p->holding = false;
        p->first = p->held.first;
        *at = p->held.at;
        return p->held.kind;
    }
    int token = scan_lex(value, at, p->scanner);
    if (token == TOK_END)
        *at = (Span){p->now.at.to, p->now.at.to};
    if (p->open &&
        (token == TOK_END || (p->first && (token == TOK_MODEL || token == TOK_BLOCK))))
        return insert_close(p, token, at);
    if (token == TOK_OPEN) {
        p->brace = *at;
        p->open = true;
    }
    if (token == TOK_CLOSE)
        p->open = false;
    return token;
}

int parse_token(YYSTYPE *value, YYLTYPE *at, Parse *p)
{
    bool skipping = p->skipping;
    int token;
    p->inserted = false;
    do
        token = next_token(value, at, p);
    while (skipping && !begins_something(p, token, *at, p->first));
    p->skipping = token == TOK_YYerror;
    p->last = p->now;
    p->now = (struct ParseToken){token, *at, p->first};
    return token;
}

/* A line that begins with a word nobody knows, like "los MSE". */
static void unknown_keyword(Parse *p)
{
    static const char *const keyword[] = {"model",  "block", "input",  "bias",
                                          "params", "loss",  "assert", "return"};
    const char *word = quoted(p, p->last.at);
    diag_error(p->diag, p->last.at,
               "%s is no keyword, and no '=' or '->' makes it a value", word);
    const char *bare = arena_strndup(p->arena, word + 1, strlen(word) - 2);
    const char *near = nearest_word(bare, keyword, countof(keyword));
    if (near)
        diag_hint(p->diag, "did you mean '%s'?", near);
}

static bool contains(const char *const *words, int count, const char *word)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(words[i], word))
            return true;
    return false;
}

/* "expected A, B or C"; of many only those that are no operator. */
static void add_each(TextBuf *text, const char *const *expected, int count)
{
    enum { SAID_MAX = 5 };
    const char *said[SAID_MAX];
    int n = 0;
    for (int i = 0; i < count; i++) {
        bool is_operator =
            count > SAID_MAX && strstr("'->' '+' '-' '*' '.'", expected[i]);
        if (!is_operator && n < SAID_MAX)
            said[n++] = expected[i];
    }
    for (int i = 0; i < n; i++)
        buf_printf(text, "%s%s",
                   i == 0       ? ", expected "
                   : i + 1 == n ? " or "
                                : ", ",
                   said[i]);
}

/* Sets of tokens that have a name of their own go by it. */
static void add_expected(TextBuf *text, const char *const *expected, int count)
{
    if (contains(expected, count, "'}'") && count > 1)
        buf_puts(text, ", expected a layer, a keyword, \"name =\" or '}'");
    else if (contains(expected, count, "a number") &&
             contains(expected, count, "a layer"))
        buf_puts(text, ", expected a number, a window or a value");
    else if (contains(expected, count, "a name") && count == 2)
        buf_puts(text, ", expected a name");
    else
        add_each(text, expected, count);
}

void parse_unexpected(Parse *p, Span at, const char *got, const char *const *expected,
                      int count)
{
    p->skipping = !begins_something(p, p->now.kind, at, p->now.first);
    if (p->inserted)
        return;
    if (p->last.kind == TOK_NAME && p->last.first && p->open) {
        unknown_keyword(p);
        return;
    }
    TextBuf text = buf_in(p->arena);
    buf_printf(&text, "unexpected %s", at.to > at.from ? quoted(p, at) : got);
    add_expected(&text, expected, count);
    diag_error(p->diag, at, "%s", text.data);
}

Item *parse_item(Parse *p, Item item)
{
    const Expr *value = item.kind == ITEM_LET ? item.let.value : item.value;
    if (value->depth > EXPR_DEPTH_MAX) {
        diag_error(
            p->diag, value->span,
            "this expression is nested more than %d deep; give names to its parts",
            EXPR_DEPTH_MAX);
        item.kind = ITEM_ERROR;
    }
    return item_new(p->arena, item);
}

Unit *syntax_parse(const Source *source, Arena *a, Diag *diag)
{
    Parse p = {.arena = a,
               .source = source,
               .diag = diag,
               .unit = unit_new(a),
               .line_start = true};
    yyscan_t scanner;
    if (scan_lex_init_extra(&p, &scanner))
        unreachable();
    p.scanner = scanner;
    scan__scan_bytes(source->text, (int)source->size, scanner);
    yyparse(&p);
    scan_lex_destroy(scanner);
    if (!p.unit->first && diag_errors(diag) == 0)
        diag_error(diag, (Span){0, 0}, "there is no model in this file");
    return p.unit;
}
