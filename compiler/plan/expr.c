#include "plan/build.h"

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
    if (l->rank == 0 || l->winners)
        return ix(b, l->winners ? l->extent[0].add : 1);
    return ix_new(b, (Ix){.kind = IX_SITES, .value = lattice});
}

bool build_has_bands(const Build *b, int lattice)
{
    return b->by_bands && plan_can_band(b->p, lattice);
}

const Ix *ix_first(Build *b, int lattice)
{
    return build_has_bands(b, lattice)
               ? ix_new(b, (Ix){.kind = IX_FIRST, .value = lattice})
               : ix(b, 0);
}

const Ix *ix_end(Build *b, int lattice)
{
    return build_has_bands(b, lattice)
               ? ix_new(b, (Ix){.kind = IX_END, .value = lattice})
               : ix_sites(b, lattice);
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

const Ix *ix_div(Build *b, const Ix *l, const Ix *r)
{
    if (l->kind == IX_CONST && r->kind == IX_CONST)
        return ix(b, l->value / r->value);
    if (ix_is(r, 1))
        return l;
    return ix_new(b, (Ix){.kind = IX_DIV, .a = l, .b = r});
}

const Ix *ix_word(Build *b, const char *word)
{
    return ix_new(b, (Ix){.kind = IX_WORD, .word = word});
}

const Ix *ix_tiles(Build *b, int lattice)
{
    return ix_new(b, (Ix){.kind = IX_TILES, .value = lattice});
}

const Ix *ix_shares(Build *b, const Ix *sites, int64_t at_once)
{
    return ix_new(b, (Ix){.kind = IX_SHARES, .a = sites, .value = at_once});
}

const Ix *ix_table(Build *b, BufId table, const Ix *at)
{
    return ix_new(b, (Ix){.kind = IX_TABLE, .buf = table, .a = at});
}

const Ix *ix_element(const Ix *i, int count)
{
    return count > 1 ? i : NULL;
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

const Vx *vx_broadcast_of(Build *b, Ptr p, const Ix *i, const Ix *at)
{
    return vx_new(b, (Vx){.op = VX_BROADCAST, .ptr = p, .at = {i}, .ix = at});
}

const Vx *vx_reg(Build *b, Reg r, const Ix *i, const Ix *j)
{
    return vx_new(b, (Vx){
                         .op = VX_REG, .reg = r, .at = {i, j}
    });
}

const Vx *vx_op(Build *b, VxOp op, const Vx *x, const Vx *y)
{
    return vx_new(b, (Vx){
                         .op = op, .arg = {x, y}
    });
}

const Vx *vx_op3(Build *b, VxOp op, const Vx *x, const Vx *y, const Vx *z)
{
    return vx_new(b, (Vx){
                         .op = op, .arg = {x, y, z}
    });
}

const Vx *vx_op4(Build *b, VxOp op, const Vx *x, const Vx *y, const Vx *z, const Vx *w)
{
    return vx_new(b, (Vx){
                         .op = op, .arg = {x, y, z, w}
    });
}
