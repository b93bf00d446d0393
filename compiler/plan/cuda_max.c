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

static void point_at_shares(Cuda *z, const CudaStep *step, const Sum *s, Ptr part[2])
{
    Build *b = z->b;
    part[0] = ptr_new(b, "part");
    part[1] = ptr_new(b, "part_where");
    put_point(b, part[0], NULL, cuda_shares_buffer(z, step, s, "shares"), ix(b, 0));
    if (z->steps->arg_of[step->value.i].i)
        put_point(b, part[1], NULL, cuda_shares_buffer(z, step, s, "where"), ix(b, 0));
}

void cuda_pool_max(Cuda *z, const CudaStep *step)
{
    Build *b = z->b;
    Sum s = cuda_sum_of(z, step);
    const Ix *shares = cuda_share_count(z, &s), *count = ix_scale(b, shares, s.items);
    Var loop = put_loop(b, LOOP_THREADS, "item", ix(b, 0), count, 1);
    const Ix *c = cuda_find_share(z, &s, shares, ix_var(b, loop));
    Ptr x = ptr_new(b, "x"), part[2];
    point_at_shares(z, step, &s, part);
    put_point(b, x, NULL, cuda_buffer(z, s.dy), c);
    Largest m = largest_new(z, step);
    const Ix *begin = ix_min(b, s.first, ix_add(b, s.sites, ix(b, -1)));
    begin = ix_var(b, put_let(b, "begin", begin));
    largest_begin(z, &m, vx_load(b, x, NULL, cuda_index(z, s.dy, begin, ix(b, 0))),
                  vx_index(b, begin));
    Var site = put_for(b, "s", s.first, s.last, 1);
    largest_of(z, &m,
               vx_load(b, x, NULL, cuda_index(z, s.dy, ix_var(b, site), ix(b, 0))),
               vx_index(b, ix_var(b, site)));
    put_end(b);
    largest_store(z, &m, part[0], part[1], ix_var(b, loop));
    put_end(b);
}

void cuda_pool_max_shares(Cuda *z, const CudaStep *step)
{
    Build *b = z->b;
    Sum s = cuda_sum_of(z, step);
    const Ix *shares = cuda_share_count(z, &s);
    Var loop = put_loop(b, LOOP_THREADS, "item", ix(b, 0), ix(b, s.items), 1);
    const Ix *c = ix_var(b, loop);
    Ptr part[2], y = ptr_new(b, "y"), arg = ptr_new(b, "arg");
    point_at_shares(z, step, &s, part);
    Largest m = largest_new(z, step);
    largest_begin(z, &m, vx_load(b, part[0], NULL, c), vx_load(b, part[1], NULL, c));
    Var share = put_for(b, "share", ix(b, 1), shares, 1);
    const Ix *at = ix_add(b, ix_scale(b, ix_var(b, share), s.items), c);
    largest_of(z, &m, vx_load(b, part[0], NULL, at), vx_load(b, part[1], NULL, at));
    put_end(b);
    put_point(b, y, NULL, cuda_buffer(z, step->value), ix(b, 0));
    if (m.index)
        put_point(b, arg, NULL, cuda_buffer(z, z->steps->arg_of[step->value.i]),
                  ix(b, 0));
    largest_store(z, &m, y, arg, c);
    put_end(b);
}
