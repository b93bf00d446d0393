#include "plan/cuda_sum.h"

#include "plan/value.h"

static int items_of(const Sum *s)
{
    return s->taps * (s->out / s->rows) * (s->in / s->columns);
}

/* The largest of 4, 3, 2, 1 that divides n and is below `limit`. */
static int divisor(int n, int limit)
{
    int d = limit < 4 ? limit : 4;
    while (n % d)
        d--;
    return d;
}

/* Tiles of 4x4 read two numbers for four products; smaller ones keep more threads busy. */
static void choose_tile(Sum *s)
{
    for (int limit = 4; limit > 0; limit--) {
        s->rows = divisor(s->out, limit);
        s->columns = divisor(s->in, limit);
        if (items_of(s) >= CUDA_DIRECT / 2)
            break;
    }
    s->items = items_of(s);
}

Sum cuda_sum_of(Cuda *z, const CudaStep *step)
{
    const Node *n = graph_node(z->g, step->value);
    Sum s = {
        .dy = n->arg[0], .in = 1, .taps = 1, .rows = 1, .columns = 1, .of = "shares"};
    const Shape *shape = &graph_node(z->g, s.dy)->shape;
    s.out = shape->channels;
    s.sites = cuda_tile(z, s.dy);
    s.items = s.out;
    if (step->kind == CUDA_WEIGHT) {
        s.x = n->arg[1];
        s.in = graph_node(z->g, s.x)->shape.channels;
        s.taps = cuda_taps(n, shape);
        if (!cuda_same_site(n, shape))
            s.table = cuda_table(z, NEAR_FORWARD, n, s.x, s.dy);
        choose_tile(&s);
    }
    return s;
}

BufId cuda_shares_buffer(Cuda *z, const CudaStep *step, const Sum *s, const char *of)
{
    int items = s->items > CUDA_THREADS ? s->items : CUDA_THREADS;
    int count = items * s->rows * s->columns;
    const char *name = arena_printf(z->b->arena, "%s_%s",
                                    value_name(z->g, step->value, z->b->arena), of);
    return build_buffer(
        z->b,
        (Buffer){.name = name, .space = SPACE_WORK, .channels = count, .pitch = count});
}

bool cuda_sum_is_direct(Cuda *z, const CudaStep *step)
{
    Sum s = cuda_sum_of(z, step);
    return step->kind != CUDA_POOL && (cuda_on_tensor_cores(z, step) ||
                                       s.items >= CUDA_DIRECT || ix_is(s.sites, 1));
}

/* ---- what an item sums ---- */

static void find_item(Cuda *z, Sum *s, const Ix *item)
{
    Build *b = z->b;
    const Ix *columns = ix(b, s->in / s->columns), *rows = ix(b, s->out / s->rows);
    const Ix *row = cuda_quotient(z, "row", item, columns);
    const Ix *column = cuda_rest(z, "column", item, row, columns);
    s->c = ix_scale(b, column, s->columns);
    s->tap = s->taps == 1 ? ix(b, 0) : cuda_quotient(z, "tap", row, rows);
    s->o = s->taps == 1 ? row : cuda_rest(z, "o", row, s->tap, rows);
    s->o = ix_scale(b, s->o, s->rows);
}

static Ptr point_at(Cuda *z, const char *name, Val v, const Ix *at, int count)
{
    Build *b = z->b;
    Ptr p = ptr_new(b, name);
    if (count == 4 && graph_node(z->g, v)->shape.rank > 0)
        put_point_aligned(b, p, NULL, cuda_buffer(z, v), at);
    else
        put_point(b, p, NULL, cuda_buffer(z, v), at);
    return p;
}

static void each_element(Cuda *z, const Sum *s, Reg r, bool declare,
                         const Vx *(*value)(Cuda *, const Sum *, const Ix *,
                                            const Ix *))
{
    Build *b = z->b;
    Var i = put_unroll(b, "i", s->rows), j = put_unroll(b, "j", s->columns);
    const Ix *at_i = ix_element(ix_var(b, i), s->rows);
    const Ix *at_j = ix_element(ix_var(b, j), s->columns);
    if (declare)
        put_declare(b, r, at_i, at_j, value(z, s, at_i, at_j));
    else
        put_set(b, r, at_i, at_j, value(z, s, at_i, at_j));
    put_end(b);
    put_end(b);
}

static const Vx *nothing(Cuda *z, const Sum *s, const Ix *i, const Ix *j)
{
    (void)s, (void)i, (void)j;
    return vx_zero(z->b);
}

static const Vx *with_strip(Cuda *z, const Sum *s, const Ix *i, const Ix *j)
{
    return vx_op(z->b, VX_ADD, vx_reg(z->b, s->sum, i, j),
                 vx_reg(z->b, s->strip, i, j));
}

static Ptr point_at_dy(Cuda *z, const Sum *s, const Ix *site)
{
    Build *b = z->b;
    if (!s->parts.i)
        return point_at(z, "dy", s->dy, cuda_here(z, s->dy, site, s->o), s->rows);
    Ptr p = ptr_new(b, "dy");
    put_point(b, p, NULL, s->parts, ix_add(b, ix_scale(b, site, s->out), s->o));
    return p;
}

const Ix *cuda_sum_index_of_x(Cuda *z, const Sum *s, const Ix *tap, const Ix *site,
                              const Ix *channel)
{
    Build *b = z->b;
    if (!s->table.i)
        return cuda_here(z, s->x, site, channel);
    const Ix *row = ix_mul(b, tap, cuda_sites(z, s->dy));
    const Ix *at = ix_add(b, row, cuda_site(z, s->dy, site));
    return cuda_there(z, s->x, ix_table(b, s->table, at), channel);
}

/* strip[i][j] += dy[o+i] x[c+j] at one site. */
static void add_site(Cuda *z, const Sum *s, const Ix *site)
{
    Build *b = z->b;
    Ptr dy = point_at_dy(z, s, site), x = {0};
    if (s->x.i)
        x = point_at(z, "x", s->x, cuda_sum_index_of_x(z, s, s->tap, site, s->c),
                     s->columns);
    Reg u = reg_new(b, "u"), v = reg_new(b, "v");
    Var j = put_unroll(b, "j", s->x.i ? s->columns : 0);
    put_declare(b, v, ix_element(ix_var(b, j), s->columns), NULL,
                vx_load(b, x, NULL, ix_var(b, j)));
    put_end(b);
    Var i = put_unroll(b, "i", s->rows);
    const Ix *at_i = ix_element(ix_var(b, i), s->rows);
    put_declare(b, u, at_i, NULL, vx_load(b, dy, NULL, ix_var(b, i)));
    j = put_unroll(b, "j", s->columns);
    const Ix *at_j = ix_element(ix_var(b, j), s->columns);
    const Vx *sum = vx_reg(b, s->strip, at_i, at_j), *one = vx_reg(b, u, at_i, NULL);
    put_set(b, s->strip, at_i, at_j,
            s->x.i ? vx_op3(b, VX_FMA, one, vx_reg(b, v, at_j, NULL), sum)
                   : vx_op(b, VX_ADD, sum, one));
    put_end(b);
    put_end(b);
}

/* The sites from s->first below s->last, in strips. */
static void add_sites(Cuda *z, Sum *s)
{
    Build *b = z->b;
    s->sum = reg_new(b, "sum");
    s->strip = reg_new(b, "strip");
    each_element(z, s, s->sum, true, nothing);
    Var from = put_for(b, "from", s->first, ix_add(b, s->last, ix(b, CUDA_STRIP - 1)),
                       CUDA_STRIP);
    const Ix *end = ix_min(b, ix_add(b, ix_var(b, from), ix(b, CUDA_STRIP)), s->last);
    Var to = put_let(b, "to", end);
    each_element(z, s, s->strip, true, nothing);
    Var site = put_for(b, "s", ix_var(b, from), ix_var(b, to), 1);
    add_site(z, s, ix_var(b, site));
    put_end(b);
    each_element(z, s, s->sum, false, with_strip);
    put_end(b);
}

const Ix *cuda_sum_weight_index(Cuda *z, const CudaStep *step, const Sum *s,
                                const Ix *out, const Ix *in, const Ix *tap)
{
    Build *b = z->b;
    const Node *n = graph_node(z->g, step->value);
    const Ix *o = ix_scale(b, out, (int64_t)s->in * s->taps);
    const Ix *c = ix_scale(b, in, s->taps);
    const Ix *first = ix(b, z->g->param[n->param].offset);
    return ix_add(b, ix_add(b, o, c), ix_add(b, tap, first));
}

/* Row i and column j of an item. */
static const Ix *weight_index(Cuda *z, const CudaStep *step, const Sum *s, const Ix *i,
                              const Ix *j)
{
    return cuda_sum_weight_index(z, step, s, ix_add(z->b, s->o, i),
                                 ix_add(z->b, s->c, j), s->tap);
}

static void add_to(Cuda *z, Ptr p, const Ix *at, const Vx *value)
{
    Build *b = z->b;
    put_store(b, p, NULL, at, vx_op(b, VX_ADD, vx_load(b, p, NULL, at), value));
}

/* ---- phases ---- */

static void direct(Cuda *z, const CudaStep *step, Sum *s)
{
    Build *b = z->b;
    Var item = put_loop(b, LOOP_THREADS, "item", ix(b, 0), ix(b, s->items), 1);
    find_item(z, s, ix_var(b, item));
    s->first = ix(b, 0);
    s->last = s->sites;
    add_sites(z, s);
    Ptr p = ptr_new(b, "sums");
    put_point(b, p, NULL, cuda_sums(z, graph_node(z->g, step->value)->param), ix(b, 0));
    Var i = put_unroll(b, "i", s->rows), j = put_unroll(b, "j", s->columns);
    add_to(z, p, weight_index(z, step, s, ix_var(b, i), ix_var(b, j)),
           vx_reg(b, s->sum, ix_element(ix_var(b, i), s->rows),
                  ix_element(ix_var(b, j), s->columns)));
    put_end(b);
    put_end(b);
    put_end(b);
}

const Ix *cuda_find_share(Cuda *z, Sum *s, const Ix *shares, const Ix *item)
{
    Build *b = z->b;
    const Ix *items = ix(b, s->items);
    const Ix *share = cuda_quotient(z, "share", item, items);
    const Ix *rest = cuda_rest(z, "n", item, share, items);
    const Ix *up = ix_add(b, s->sites, ix_add(b, shares, ix(b, -1)));
    const Ix *size = ix_var(b, put_let(b, "size", ix_div(b, up, shares)));
    const Ix *begin = ix_min(b, ix_mul(b, share, size), s->sites);
    s->first = ix_var(b, put_let(b, "first", begin));
    s->last =
        ix_var(b, put_let(b, "last", ix_min(b, ix_add(b, s->first, size), s->sites)));
    return rest;
}

const Ix *cuda_share_count(Cuda *z, const Sum *s)
{
    Build *b = z->b;
    return ix_var(b, put_let(b, "shares", ix_shares(b, s->sites, s->items)));
}

void cuda_put_shares(Cuda *z, const CudaStep *step, Sum *s)
{
    Build *b = z->b;
    const Ix *shares = cuda_share_count(z, s), *count = ix_scale(b, shares, s->items);
    Var loop = put_loop(b, LOOP_THREADS, "item", ix(b, 0), count, 1);
    const Ix *item = ix_var(b, loop);
    find_item(z, s, cuda_find_share(z, s, shares, item));
    add_sites(z, s);
    Ptr p = ptr_new(b, "part");
    put_point(b, p, NULL, cuda_shares_buffer(z, step, s, s->of), item);
    Var i = put_unroll(b, "i", s->rows), j = put_unroll(b, "j", s->columns);
    const Ix *element = ix_add(b, ix_scale(b, ix_var(b, i), s->columns), ix_var(b, j));
    put_store(b, p, NULL, ix_mul(b, element, count),
              vx_reg(b, s->sum, ix_element(ix_var(b, i), s->rows),
                     ix_element(ix_var(b, j), s->columns)));
    put_end(b);
    put_end(b);
    put_end(b);
}

void cuda_sum(Cuda *z, const CudaStep *step)
{
    Sum s = cuda_sum_of(z, step);
    if (cuda_on_tensor_cores(z, step))
        cuda_mma_sum(z, step, &s);
    else if (cuda_sum_is_direct(z, step))
        direct(z, step, &s);
    else
        cuda_put_shares(z, step, &s);
}

/* sum = part[0] + part[1] + .. */
Reg cuda_add_shares(Cuda *z, const CudaStep *step, const Sum *s, const Ix *element,
                    const Ix *n, const Ix *shares)
{
    Build *b = z->b;
    Ptr part = ptr_new(b, "part");
    Reg sum = reg_new(b, "sum");
    const Ix *first = ix_mul(b, element, ix_scale(b, shares, s->items));
    put_point(b, part, NULL, cuda_shares_buffer(z, step, s, s->of),
              ix_add(b, first, n));
    put_declare(b, sum, NULL, NULL, vx_zero(b));
    Var share = put_for(b, "share", ix(b, 0), shares, 1);
    put_set(b, sum, NULL, NULL,
            vx_op(b, VX_ADD, vx_reg(b, sum, NULL, NULL),
                  vx_load(b, part, NULL, ix_scale(b, ix_var(b, share), s->items))));
    put_end(b);
    return sum;
}

void cuda_sum_shares(Cuda *z, const CudaStep *step)
{
    Build *b = z->b;
    Sum s = cuda_sum_of(z, step);
    const Ix *shares = cuda_share_count(z, &s), *items = ix(b, s.items);
    int elements = s.rows * s.columns;
    Var loop =
        put_loop(b, LOOP_THREADS, "item", ix(b, 0), ix(b, s.items * elements), 1);
    const Ix *element = cuda_quotient(z, "element", ix_var(b, loop), items);
    const Ix *n = cuda_rest(z, "n", ix_var(b, loop), element, items);
    Reg sum = cuda_add_shares(z, step, &s, element, n, shares);
    find_item(z, &s, n);
    const Ix *columns = ix(b, s.columns);
    const Ix *i = cuda_quotient(z, "i", element, columns);
    const Ix *j = cuda_rest(z, "j", element, i, columns);
    Ptr p = ptr_new(b, "sums");
    put_point(b, p, NULL, cuda_sums(z, graph_node(z->g, step->value)->param), ix(b, 0));
    add_to(z, p, weight_index(z, step, &s, i, j), vx_reg(b, sum, NULL, NULL));
    put_end(b);
}
