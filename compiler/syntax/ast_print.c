#include "syntax/ast.h"

#include <inttypes.h>

static void call_text(const Expr *e, TextBuf *out)
{
    buf_printf(out, "%s%s", e->call.name.text, e->call.starred ? "*" : "");
    if (!e->call.parens)
        return;
    buf_puts(out, "(");
    for (const Arg *arg = e->call.args; arg; arg = arg->next) {
        if (*arg->option)
            buf_printf(out, "%s=", arg->option);
        expr_text(arg->value, out);
        buf_puts(out, arg->next ? ", " : "");
    }
    buf_puts(out, ")");
}

static void binary_text(const Expr *e, const char *sign, TextBuf *out)
{
    buf_puts(out, "(");
    expr_text(e->binary.left, out);
    buf_printf(out, " %s ", sign);
    expr_text(e->binary.right, out);
    buf_puts(out, ")");
}

static void window_text(const Expr *e, TextBuf *out)
{
    for (int i = 0; i < e->window.axes; i++)
        buf_printf(out, "%s%d", i ? "x" : "", e->window.extent[i]);
}

static void chain_text(const Expr *e, TextBuf *out)
{
    buf_puts(out, "(");
    for (const Expr *link = e->chain.first; link; link = link->next) {
        expr_text(link, out);
        buf_puts(out, link->next ? " -> " : "");
    }
    buf_puts(out, ")");
}

void expr_text(const Expr *e, TextBuf *out)
{
    switch (e->kind) {
    case EXPR_INTEGER: buf_printf(out, "%" PRId64, e->integer); return;
    case EXPR_REAL: buf_printf(out, "%.15g", e->real); return;
    case EXPR_WINDOW: window_text(e, out); return;
    case EXPR_NAME: buf_puts(out, e->name.text); return;
    case EXPR_CALL: call_text(e, out); return;
    case EXPR_FIELD:
        expr_text(e->field.of, out);
        buf_printf(out, ".%s", e->field.name.text);
        return;
    case EXPR_CHAIN: chain_text(e, out); return;
    case EXPR_NEG:
        buf_puts(out, "-");
        expr_text(e->binary.left, out);
        return;
    case EXPR_ADD: binary_text(e, "+", out); return;
    case EXPR_SUB: binary_text(e, "-", out); return;
    case EXPR_MUL: binary_text(e, "*", out); return;
    }
    unreachable();
}

static void input_text(const Item *item, TextBuf *out)
{
    buf_printf(out, "input %s[%" PRId64 "]", item->input.name.text,
               item->input.channels);
    for (const Axis *axis = item->input.axes; axis; axis = axis->next) {
        buf_printf(out, "%s%s", axis == item->input.axes ? " on (" : ", ",
                   axis->name.text);
        if (axis->extent)
            buf_printf(out, "=%" PRId64, axis->extent);
    }
    buf_puts(out, item->input.axes ? ")" : "");
}

static void item_text(const Item *item, TextBuf *out)
{
    switch (item->kind) {
    case ITEM_ERROR: buf_puts(out, "error"); return;
    case ITEM_INPUT: input_text(item, out); return;
    case ITEM_BIAS: buf_printf(out, "bias %s", item->on ? "on" : "off"); return;
    case ITEM_PARAMS: buf_printf(out, "params %" PRId64, item->integer); return;
    case ITEM_LOSS: buf_printf(out, "loss %s", item->word.text); return;
    case ITEM_ASSERT: buf_printf(out, "assert %s", item->word.text); return;
    case ITEM_CHAIN:
        buf_puts(out, "apply ");
        expr_text(item->value, out);
        return;
    case ITEM_LET:
        buf_printf(out, "let %s = ", item->let.name.text);
        expr_text(item->let.value, out);
        return;
    case ITEM_RETURN:
        buf_puts(out, "return ");
        expr_text(item->value, out);
        return;
    }
    unreachable();
}

void unit_print(const Unit *u, FILE *out)
{
    for (const Definition *d = u->first; d; d = d->next) {
        fprintf(out, "%s %s", d->is_block ? "block" : "model", d->name.text);
        for (const Axis *p = d->params; p; p = p->next)
            fprintf(out, "%s%s%s", p == d->params ? "(" : ", ", p->name.text,
                    p->next ? "" : ")");
        fprintf(out, "\n");
        Arena *scratch = arena_new();
        for (const Item *item = d->items; item; item = item->next) {
            TextBuf text = buf_in(scratch);
            item_text(item, &text);
            fprintf(out, "    %s\n", text.data);
        }
        arena_free(scratch);
    }
}
