#include "emit/index.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TERMS_MAX = 16 };

/* constant + sum of factor * atom */
typedef struct Linear {
    int64_t constant;
    int terms;
    struct {
        int64_t factor;
        const char *atom;
    } term[TERMS_MAX];
} Linear;

static Linear linear_of(const Scope *scope, const Ix *i);
static const char *linear_text(const Scope *scope, const Linear *l);

static Linear number(int64_t value)
{
    return (Linear){.constant = value};
}

static Linear atom(const char *text)
{
    return (Linear){.terms = 1, .term = {{1, text}}};
}

static void add_term(Linear *l, int64_t factor, const char *text)
{
    for (int k = 0; k < l->terms; k++)
        if (!strcmp(l->term[k].atom, text)) {
            l->term[k].factor += factor;
            return;
        }
    if (l->terms == TERMS_MAX)
        unreachable();
    l->term[l->terms].factor = factor;
    l->term[l->terms++].atom = text;
}

static Linear add(Linear l, const Linear *r)
{
    l.constant += r->constant;
    for (int k = 0; k < r->terms; k++)
        add_term(&l, r->term[k].factor, r->term[k].atom);
    return l;
}

static Linear scale(Linear l, int64_t factor)
{
    l.constant *= factor;
    for (int k = 0; k < l.terms; k++)
        l.term[k].factor *= factor;
    return l;
}

static const char *in_parentheses(const Scope *scope, const Linear *l)
{
    const char *text = linear_text(scope, l);
    bool simple = l->terms + (l->constant != 0) == 1 &&
                  (l->terms == 0 || l->term[0].factor == 1) && !strchr(text, ' ');
    return simple ? text : arena_printf(scope->arena, "(%s)", text);
}

static Linear multiply(const Scope *scope, const Linear *l, const Linear *r)
{
    if (l->terms == 0)
        return scale(*r, l->constant);
    if (r->terms == 0)
        return scale(*l, r->constant);
    return atom(arena_printf(scope->arena, "%s * %s", in_parentheses(scope, l),
                             in_parentheses(scope, r)));
}

static Linear minimum(const Scope *scope, const Linear *l, const Linear *r)
{
    const char *a = linear_text(scope, l), *b = linear_text(scope, r);
    if (l->terms == 0 && r->terms == 0)
        return number(l->constant < r->constant ? l->constant : r->constant);
    return atom(arena_printf(scope->arena, "(%s < %s ? %s : %s)", a, b, a, b));
}

static Linear linear_of(const Scope *scope, const Ix *i)
{
    Linear a = i->a ? linear_of(scope, i->a) : number(0);
    Linear b = i->b ? linear_of(scope, i->b) : number(0);
    switch (i->kind) {
    case IX_CONST: return number(i->value);
    case IX_VAR:
        if (scope->known[i->var.i])
            return number(scope->value[i->var.i]);
        return atom(scope->phase->var_name[i->var.i]);
    case IX_SITES:
        return atom(arena_printf(scope->arena, "f->sites%" PRId64, i->value));
    case IX_FIRST:
        return atom(arena_printf(scope->arena, "f->first%" PRId64, i->value));
    case IX_END: return atom(arena_printf(scope->arena, "f->end%" PRId64, i->value));
    case IX_ADD: return add(a, &b);
    case IX_MUL: return multiply(scope, &a, &b);
    case IX_MIN: return minimum(scope, &a, &b);
    case IX_TRUNC:
        if (a.terms == 0)
            return number(a.constant / i->value * i->value);
        return atom(arena_printf(scope->arena, "%s / %" PRId64 " * %" PRId64,
                                 in_parentheses(scope, &a), i->value, i->value));
    case IX_DIV:
        if (a.terms == 0 && b.terms == 0)
            return number(a.constant / b.constant);
        return atom(arena_printf(scope->arena, "%s / %s", in_parentheses(scope, &a),
                                 in_parentheses(scope, &b)));
    case IX_WORD: return atom(i->word);
    case IX_TILES:
        return atom(
            arena_printf(scope->arena, "tiles_of(f, f->sites%" PRId64 ")", i->value));
    case IX_SHARES:
        return atom(arena_printf(scope->arena, "shares_of(%s, %" PRId64 ")",
                                 linear_text(scope, &a), i->value));
    case IX_TABLE:
        return atom(arena_printf(scope->arena, "%sf->%s[%s]", scope->table_cast,
                                 plan_buffer(scope->p, i->buf)->name,
                                 linear_text(scope, &a)));
    }
    unreachable();
}

static const char *linear_text(const Scope *scope, const Linear *l)
{
    const char *text = "";
    for (int k = 0; k < l->terms; k++) {
        if (!l->term[k].factor)
            continue;
        const int64_t factor = l->term[k].factor;
        const bool minus = factor < 0 && text[0];
        const char *sign = minus ? " - " : text[0] ? " + " : "";
        text = factor == 1 || (minus && factor == -1)
                   ? arena_printf(scope->arena, "%s%s%s", text, sign, l->term[k].atom)
                   : arena_printf(scope->arena, "%s%s%s * %" PRId64, text, sign,
                                  l->term[k].atom, minus ? -factor : factor);
    }
    if (!text[0])
        return arena_printf(scope->arena, "%" PRId64, l->constant);
    if (!l->constant)
        return text;
    return arena_printf(scope->arena, "%s %c %" PRId64, text,
                        l->constant < 0 ? '-' : '+',
                        l->constant < 0 ? -l->constant : l->constant);
}

bool index_known(const Scope *scope, const Ix *i, int64_t *value)
{
    Linear l = linear_of(scope, i);
    *value = l.constant;
    return l.terms == 0;
}

const char *index_text(const Scope *scope, const Ix *i)
{
    Linear l = linear_of(scope, i);
    return linear_text(scope, &l);
}

const char *index_offset(const Scope *scope, const Ix *i)
{
    const char *text = index_text(scope, i);
    return strcmp(text, "0") ? arena_printf(scope->arena, " + %s", text) : "";
}
