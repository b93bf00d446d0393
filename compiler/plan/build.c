#include "plan/build.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *build_grow(Arena *a, void *items, int count, int *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap ? 2 * *cap : 16;
    void *more = arena_alloc(a, size * (size_t)*cap);
    if (count)
        memcpy(more, items, size * (size_t)count);
    return more;
}

/* ---- integers ---- */

static const Ix *ix_new(Build *b, Ix value)
{
    Ix *i = NEW(b->arena, Ix);
    *i = value;
    return i;
}

const Ix *ix(Build *b, int64_t value)
{
    return ix_new(b, (Ix){.kind = IX_CONST, .value = value});
}

const Ix *ix_var(Build *b, Var v)
{
    return ix_new(b, (Ix){.kind = IX_VAR, .var = v});
}

bool ix_is(const Ix *i, int64_t value)
{
    return i->kind == IX_CONST && i->value == value;
}

const Ix *ix_sites(Build *b, int lattice)
{
    const Lattice *l = &b->p->lattice[lattice];
    int64_t sites = 1;
    for (int k = 0; k < l->rank; k++) {
        if (l->extent[k].axis >= 0)
            return ix_new(b, (Ix){.kind = IX_SITES, .value = lattice});
        sites *= l->extent[k].add;
    }
    return ix(b, sites);
}

const Ix *ix_add(Build *b, const Ix *l, const Ix *r)
{
    if (l->kind == IX_CONST && r->kind == IX_CONST)
        return ix(b, l->value + r->value);
    if (ix_is(l, 0))
        return r;
    if (ix_is(r, 0))
        return l;
    return ix_new(b, (Ix){.kind = IX_ADD, .a = l, .b = r});
}

const Ix *ix_mul(Build *b, const Ix *l, const Ix *r)
{
    if (l->kind == IX_CONST && r->kind == IX_CONST)
        return ix(b, l->value * r->value);
    if (ix_is(l, 0) || ix_is(r, 1))
        return l;
    if (ix_is(r, 0) || ix_is(l, 1))
        return r;
    return ix_new(b, (Ix){.kind = IX_MUL, .a = l, .b = r});
}

const Ix *ix_scale(Build *b, const Ix *l, int64_t factor)
{
    return ix_mul(b, l, ix(b, factor));
}

const Ix *ix_trunc(Build *b, const Ix *l, int64_t multiple)
{
    if (l->kind == IX_CONST)
        return ix(b, l->value / multiple * multiple);
    if (multiple == 1)
        return l;
    return ix_new(b, (Ix){.kind = IX_TRUNC, .a = l, .value = multiple});
}

const Ix *ix_min(Build *b, const Ix *l, const Ix *r)
{
    if (l->kind == IX_CONST && r->kind == IX_CONST)
        return l->value < r->value ? l : r;
    return ix_new(b, (Ix){.kind = IX_MIN, .a = l, .b = r});
}

const Ix *ix_table(Build *b, BufId table, const Ix *at)
{
    return ix_new(b, (Ix){.kind = IX_TABLE, .buf = table, .a = at});
}

/* ---- vectors ---- */

static const Vx *vx_new(Build *b, Vx value)
{
    Vx *v = NEW(b->arena, Vx);
    *v = value;
    return v;
}

const Vx *vx_zero(Build *b)
{
    return vx_new(b, (Vx){.op = VX_ZERO});
}

const Vx *vx_const(Build *b, double number)
{
    return vx_new(b, (Vx){.op = VX_CONST, .number = number});
}

const Vx *vx_index(Build *b, const Ix *value)
{
    return vx_new(b, (Vx){.op = VX_INDEX, .ix = value});
}

const Vx *vx_load(Build *b, Ptr p, const Ix *i, const Ix *at)
{
    return vx_new(b, (Vx){.op = VX_LOAD, .ptr = p, .at = {i}, .ix = at});
}

const Vx *vx_broadcast(Build *b, Ptr p, const Ix *at)
{
    return vx_new(b, (Vx){.op = VX_BROADCAST, .ptr = p, .ix = at});
}

const Vx *vx_reg(Build *b, Reg r, const Ix *i, const Ix *j)
{
    return vx_new(b, (Vx){.op = VX_REG, .reg = r, .at = {i, j}});
}

const Vx *vx_op(Build *b, VxOp op, const Vx *x, const Vx *y)
{
    return vx_new(b, (Vx){.op = op, .arg = {x, y}});
}

const Vx *vx_op3(Build *b, VxOp op, const Vx *x, const Vx *y, const Vx *z)
{
    return vx_new(b, (Vx){.op = op, .arg = {x, y, z}});
}

const Vx *vx_op4(Build *b, VxOp op, const Vx *x, const Vx *y, const Vx *z, const Vx *w)
{
    return vx_new(b, (Vx){.op = op, .arg = {x, y, z, w}});
}

/* ---- names of a phase ---- */

static int name_add(Build *b, const char ***names, int *count, int *cap, const char *name)
{
    GROW(b->arena, *names, *count, *cap);
    (*names)[*count] = name;
    return (*count)++;
}

static Var var_new(Build *b, const char *name)
{
    Phase *ph = &b->phase;
    return (Var){name_add(b, &ph->var_name, &ph->vars, &b->var_cap, name)};
}

Reg reg_new(Build *b, const char *name)
{
    Phase *ph = &b->phase;
    return (Reg){name_add(b, &ph->reg_name, &ph->regs, &b->reg_cap, name)};
}

Ptr ptr_new(Build *b, const char *name)
{
    Phase *ph = &b->phase;
    return (Ptr){name_add(b, &ph->ptr_name, &ph->ptrs, &b->ptr_cap, name)};
}

/* ---- statements ---- */

static Stmt *put(Build *b, Stmt stmt)
{
    Stmt *s = NEW(b->arena, Stmt);
    *s = stmt;
    *b->tail[b->depth] = s;
    b->tail[b->depth] = &s->next;
    return s;
}

/* The name of a loop variable says what it counts, everywhere. */
static const char *loop_over(const char *name)
{
    static const struct {
        const char *name, *over;
    } loops[] = {{"s", "sites"},
                 {"from", "strips of sites"},
                 {"tap", "taps"},
                 {"c", "channels read"},
                 {"o", "channels made"},
                 {"block", "channels made, 8 at a time"},
                 {"lane", "samples"},
                 {"i", "channels of the tile"},
                 {"j", "channels of the tile"},
                 {"k", "sites of the tile"}};
    for (size_t i = 0; i < countof(loops); i++)
        if (!strcmp(name, loops[i].name))
            return loops[i].over;
    unreachable();
}

Var put_loop(Build *b, LoopKind kind, const char *name, const Ix *from, const Ix *to,
             int64_t step)
{
    assert(b->depth + 1 < DEPTH_MAX);
    Var v = var_new(b, name);
    Stmt *s = put(b, (Stmt){.kind = ST_LOOP,
                            .loop = {kind, v, from, to, step, loop_over(name), NULL}});
    b->tail[++b->depth] = &s->loop.body;
    return v;
}

Var put_for(Build *b, const char *name, const Ix *from, const Ix *to, int64_t step)
{
    return put_loop(b, LOOP_FOR, name, from, to, step);
}

Var put_unroll(Build *b, const char *name, int64_t count)
{
    return put_loop(b, LOOP_UNROLL, name, ix(b, 0), ix(b, count), 1);
}

Var put_lanes(Build *b)
{
    return put_loop(b, LOOP_LANES, "lane", ix(b, 0), ix(b, LANES), plan_width(b->p));
}

void put_end(Build *b)
{
    assert(b->depth > 0);
    b->depth--;
}

Var put_let(Build *b, const char *name, const Ix *value)
{
    Var v = var_new(b, name);
    put(b, (Stmt){.kind = ST_LET, .let = {v, value}});
    return v;
}

void put_point(Build *b, Ptr p, const Ix *i, BufId buf, const Ix *at)
{
    put(b, (Stmt){.kind = ST_POINT, .point = {p, {i}, buf, at}});
}

static void put_assign(Build *b, Reg r, const Ix *const at[2], const Vx *value,
                       bool declare, bool hold)
{
    put(b, (Stmt){.kind = ST_SET, .set = {r, {at[0], at[1]}, value, declare, hold}});
}

void put_set(Build *b, Reg r, const Ix *i, const Ix *j, const Vx *value)
{
    put_assign(b, r, (const Ix *const[]){i, j}, value, false, false);
}

void put_declare(Build *b, Reg r, const Ix *i, const Ix *j, const Vx *value)
{
    put_assign(b, r, (const Ix *const[]){i, j}, value, true, false);
}

void put_hold(Build *b, Reg r, const Ix *i, const Ix *j, const Vx *value)
{
    put_assign(b, r, (const Ix *const[]){i, j}, value, true, true);
}

void put_store(Build *b, Ptr p, const Ix *i, const Ix *at, const Vx *value)
{
    put(b, (Stmt){.kind = ST_STORE, .store = {p, {i}, at, value}});
}

void put_call(Build *b, const char *function, int args, const CallArg *arg)
{
    assert(args <= CALL_ARGS);
    Stmt *s = put(b, (Stmt){.kind = ST_CALL, .call = {.function = function, .args = args}});
    memcpy(s->call.arg, arg, sizeof *arg * (size_t)args);
}

CallArg arg_buf(Build *b, BufId buf, const Ix *at)
{
    return (CallArg){.kind = ARG_BUF, .buf = buf, .ix = at ? at : ix(b, 0)};
}

CallArg arg_ix(const Ix *value)
{
    return (CallArg){.kind = ARG_IX, .ix = value};
}

CallArg arg_int(Build *b, int64_t value)
{
    return arg_ix(ix(b, value));
}

CallArg arg_word(const char *word)
{
    return (CallArg){.kind = ARG_WORD, .word = word};
}

/* ---- phases ---- */

void phase_begin(Build *b, const char *name, const char *note, int lattice)
{
    b->phase = (Phase){.name = name, .note = note, .lattice = lattice};
    b->var_cap = b->reg_cap = b->ptr_cap = 0;
    b->depth = 0;
    b->tail[0] = (Stmt **)&b->phase.body;
}

static const char *phase_text(const Program *p, const Phase *phase, Arena *a)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    phase_print(p, phase, out);
    fclose(out);
    char *copy = arena_strndup(a, text, size);
    free(text);
    return copy;
}

static const char *unused_name(const Program *p, const char *name, Arena *a)
{
    const char *unique = name;
    int namesakes = 1;
    for (int i = 0; i < p->phases; i++)
        if (!strcmp(p->phase[i].name, unique)) {
            unique = arena_printf(a, "%s_%d", name, ++namesakes);
            i = -1;
        }
    return unique;
}

int phase_end(Build *b)
{
    assert(b->depth == 0);
    Program *p = b->p;
    b->phase.text = phase_text(p, &b->phase, b->arena);
    for (int i = 0; i < p->phases; i++)
        if (!strcmp(b->phase.text, p->phase[i].text))
            return i;
    GROW(b->arena, p->phase, p->phases, b->phase_cap);
    b->phase.name = unused_name(p, b->phase.name, b->arena);
    p->phase[p->phases] = b->phase;
    return p->phases++;
}

/* ---- things of the Program ---- */

static bool lattice_equal(const Lattice *a, const Lattice *b)
{
    if (a->rank != b->rank)
        return false;
    for (int k = 0; k < a->rank; k++)
        if (!extent_equal(a->extent[k], b->extent[k]))
            return false;
    return true;
}

int build_lattice(Build *b, const Shape *shape)
{
    Program *p = b->p;
    Lattice l = {.rank = shape->rank};
    memcpy(l.extent, shape->extent, sizeof l.extent);
    for (int i = 0; i < p->lattices; i++)
        if (lattice_equal(&p->lattice[i], &l))
            return i;
    GROW(b->arena, p->lattice, p->lattices, b->lattice_cap);
    p->lattice[p->lattices] = l;
    return p->lattices++;
}

static bool buffer_equal(const Buffer *a, const Buffer *b)
{
    return !strcmp(a->name, b->name) && a->space == b->space &&
           a->channels == b->channels && a->lattice == b->lattice &&
           a->count == b->count && a->geometry == b->geometry;
}

BufId build_buffer(Build *b, Buffer buffer)
{
    Program *p = b->p;
    const char *name = buffer.name;
    int namesakes = 1;
    for (int i = 1; i < p->buffers; i++) {
        if (buffer_equal(&p->buffer[i], &buffer)) {
            p->buffer[i].ghost |= buffer.ghost;
            return (BufId){i};
        }
        if (strcmp(p->buffer[i].name, buffer.name))
            continue;
        buffer.name = arena_printf(b->arena, "%s_%d", name, ++namesakes);
        i = 0;
    }
    GROW(b->arena, p->buffer, p->buffers, b->buffer_cap);
    p->buffer[p->buffers] = buffer;
    return (BufId){p->buffers++};
}

static int geometry_rows(GeometryKind kind, const Window *w, int rank)
{
    int rows = 1;
    for (int k = 0; k < rank; k++) {
        bool by_tap = kind == NEAR_FORWARD || kind == NEAR_BACKWARD;
        rows *= by_tap ? w->kernel[k] : (w->kernel[k] + w->stride[k] - 1) / w->stride[k];
    }
    return rows;
}

static bool window_equal(const Window *a, const Window *b, int rank)
{
    for (int k = 0; k < rank; k++)
        if (a->kernel[k] != b->kernel[k] || a->stride[k] != b->stride[k] ||
            a->before[k] != b->before[k] || a->boundary[k] != b->boundary[k])
            return false;
    return true;
}

BufId build_table(Build *b, GeometryKind kind, const Window *w, int in, int out)
{
    static const char *const prefix[] = {"near", "back", "cover", "cover_tap"};
    Program *p = b->p;
    int rank = p->lattice[in].rank;
    int twin = p->geometries; /* tables of one window share its number */
    for (int i = p->geometries; i-- > 0;) {
        const Geometry *g = &p->geometry[i];
        if (g->in != in || g->out != out || !window_equal(&g->window, w, rank))
            continue;
        if (g->kind == kind)
            return g->table;
        twin = i;
    }
    GROW(b->arena, p->geometry, p->geometries, b->geometry_cap);
    int n = p->geometries++;
    int rows = geometry_rows(kind, w, rank);
    BufId table = build_buffer(
        b, (Buffer){.name = arena_printf(b->arena, "%s%d", prefix[kind], twin + 1),
                    .space = SPACE_TABLE,
                    .lattice = kind == NEAR_FORWARD ? out : in,
                    .count = rows,
                    .geometry = n});
    p->geometry[n] = (Geometry){kind, *w, in, out, rows, table};
    return table;
}

static bool packing_equal(const Packing *a, const Packing *b)
{
    return a->param == b->param && a->out == b->out && a->in == b->in &&
           a->taps == b->taps && a->stride_out == b->stride_out &&
           a->stride_in == b->stride_in && a->stride_tap == b->stride_tap;
}

int64_t build_packing(Build *b, Packing packing)
{
    Program *p = b->p;
    for (int i = 0; i < p->packings; i++)
        if (packing_equal(&p->packing[i], &packing))
            return p->packing[i].offset;
    GROW(b->arena, p->packing, p->packings, b->packing_cap);
    packing.offset = p->packed_count;
    p->packing[p->packings++] = packing;
    int64_t count = (int64_t)packing.out * packing.in * packing.taps;
    p->packed_count += (count + LANES - 1) / LANES * LANES;
    return packing.offset;
}
