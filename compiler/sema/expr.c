/* Expressions: values with names, arithmetic on them, and numbers. */
#include <string.h>

#include "base/nearest.h"
#include "sema/sema_impl.h"

const Binding *scope_find(const Sema *s, Name name)
{
    const Binding *b = &s->scope[name.id];
    return b->owner == s->model ? b : NULL;
}

void scope_add(Sema *s, Name name, Span at, Value value)
{
    const Binding *old = scope_find(s, name);
    if (old) {
        diag_error(s->diag, at, "'%s' has a value already", name.text);
        diag_note(s->diag, old->at, "given here");
        return;
    }
    s->scope[name.id] = (Binding){s->model, value, at};
}

static Value named(Sema *s, Name name, Span at)
{
    const Binding *b = scope_find(s, name);
    if (b)
        return b->value;
    if (s->damaged)
        return (Value){.from = at};
    diag_error(s->diag, at, "nothing before this has the name '%s'", name.text);
    const char *near = layer_nearest(name.text);
    if (near)
        diag_hint(s->diag, "did you mean the layer %s?", near);
    return (Value){.from = at};
}

static Value mismatch(Sema *s, const Expr *e, const char *verb, Value l, Value r)
{
    const Node *a = graph_node(&s->b.g, l.val), *b = graph_node(&s->b.g, r.val);
    diag_error(s->diag, e->span, "cannot %s %s and %s", verb,
               shape_text(&s->b.g, &a->shape, s->arena),
               shape_text(&s->b.g, &b->shape, s->arena));
    diag_note(s->diag, a->span, "the left one comes from here");
    diag_note(s->diag, b->span, "the right one comes from here");
    return (Value){.from = e->span};
}

static Value arithmetic(Sema *s, const Expr *e, Op op, const char *verb, int *number)
{
    Value l = expr_value(s, e->binary.left), r = expr_value(s, e->binary.right);
    if (!l.val.i || !r.val.i || !layers_left(s, e->span))
        return (Value){.from = e->span};
    const Shape *a = &graph_node(&s->b.g, l.val)->shape;
    const Shape *b = &graph_node(&s->b.g, r.val)->shape;
    if (a->channels != b->channels || !shape_same_lattice(a, b))
        return mismatch(s, e, verb, l, r);
    Node node = {
        .op = op, .arg = {l.val, r.val},
             .span = e->span
    };
    node.name = arena_printf(s->arena, "%s%d", op_info[op].name, ++*number);
    Value y = {graph_add(&s->b, node), l.channels, e->span};
    TextBuf text = buf_in(s->arena);
    expr_text(e, &text);
    graph_add_layer(&s->b, (LayerRow){text.data, y.val, e->span});
    return y;
}

static Value chain(Sema *s, const Expr *e)
{
    Value x = expr_value(s, e->chain.first);
    for (const Expr *link = e->chain.first->next; link; link = link->next)
        x = layer_apply(s, link, x);
    return x;
}

Value expr_value(Sema *s, const Expr *e)
{
    switch (e->kind) {
    case EXPR_NAME: return named(s, e->name, e->span);
    case EXPR_CALL:
        if (!e->call.parens && scope_find(s, e->call.name))
            return named(s, e->call.name, e->span);
        return layer_apply(s, e, s->current);
    case EXPR_CHAIN: return chain(s, e);
    case EXPR_ADD: return arithmetic(s, e, OP_ADD, "add", &s->added);
    case EXPR_SUB: return arithmetic(s, e, OP_SUB, "subtract", &s->subtracted);
    case EXPR_MUL: return arithmetic(s, e, OP_MUL, "multiply", &s->multiplied);
    case EXPR_NEG:
    case EXPR_INTEGER:
    case EXPR_REAL:
    case EXPR_WINDOW:
    case EXPR_FIELD:
        diag_error(s->diag, e->span, "a number stands where a value is needed");
        return (Value){.from = e->span};
    }
    unreachable();
}

static bool binary_number(Sema *s, const Expr *e, int64_t *out)
{
    int64_t l, r;
    if (!expr_number(s, e->binary.left, &l) || !expr_number(s, e->binary.right, &r))
        return false;
    bool overflow = e->kind == EXPR_ADD   ? __builtin_add_overflow(l, r, out)
                    : e->kind == EXPR_SUB ? __builtin_sub_overflow(l, r, out)
                                          : __builtin_mul_overflow(l, r, out);
    if (overflow)
        diag_error(s->diag, e->span, "this number is too large");
    return !overflow;
}

/* x.channels */
static bool field_number(Sema *s, const Expr *e, int64_t *out)
{
    if (strcmp(e->field.name.text, "channels")) {
        diag_error(s->diag, e->span, "a value has no '%s', only 'channels'",
                   e->field.name.text);
        return false;
    }
    const Expr *of = e->field.of;
    if (of->kind != EXPR_NAME) {
        diag_error(s->diag, of->span, "only a value with a name has '.channels'");
        return false;
    }
    *out = named(s, of->name, of->span).channels;
    return *out > 0;
}

bool expr_number(Sema *s, const Expr *e, int64_t *out)
{
    switch (e->kind) {
    case EXPR_INTEGER: *out = e->integer; return true;
    case EXPR_FIELD: return field_number(s, e, out);
    case EXPR_ADD:
    case EXPR_SUB:
    case EXPR_MUL: return binary_number(s, e, out);
    case EXPR_NEG:
        return expr_number(s, e->binary.left, out) &&
               !__builtin_sub_overflow(0, *out, out);
    case EXPR_REAL:
    case EXPR_WINDOW:
    case EXPR_NAME:
    case EXPR_CALL:
    case EXPR_CHAIN:
        diag_error(s->diag, e->span, "a whole number is needed here");
        return false;
    }
    unreachable();
}
