#include "syntax/ast.h"

static int max(int a, int b)
{
    return a > b ? a : b;
}

Unit *unit_new(Arena *a)
{
    Unit *u = NEW(a, Unit);
    u->end = &u->first;
    u->names = names_new(a);
    return u;
}

void unit_add(Unit *u, Definition *d)
{
    *u->end = d;
    u->end = &d->next;
}

ArgList arg_list(ArgList l, Arg *arg)
{
    if (l.first)
        *l.end = arg;
    else
        l.first = arg;
    l.end = &arg->next;
    l.count++;
    return l;
}

AxisList axis_list(AxisList l, Axis *axis)
{
    if (l.first)
        *l.end = axis;
    else
        l.first = axis;
    l.end = &axis->next;
    return l;
}

ItemList item_list(ItemList l, Item *item)
{
    if (l.first)
        *l.end = item;
    else
        l.first = item;
    l.end = &item->next;
    return l;
}

Arg *arg_new(Arena *a, Span span, const char *option, Expr *value)
{
    Arg *arg = NEW(a, Arg);
    *arg = (Arg){.option = option, .value = value, .span = span};
    return arg;
}

Axis *axis_new(Arena *a, Span span, Name name, int64_t extent)
{
    Axis *axis = NEW(a, Axis);
    *axis = (Axis){.name = name, .extent = extent, .span = span};
    return axis;
}

Item *item_new(Arena *a, Item item)
{
    Item *new = NEW(a, Item);
    *new = item;
    return new;
}

Definition *definition_new(Arena *a, Definition d)
{
    Definition *new = NEW(a, Definition);
    *new = d;
    return new;
}

Expr *expr_new(Arena *a, Expr e)
{
    Expr *new = NEW(a, Expr);
    *new = e;
    new->depth = 1;
    if (e.kind == EXPR_CALL)
        for (const Arg *arg = e.call.args; arg; arg = arg->next)
            new->depth = max(new->depth, 1 + arg->value->depth);
    return new;
}

Expr *expr_binary(Arena *a, Span span, ExprKind kind, Expr *left, Expr *right)
{
    Expr *e = expr_new(a, (Expr){
                              .kind = kind, .span = span, .binary = {left, right}
    });
    e->depth = 1 + max(left->depth, right ? right->depth : 0);
    return e;
}

Expr *expr_field(Arena *a, Span span, Expr *of, Name name)
{
    Expr *e = expr_new(a, (Expr){
                              .kind = EXPR_FIELD, .span = span, .field = {of, name}
    });
    e->depth = 1 + of->depth;
    return e;
}

Expr *expr_chain(Arena *a, Span span, Expr *chain, Expr *link)
{
    if (chain->kind != EXPR_CHAIN) {
        Expr *first = chain;
        chain = expr_new(a, (Expr){
                                .kind = EXPR_CHAIN, .chain = {first, &first->next}
        });
        chain->depth = 1 + first->depth;
    }
    *chain->chain.end = link;
    chain->chain.end = &link->next;
    chain->depth = max(chain->depth, 1 + link->depth);
    chain->span = span;
    return chain;
}
