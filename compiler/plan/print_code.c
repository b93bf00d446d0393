#include <inttypes.h>

#include "plan/print.h"

static const char *const loop_name[] = {"for",     "unroll", "lanes",
                                        "threads", "warps",  "if"};
static const char *const vx_name[] = {
    [VX_ZERO] = "zero",      [VX_CONST] = "const",
    [VX_INDEX] = "index",    [VX_BROADCAST] = "broadcast",
    [VX_LOAD] = "load",      [VX_REG] = "reg",
    [VX_ADD] = "add",        [VX_SUB] = "sub",
    [VX_MUL] = "mul",        [VX_DIV] = "div",
    [VX_MAX] = "max",        [VX_FMA] = "fma",
    [VX_POS] = "select_pos", [VX_GT] = "select_gt",
    [VX_EQ] = "select_eq",   [VX_SIGMOID] = "sigmoid",
    [VX_TANH] = "tanh",
};

/* What is printed, and where. */
typedef struct Printer {
    const Program *p;
    const Phase *phase;
    FILE *out;
} Printer;

static void print_ix(const Printer *z, const Ix *i)
{
    FILE *out = z->out;
    switch (i->kind) {
    case IX_CONST: fprintf(out, "%" PRId64, i->value); return;
    case IX_VAR: fprintf(out, "%s%d", z->phase->var_name[i->var.i], i->var.i); return;
    case IX_SITES: fprintf(out, "sites%" PRId64, i->value); return;
    case IX_FIRST: fprintf(out, "first%" PRId64, i->value); return;
    case IX_END: fprintf(out, "end%" PRId64, i->value); return;
    case IX_WORD: fputs(i->word, out); return;
    case IX_TILES: fprintf(out, "tiles%" PRId64, i->value); return;
    case IX_TABLE:
        fprintf(out, "%s[", plan_buffer(z->p, i->buf)->name);
        print_ix(z, i->a);
        fputc(']', out);
        return;
    case IX_TRUNC:
        fputs("trunc(", out);
        print_ix(z, i->a);
        fprintf(out, ", %" PRId64 ")", i->value);
        return;
    case IX_SHARES:
        fputs("shares(", out);
        print_ix(z, i->a);
        fprintf(out, ", %" PRId64 ")", i->value);
        return;
    case IX_ADD:
    case IX_MUL:
    case IX_MIN:
    case IX_DIV:
        fputc('(', out);
        print_ix(z, i->a);
        fputs(i->kind == IX_ADD   ? " + "
              : i->kind == IX_MUL ? " * "
              : i->kind == IX_DIV ? " / "
                                  : " min ",
              out);
        print_ix(z, i->b);
        fputc(')', out);
        return;
    }
    unreachable();
}

static void print_at(const Printer *z, const char *name, int number,
                     const Ix *const at[INDEX_MAX])
{
    fprintf(z->out, "%s%d", name, number);
    for (int k = 0; k < INDEX_MAX; k++) {
        if (!at[k])
            continue;
        fputc('[', z->out);
        print_ix(z, at[k]);
        fputc(']', z->out);
    }
}

static void print_ptr(const Printer *z, Ptr p, const Ix *const at[INDEX_MAX])
{
    print_at(z, z->phase->ptr_name[p.i], p.i, at);
}

static void print_vx(const Printer *z, const Vx *v)
{
    FILE *out = z->out;
    if (v->op == VX_REG) {
        print_at(z, z->phase->reg_name[v->reg.i], v->reg.i, v->at);
        return;
    }
    fprintf(out, "%s", vx_name[v->op]);
    if (v->op == VX_ZERO)
        return;
    fputc('(', out);
    if (v->op == VX_CONST)
        fprintf(out, "%.17g", v->number);
    if (v->op == VX_LOAD || v->op == VX_BROADCAST) {
        print_ptr(z, v->ptr, v->at);
        fputs(", ", out);
    }
    if (v->ix)
        print_ix(z, v->ix);
    for (int k = 0; k < VX_ARGS && v->arg[k]; k++) {
        fputs(k ? ", " : "", out);
        print_vx(z, v->arg[k]);
    }
    fputc(')', out);
}

static void print_arg(const Printer *z, const CallArg *arg)
{
    switch (arg->kind) {
    case ARG_BUF:
        fprintf(z->out, "&%s[", plan_buffer(z->p, arg->buf)->name);
        print_ix(z, arg->ix);
        fputc(']', z->out);
        return;
    case ARG_IX: print_ix(z, arg->ix); return;
    case ARG_WORD: fputs(arg->word, z->out); return;
    case ARG_PTR:
        fprintf(z->out, "&%s%d[", z->phase->ptr_name[arg->ptr.i], arg->ptr.i);
        print_ix(z, arg->ix);
        fputc(']', z->out);
        return;
    case ARG_VECTOR: print_vx(z, arg->vector); return;
    case ARG_REG:
        fputs("to ", z->out);
        print_vx(z, arg->vector);
        return;
    case ARG_PARTS: fputs("parts", z->out); return;
    case ARG_EXTENT: fprintf(z->out, "extent %d", arg->lattice); return;
    case ARG_HALO:
        fprintf(z->out, "halo of %s", plan_buffer(z->p, arg->buf)->name);
        return;
    }
    unreachable();
}

static void print_loop(const Printer *z, const Stmt *s)
{
    if (s->loop.kind == LOOP_IF) {
        fputs("if ", z->out);
        print_ix(z, s->loop.from);
        fputs(" < ", z->out);
        print_ix(z, s->loop.to);
        return;
    }
    fprintf(z->out, "%s %s%d = ", loop_name[s->loop.kind],
            z->phase->var_name[s->loop.var.i], s->loop.var.i);
    print_ix(z, s->loop.from);
    fputs(" .. ", z->out);
    print_ix(z, s->loop.to);
    if (s->loop.step != 1)
        fprintf(z->out, " step %" PRId64, s->loop.step);
    if (s->loop.at_once)
        fprintf(z->out, ", %d at once", s->loop.at_once);
}

static void print_stmt(const Printer *z, const Stmt *s)
{
    FILE *out = z->out;
    switch (s->kind) {
    case ST_LOOP: print_loop(z, s); return;
    case ST_LET:
        fprintf(out, "%s%d = ", z->phase->var_name[s->let.var.i], s->let.var.i);
        print_ix(z, s->let.value);
        return;
    case ST_POINT:
        print_ptr(z, s->point.ptr, s->point.at);
        fprintf(out, " = &%s[", plan_buffer(z->p, s->point.buf)->name);
        print_ix(z, s->point.ix);
        fputs(s->point.aligned ? "] aligned" : "]", out);
        return;
    case ST_SET:
        fputs(s->set.declare ? s->set.hold ? "hold " : "new " : "", out);
        print_at(z, z->phase->reg_name[s->set.reg.i], s->set.reg.i, s->set.at);
        fputs(" = ", out);
        print_vx(z, s->set.value);
        return;
    case ST_STORE:
        fputs("store ", out);
        print_ptr(z, s->store.ptr, s->store.at);
        fputs(", ", out);
        print_ix(z, s->store.ix);
        fputs(" = ", out);
        print_vx(z, s->store.value);
        return;
    case ST_CALL:
        fprintf(out, "%s(", s->call.function);
        for (int k = 0; k < s->call.args; k++) {
            fputs(k ? ", " : "", out);
            print_arg(z, &s->call.arg[k]);
        }
        fputc(')', out);
        return;
    }
    unreachable();
}

static void print_stmts(const Printer *z, const Stmt *s, int depth)
{
    for (; s; s = s->next) {
        fprintf(z->out, "%*s", 2 * depth, "");
        print_stmt(z, s);
        fputc('\n', z->out);
        if (s->kind == ST_LOOP)
            print_stmts(z, s->loop.body, depth + 1);
    }
}

void print_code(const Program *p, const Phase *phase, FILE *out)
{
    print_stmts(&(Printer){p, phase, out}, phase->body, 1);
}
