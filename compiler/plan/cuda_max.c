#include "plan/cuda_sum.h"

/* The largest of all sites, and the first site that has it. */
typedef struct Largest {
    Reg max, where, next;
    bool index; /* where it is, is wanted */
} Largest;

static Largest largest_new(Cuda *z, const CudaStep *step)
{
    Build *b = z->b;
    return (Largest){reg_new(b, "max"), reg_new(b, "where"), reg_new(b, "next"),
                     z->steps->arg_of[step->value.i].i != 0};
}

static void largest_begin(Cuda *z, const Largest *m, const Vx *value, const Vx *where)
{
    put_declare(z->b, m->max, NULL, NULL, value);
    if (m->index)
        put_declare(z->b, m->where, NULL, NULL, where);
}

/* Only a greater one takes its place: the first of equal ones stays. */
static void largest_of(Cuda *z, const Largest *m, const Vx *value, const Vx *where)
{
    Build *b = z->b;
    const Vx *max = vx_reg(b, m->max, NULL, NULL),
             *next = vx_reg(b, m->next, NULL, NULL);
    put_declare(b, m->next, NULL, NULL, value);
    if (m->index)
        put_set(b, m->where, NULL, NULL,
                vx_op4(b, VX_GT, next, max, where, vx_reg(b, m->where, NULL, NULL)));
    put_set(b, m->max, NULL, NULL, vx_op4(b, VX_GT, next, max, next, max));
}

static void largest_store(Cuda *z, const Largest *m, Ptr max, Ptr where, const Ix *at)
{
    Build *b = z->b;
    put_store(b, max, NULL, at, vx_reg(b, m->max, NULL, NULL));
    if (m->index)
        put_store(b, where, NULL, at, vx_reg(b, m->where, NULL, NULL));
}

/* The largest of each share, or of each tile, and where they are. */
static void point_at_shares(Cuda *z, const CudaStep *step, const Sum *s, Ptr part[2])
{
    Build *b = z->b;
    part[0] = ptr_new(b, "part");
    part[1] = ptr_new(b, "part_where");
    const char *where = s->parts.i ? "tiles_where" : "where";
    put_point(b, part[0], NULL, cuda_shares_buffer(z, step, s, s->of), ix(b, 0));
    if (z->steps->arg_of[step->value.i].i)
        put_point(b, part[1], NULL, cuda_shares_buffer(z, step, s, where), ix(b, 0));
}

static void point_at_parts(Cuda *z, const CudaStep *step, const Ix *at, Ptr part[2])
{
    Build *b = z->b;
    part[0] = ptr_new(b, "from");
    part[1] = ptr_new(b, "from_where");
    put_point(b, part[0], NULL, cuda_parts(z, step, "parts"), at);
    if (z->steps->arg_of[step->value.i].i)
        put_point(b, part[1], NULL, cuda_parts(z, step, "parts_where"), at);
}

/* What one site, or one tile, has: its value, and the number of its site. */
static const Vx *value_at(Cuda *z, const Sum *s, Ptr x, const Ix *site)
{
    Build *b = z->b;
    const Ix *at =
        s->parts.i ? ix_scale(b, site, s->out) : cuda_here(z, s->dy, site, ix(b, 0));
    return vx_load(b, x, NULL, at);
}

static const Vx *site_at(Cuda *z, const Sum *s, Ptr where, const Ix *site)
{
    Build *b = z->b;
    return s->parts.i ? vx_load(b, where, NULL, ix_scale(b, site, s->out))
                      : vx_index(b, cuda_site(z, s->dy, site));
}

static void find_largest(Cuda *z, const CudaStep *step, Sum *s)
{
    Build *b = z->b;
    const Ix *shares = cuda_share_count(z, s), *count = ix_scale(b, shares, s->items);
    Var loop = put_loop(b, LOOP_THREADS, "item", ix(b, 0), count, 1);
    const Ix *c = cuda_find_share(z, s, shares, ix_var(b, loop));
    Ptr x[2] = {{0}, {0}}, part[2];
    point_at_shares(z, step, s, part);
    if (s->parts.i) {
        point_at_parts(z, step, c, x);
    } else {
        x[0] = ptr_new(b, "x");
        put_point(b, x[0], NULL, cuda_buffer(z, s->dy), c);
    }
    Largest m = largest_new(z, step);
    const Ix *begin = ix_min(b, s->first, ix_add(b, s->sites, ix(b, -1)));
    begin = ix_var(b, put_let(b, "begin", begin));
    largest_begin(z, &m, value_at(z, s, x[0], begin), site_at(z, s, x[1], begin));
    Var site = put_for(b, "s", s->first, s->last, 1);
    largest_of(z, &m, value_at(z, s, x[0], ix_var(b, site)),
               site_at(z, s, x[1], ix_var(b, site)));
    put_end(b);
    largest_store(z, &m, part[0], part[1], ix_var(b, loop));
    put_end(b);
}

static void largest_of_shares(Cuda *z, const CudaStep *step, Sum *s, CudaPoolPart part)
{
    Build *b = z->b;
    const Ix *shares = cuda_share_count(z, s);
    Var loop = put_loop(b, LOOP_THREADS, "item", ix(b, 0), ix(b, s->items), 1);
    const Ix *c = ix_var(b, loop);
    Ptr from[2], y[2] = {{0}, {0}};
    point_at_shares(z, step, s, from);
    Largest m = largest_new(z, step);
    largest_begin(z, &m, vx_load(b, from[0], NULL, c), vx_load(b, from[1], NULL, c));
    Var share = put_for(b, "share", ix(b, 1), shares, 1);
    const Ix *at = ix_add(b, ix_scale(b, ix_var(b, share), s->items), c);
    largest_of(z, &m, vx_load(b, from[0], NULL, at), vx_load(b, from[1], NULL, at));
    put_end(b);
    if (part == POOL_TILE) {
        point_at_parts(z, step, ix_scale(b, ix_word(b, "at.tile"), s->out), y);
    } else {
        y[0] = ptr_new(b, "y");
        y[1] = ptr_new(b, "arg");
        put_point(b, y[0], NULL, cuda_buffer(z, step->value), ix(b, 0));
        if (m.index)
            put_point(b, y[1], NULL, cuda_buffer(z, z->steps->arg_of[step->value.i]),
                      ix(b, 0));
    }
    largest_store(z, &m, y[0], y[1], c);
    put_end(b);
}

void cuda_pool_max(Cuda *z, const CudaStep *step, CudaPoolPart part)
{
    Sum s = cuda_pool_sum(z, step, part);
    if (part == POOL_SHARES || part == POOL_TILES)
        find_largest(z, step, &s);
    else
        largest_of_shares(z, step, &s, part);
}
