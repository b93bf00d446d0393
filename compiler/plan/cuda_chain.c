#include "plan/cuda.h"
#include "plan/value.h"

/* What the chain reads besides: several of its operators may read one value. */
typedef struct Operands {
    Ptr *ptr;  /* [nodes] */
    bool *has; /* [nodes] */
} Operands;

/* Points at the channels of the tile at each of its sites. */
static Ptr point_at(Cuda *z, Val v, const CudaTile *t, const char *name)
{
    Build *b = z->b;
    Ptr p = ptr_new(b, name);
    for (int s = 0; s < t->sites; s++)
        put_point(b, p, ix_element(ix(b, s), t->sites), cuda_buffer(z, v),
                  cuda_here(z, v, t->site[s], t->channel));
    return p;
}

static Ptr operand(Cuda *z, Val v, const CudaTile *t, const Operands *o)
{
    Arena *a = z->b->arena;
    if (!o->has[v.i])
        o->ptr[v.i] =
            point_at(z, v, t, arena_printf(a, "of_%s", value_name(z->g, v, a)));
    o->has[v.i] = true;
    return o->ptr[v.i];
}

static void apply(Cuda *z, Val v, Val current, const CudaTile *t, const Operands *o)
{
    Build *b = z->b;
    const Node *n = graph_node(z->g, v);
    int operands = op_info[n->op].operands;
    Ptr other[2] = {{0}, {0}};
    for (int k = 0; k < operands; k++)
        if (n->arg[k].i != current.i)
            other[k] = operand(z, n->arg[k], t, o);
    Var i = put_unroll(b, "i", t->channels);
    const Ix *at_i = ix_element(ix_var(b, i), t->channels);
    for (int s = 0; s < t->sites; s++) {
        const Ix *at_s = ix_element(ix(b, s), t->sites);
        const Vx *y = vx_reg(b, t->y, at_i, at_s), *x[2] = {NULL, NULL};
        for (int k = 0; k < operands; k++)
            x[k] =
                n->arg[k].i == current.i ? y : vx_load(b, other[k], at_s, ix_var(b, i));
        put_set(b, t->y, at_i, at_s, value_point(b, n, x));
    }
    put_end(b);
}

static void store(Cuda *z, Val v, const CudaTile *t)
{
    Build *b = z->b;
    if (!z->steps->stored[v.i])
        return;
    Ptr to = point_at(z, v, t,
                      arena_printf(b->arena, "to_%s", value_name(z->g, v, b->arena)));
    for (int s = 0; s < t->sites; s++) {
        const Ix *at_s = ix_element(ix(b, s), t->sites);
        if (t->meant[s])
            put_if(b, t->meant[s], t->end);
        Var i = put_unroll(b, "i", t->channels);
        put_store(b, to, at_s, ix_var(b, i),
                  vx_reg(b, t->y, ix_element(ix_var(b, i), t->channels), at_s));
        put_end(b);
        if (t->meant[s])
            put_end(b);
    }
}

void cuda_tile_site(Cuda *z, CudaTile *t, int s, const Ix *meant, const Ix *end)
{
    Build *b = z->b;
    const char *of = arena_printf(b->arena, "meant%d", s);
    const Ix *last = ix_add(b, end, ix(b, -1));
    t->meant[s] = ix_var(b, put_let(b, of, meant));
    t->end = end;
    t->site[s] = ix_var(
        b, put_let(b, arena_printf(b->arena, "s%d", s), ix_min(b, t->meant[s], last)));
}

void cuda_chain(Cuda *z, const CudaStep *step, const CudaTile *t)
{
    Val current = step->value;
    Operands o = {NEW_ARRAY(z->b->arena, Ptr, z->g->nodes),
                  NEW_ARRAY(z->b->arena, bool, z->g->nodes)};
    if (!step->load)
        store(z, current, t);
    for (int c = 0; c < step->chains; c++) {
        apply(z, step->chain[c], current, t, &o);
        current = step->chain[c];
        store(z, current, t);
    }
}
