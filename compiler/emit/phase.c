#include "emit/phase.h"

#include <inttypes.h>
#include <string.h>

#include "emit/dialect.h"
#include "emit/index.h"

typedef struct Emitter {
    Writer *w;
    const Dialect *dialect;
    Scope scope;
    bool *written; /* [ptrs] something is stored through it */
    const char *vec;
} Emitter;

/* x, x_3 or x_3_1 */
static const char *element_name(const Emitter *e, const char *name,
                                const Ix *const at[INDEX_MAX])
{
    for (int k = 0; k < INDEX_MAX; k++) {
        int64_t value;
        if (at[k] && index_known(&e->scope, at[k], &value))
            name = arena_printf(e->scope.arena, "%s_%" PRId64, name, value);
    }
    return name;
}

static const char *ptr_name(const Emitter *e, Ptr p, const Ix *const at[INDEX_MAX])
{
    return element_name(e, e->scope.phase->ptr_name[p.i], at);
}

static const char *reg_name(const Emitter *e, Reg r, const Ix *const at[INDEX_MAX])
{
    return element_name(e, e->scope.phase->reg_name[r.i], at);
}

/* ---- vectors ---- */

/* Numbers read back exactly. */
static const char *text_of_number(const Emitter *e, double number)
{
    for (int digits = 1;; digits++) {
        const char *text = arena_printf(e->scope.arena, "%.*g", digits, number);
        double back = 0;
        if (digits == 17 || (sscanf(text, "%lf", &back) == 1 && back == number))
            return text;
    }
}

static const char *text_of_vx(const Emitter *e, const Vx *v)
{
    Arena *a = e->scope.arena;
    Spelling s = {.v = e->vec};
    for (int k = 0; k < VX_ARGS && v->arg[k]; k++)
        s.operand[k] = text_of_vx(e, v->arg[k]);
    if (v->op == VX_REG)
        s.p = reg_name(e, v->reg, v->at);
    if (v->op == VX_LOAD || v->op == VX_BROADCAST)
        s.p = ptr_name(e, v->ptr, v->at);
    if (v->op == VX_CONST)
        s.n = text_of_number(e, v->number);
    if (v->ix)
        s.i = index_text(&e->scope, v->ix);
    return dialect_spell(e->dialect->vx[v->op], &s, a);
}

/* ---- statements ---- */

static const char *text_of_set(const Emitter *e, const Stmt *s)
{
    Arena *a = e->scope.arena;
    const char *name = reg_name(e, s->set.reg, s->set.at);
    const char *type = s->set.declare ? arena_printf(a, "%s ", e->vec) : "";
    const char *text =
        arena_printf(a, "%s%s = %s;", type, name, text_of_vx(e, s->set.value));
    if (s->set.hold && e->dialect->hold && strcmp(e->vec, "vec128"))
        text = arena_printf(
            a, "%s%s", text,
            dialect_spell(e->dialect->hold, &(Spelling){.v = e->vec, .p = name}, a));
    return text;
}

static const char *text_of_buffer(const Emitter *e, BufId buf)
{
    const Buffer *b = plan_buffer(e->scope.p, buf);
    const char *pattern = b->space == SPACE_STACK    ? e->dialect->stack
                          : b->space == SPACE_PACKED ? e->dialect->packed
                          : b->space == SPACE_SUM    ? e->dialect->sums
                          : b->far                   ? e->dialect->far
                                                     : e->dialect->field;
    return dialect_spell(pattern, &(Spelling){.p = b->name}, e->scope.arena);
}

static const char *text_of_point(const Emitter *e, const Stmt *s)
{
    Arena *a = e->scope.arena;
    const char *to = arena_printf(a, "%s%s", text_of_buffer(e, s->point.buf),
                                  index_offset(&e->scope, s->point.ix));
    if (s->point.aligned)
        to = dialect_spell(e->dialect->aligned, &(Spelling){.p = to}, a);
    return arena_printf(a, "%sreal *%s = %s;",
                        e->written[s->point.ptr.i] ? "" : "const ",
                        ptr_name(e, s->point.ptr, s->point.at), to);
}

static const char *text_of_store(const Emitter *e, const Stmt *s)
{
    Spelling spelling = {.v = e->vec,
                         .p = ptr_name(e, s->store.ptr, s->store.at),
                         .i = index_text(&e->scope, s->store.ix),
                         .operand = {text_of_vx(e, s->store.value)}};
    return dialect_spell(e->dialect->store, &spelling, e->scope.arena);
}

static const char *text_of_arg(const Emitter *e, const CallArg *arg)
{
    Arena *a = e->scope.arena;
    switch (arg->kind) {
    case ARG_BUF:
        return arena_printf(a, "%s%s", text_of_buffer(e, arg->buf),
                            index_offset(&e->scope, arg->ix));
    case ARG_IX: return index_text(&e->scope, arg->ix);
    case ARG_WORD:
        if (!strcmp(arg->word, "none"))
            return "NULL";
        return dialect_spell(e->dialect->word, &(Spelling){.p = arg->word}, a);
    case ARG_PTR:
        return arena_printf(a, "%s%s", e->scope.phase->ptr_name[arg->ptr.i],
                            index_offset(&e->scope, arg->ix));
    case ARG_VECTOR: return text_of_vx(e, arg->vector);
    case ARG_REG: return arena_printf(a, "&%s", text_of_vx(e, arg->vector));
    case ARG_PARTS: return "&f->parts";
    case ARG_EXTENT:
        return e->scope.p->lattice[arg->lattice].rank
                   ? arena_printf(a, "f->extent%d", arg->lattice)
                   : "NULL";
    case ARG_HALO:
        return arena_printf(a, "&f->%s_halo", plan_buffer(e->scope.p, arg->buf)->name);
    }
    unreachable();
}

static const char *text_of_prelude_call(const Emitter *e, const Stmt *s)
{
    Arena *a = e->scope.arena;
    bool of_vectors = !strncmp(s->call.function, "vec_", 4);
    const char *text = of_vectors
                           ? arena_printf(a, "%s%s(", e->vec, s->call.function + 3)
                           : arena_printf(a, "%s(", s->call.function);
    for (int k = 0; k < s->call.args; k++)
        text = arena_printf(a, "%s%s%s", text, k ? ", " : "",
                            text_of_arg(e, &s->call.arg[k]));
    return arena_printf(a, "%s);", text);
}

static const char *text_of_leaf(const Emitter *e, const Stmt *s)
{
    switch (s->kind) {
    case ST_LET:
        return arena_printf(e->scope.arena, "const %s %s = %s;", e->dialect->index,
                            e->scope.phase->var_name[s->let.var.i],
                            index_text(&e->scope, s->let.value));
    case ST_POINT: return text_of_point(e, s);
    case ST_SET: return text_of_set(e, s);
    case ST_STORE: return text_of_store(e, s);
    case ST_CALL: return text_of_prelude_call(e, s);
    case ST_LOOP: break;
    }
    unreachable();
}

static void emit_stmts(Emitter *e, const Stmt *first);

/* ---- loops ---- */

static void bind(Emitter *e, Var v, int64_t value)
{
    e->scope.known[v.i] = true;
    e->scope.value[v.i] = value;
}

static void emit_cells(Emitter *e, const Stmt *first)
{
    for (const Stmt *s = first; s; s = s->next) {
        if (s->kind != ST_LOOP) {
            w_cell(e->w, text_of_leaf(e, s));
            continue;
        }
        for (int64_t k = s->loop.from->value; k < s->loop.to->value;
             k += s->loop.step) {
            bind(e, s->loop.var, k);
            emit_cells(e, s->loop.body);
        }
    }
}

static bool has_loop(const Stmt *s)
{
    for (; s; s = s->next)
        if (s->kind == ST_LOOP)
            return true;
    return false;
}

static bool straight(const Stmt *s)
{
    for (; s; s = s->next)
        if (s->kind == ST_LOOP &&
            (s->loop.kind != LOOP_UNROLL || !straight(s->loop.body)))
            return false;
    return true;
}

/* Straight-line code in rows: one for each turn of the outer loop, or all in one. */
static void emit_unrolled(Emitter *e, const Stmt *s)
{
    bool rows = straight(s->loop.body), nested = has_loop(s->loop.body);
    for (int64_t k = s->loop.from->value; k < s->loop.to->value; k += s->loop.step) {
        bind(e, s->loop.var, k);
        if (!rows)
            emit_stmts(e, s->loop.body);
        else
            emit_cells(e, s->loop.body);
        if (nested)
            w_row_end(e->w);
    }
    w_row_end(e->w);
}

static void open_for(Emitter *e, const Stmt *s, const char *name, const char *from,
                     const char *to)
{
    const char *over = s->loop.over, *type = e->dialect->index;
    int64_t step = s->loop.step, first, last;
    bool constant = index_known(&e->scope, s->loop.from, &first) &&
                    index_known(&e->scope, s->loop.to, &last);
    if (step == 1) {
        w_open_note(e->w, over, "for (%s %s = %s; %s < %s; %s++)", type, name, from,
                    name, to, name);
    } else if (constant) {
        w_open_note(e->w, over, "for (%s %s = %s; %s < %" PRId64 "; %s += %" PRId64 ")",
                    type, name, from, name, first + (last - first) / step * step, name,
                    step);
    } else {
        w_open_note(e->w, over,
                    "for (%s %s = %s; %s + %" PRId64 " <= %s; %s += %" PRId64 ")", type,
                    name, from, name, step, to, name, step);
    }
}

static void open_loop(Emitter *e, const Stmt *s)
{
    const char *name = e->scope.phase->var_name[s->loop.var.i];
    const char *from = index_text(&e->scope, s->loop.from);
    const char *to = index_text(&e->scope, s->loop.to);
    const char *dealt =
        s->loop.kind == LOOP_WARPS ? e->dialect->warp_item : e->dialect->item;
    switch (s->loop.kind) {
    case LOOP_IF: w_open(e->w, "if (%s < %s)", from, to); return;
    case LOOP_THREADS:
    case LOOP_WARPS:
        w_open_note(e->w, s->loop.over, "%s",
                    dialect_spell(dealt,
                                  &(Spelling){
                                      .p = name, .operand = {from, to}
        },
                                  e->scope.arena));
        return;
    case LOOP_FOR:
    case LOOP_UNROLL:
    case LOOP_LANES:
        if (s->loop.at_once)
            w_line(e->w, "AT_ONCE(%d)", s->loop.at_once);
        open_for(e, s, name, from, to);
        return;
    }
    unreachable();
}

/* How often a loop turns: -1 if only the lattice knows. */
static int64_t turns(const Emitter *e, const Stmt *s)
{
    int64_t from, to;
    if (!index_known(&e->scope, s->loop.from, &from) ||
        !index_known(&e->scope, s->loop.to, &to))
        return -1;
    return to > from ? (to - from) / s->loop.step : 0;
}

static void emit_loop(Emitter *e, const Stmt *s, bool alone)
{
    if (s->loop.kind == LOOP_UNROLL) {
        emit_unrolled(e, s);
        return;
    }
    int64_t n = turns(e, s);
    bool dealt = s->loop.kind == LOOP_THREADS || s->loop.kind == LOOP_WARPS;
    if (n == 0)
        return;
    if (n == 1 && !dealt) {
        int64_t from;
        index_known(&e->scope, s->loop.from, &from);
        bind(e, s->loop.var, from);
        if (!alone)
            w_brace(e->w);
        emit_stmts(e, s->loop.body);
        if (!alone)
            w_close(e->w, "");
        return;
    }
    e->scope.known[s->loop.var.i] = false;
    open_loop(e, s);
    emit_stmts(e, s->loop.body);
    w_close(e->w, "");
}

static void emit_stmts(Emitter *e, const Stmt *first)
{
    for (const Stmt *s = first; s; s = s->next) {
        if (s->kind == ST_LOOP)
            emit_loop(e, s, s == first && !s->next);
        else
            w_wrapped(e->w, text_of_leaf(e, s));
    }
}

/* ---- the function ---- */

static void find_stores(const Stmt *s, bool *written)
{
    for (; s; s = s->next) {
        if (s->kind == ST_LOOP)
            find_stores(s->loop.body, written);
        if (s->kind == ST_STORE)
            written[s->store.ptr.i] = true;
        for (int k = 0; s->kind == ST_CALL && k < s->call.args; k++)
            if (s->call.arg[k].kind == ARG_PTR)
                written[s->call.arg[k].ptr.i] = true;
    }
}

static void declare_stacks(Emitter *e, const Stmt *s, bool *declared)
{
    for (; s; s = s->next) {
        if (s->kind == ST_LOOP)
            declare_stacks(e, s->loop.body, declared);
        if (s->kind != ST_POINT || declared[s->point.buf.i])
            continue;
        const Buffer *b = plan_buffer(e->scope.p, s->point.buf);
        declared[s->point.buf.i] = true;
        if (b->space == SPACE_STACK)
            w_line(e->w, "real %s[%" PRId64 " * %d * 16] __attribute__((aligned(64)));",
                   b->name, b->count, b->channels);
    }
}

static const char *attribute(const Dialect *dialect, const Target *target, Arena *a)
{
    if (dialect != &dialect_c || !strcmp(target->name, "plain"))
        return "";
    char *name = arena_printf(a, "TARGET_%s ", target->name);
    for (char *c = name; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    return name;
}

/* What is computed, and the line of the source it comes from. */
static void comment(Writer *w, const PhaseSource *source, const Phase *phase)
{
    int line = 1;
    for (uint32_t i = 0; i < phase->span.from && source->text[i]; i++)
        line += source->text[i] == '\n';
    const char *end = phase->formula ? "" : " */";
    if (phase->span.to > phase->span.from)
        w_line(w, "/* %s, %s:%d%s", phase->note, source->name, line, end);
    else
        w_line(w, "/* %s%s", phase->note, end);
    if (phase->formula)
        w_line(w, " * %s */", phase->formula);
}

void emit_phase(Writer *w, const PhaseSource *source, const Dialect *dialect,
                const Program *p, const Phase *phase)
{
    Arena *a = w->arena;
    Emitter e = {.w = w, .dialect = dialect, .vec = p->target.vector};
    e.scope =
        (Scope){.p = p, .phase = phase, .arena = a, .table_cast = dialect->table_cast};
    e.scope.known = NEW_ARRAY(a, bool, phase->vars + 1);
    e.scope.value = NEW_ARRAY(a, int64_t, phase->vars + 1);
    e.written = NEW_ARRAY(a, bool, phase->ptrs + 1);
    find_stores(phase->body, e.written);
    comment(w, source, phase);
    const char *name = arena_printf(a, "%s_%s", phase->name, p->target.name);
    w_line(w, "%s%s", attribute(dialect, &p->target, a),
           dialect_spell(dialect->head, &(Spelling){.p = name}, a));
    w_brace(w);
    declare_stacks(&e, phase->body, NEW_ARRAY(a, bool, p->buffers));
    emit_stmts(&e, phase->body);
    w_close(w, "");
    w_blank(w);
}
