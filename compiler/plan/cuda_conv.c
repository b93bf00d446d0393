#include "plan/cuda_conv.h"

#include "plan/value.h"

CudaConv cuda_conv_of(Cuda *z, const CudaStep *step)
{
    const Node *n = graph_node(z->g, step->value);
    CudaConv c = {.step = step, .x = n->arg[0]};
    c.out = n->shape.channels;
    c.in = graph_node(z->g, c.x)->shape.channels;
    c.taps = cuda_taps(n, &n->shape);
    if (!cuda_same_site(n, &n->shape))
        c.table = cuda_table(z, n->op == OP_CONV ? NEAR_FORWARD : NEAR_BACKWARD, n, c.x,
                             step->value);
    c.weights = build_packing(z->b, value_packing(z->g, n));
    c.bias = value_pack_bias(z->b, z->g, n);
    c.sites = cuda_tile(z, step->value);
    return c;
}

void cuda_conv_begin(Cuda *z, const CudaConv *c, const CudaTile *t, const char *name)
{
    Build *b = z->b;
    Ptr bias = {0};
    if (c->bias >= 0) {
        bias = ptr_new(b, name);
        put_point(b, bias, NULL, build_packed(b),
                  ix_add(b, ix(b, c->bias), t->channel));
    }
    Var i = put_unroll(b, "i", t->channels);
    for (int s = 0; s < t->sites; s++)
        put_declare(b, t->y, ix_element(ix_var(b, i), t->channels),
                    ix_element(ix(b, s), t->sites),
                    c->bias >= 0 ? vx_broadcast(b, bias, ix_var(b, i)) : vx_zero(b));
    put_end(b);
}

Ptr cuda_conv_taps(Cuda *z, const CudaConv *c, const CudaTile *t, const Ix *tap,
                   const Ix *channel)
{
    Build *b = z->b;
    Ptr x = ptr_new(b, "x");
    for (int s = 0; s < t->sites; s++) {
        const Ix *at = cuda_here(z, c->x, t->site[s], channel);
        if (c->table.i) {
            const Ix *row = ix_mul(b, tap, cuda_sites(z, c->step->value));
            const Ix *site = cuda_site(z, c->step->value, t->site[s]);
            at = cuda_there(z, c->x, ix_table(b, c->table, ix_add(b, row, site)),
                            channel);
        }
        if (c->in >= 4 && ix_is(channel, 0))
            put_point_aligned(b, x, ix_element(ix(b, s), t->sites),
                              cuda_buffer(z, c->x), at);
        else
            put_point(b, x, ix_element(ix(b, s), t->sites), cuda_buffer(z, c->x), at);
    }
    return x;
}

/* y[i][s] += w[c][i] x_s[c] for `count` input channels from c on. */
static void multiply_add(Cuda *z, const CudaTile *t, Ptr x, Ptr w, const Ix *c,
                         const Ix *w_at, int count)
{
    Build *b = z->b;
    Reg v = reg_new(b, "v"), u = reg_new(b, "u");
    Var k = put_unroll(b, "k", count);
    const Ix *at_k = ix_element(ix_var(b, k), count);
    for (int s = 0; s < t->sites; s++)
        put_declare(
            b, v, at_k, ix_element(ix(b, s), t->sites),
            vx_load(b, x, ix_element(ix(b, s), t->sites), ix_add(b, c, ix_var(b, k))));
    Var i = put_unroll(b, "i", t->channels);
    const Ix *at_i = ix_element(ix_var(b, i), t->channels);
    const Ix *from = ix_add(b, w_at, ix_scale(b, ix_var(b, k), t->channels));
    put_declare(b, u, at_k, at_i, vx_broadcast(b, w, ix_add(b, from, ix_var(b, i))));
    for (int s = 0; s < t->sites; s++) {
        const Ix *at_s = ix_element(ix(b, s), t->sites);
        put_set(b, t->y, at_i, at_s,
                vx_op3(b, VX_FMA, vx_reg(b, u, at_k, at_i), vx_reg(b, v, at_k, at_s),
                       vx_reg(b, t->y, at_i, at_s)));
    }
    put_end(b);
    put_end(b);
}

/* Turns of four input channels that are unrolled for a single site: left to themselves
 * compilers load all weights of a Linear layer before its first product, and spill them. */
enum { TURNS_MOST = 4 };

/* The input channels, four at a time, then the rest at once. */
static void sum_channels(Cuda *z, const CudaConv *c, const CudaTile *t, const Ix *tap,
                         Ptr x, Ptr w)
{
    Build *b = z->b;
    int whole = c->in / 4 * 4;
    const Ix *row = ix_scale(b, tap, (int64_t)c->in * t->channels);
    if (whole) {
        int turns = t->sites == 1 ? TURNS_MOST : 0;
        Var k = put_for_rolled(b, "c", ix(b, 0), ix(b, whole), 4, turns);
        multiply_add(z, t, x, w, ix_var(b, k),
                     ix_add(b, row, ix_scale(b, ix_var(b, k), t->channels)), 4);
        put_end(b);
    }
    if (whole < c->in)
        multiply_add(z, t, x, w, ix(b, whole),
                     ix_add(b, row, ix(b, (int64_t)whole * t->channels)),
                     c->in - whole);
}

/* One item: `t->channels` outputs, which are the packed block `block`, at the tile's sites. */
static void item(Cuda *z, const CudaConv *c, CudaTile *t, const Ix *block)
{
    Build *b = z->b;
    t->channel = ix_scale(b, block, PACK_WIDTH);
    t->y = reg_new(b, "y");
    cuda_conv_begin(z, c, t, "bias");
    Ptr w = ptr_new(b, "w");
    const Ix *first = ix_add(b, ix(b, c->weights),
                             ix_scale(b, block, (int64_t)PACK_WIDTH * c->taps * c->in));
    if (t->channels % 4 == 0)
        put_point_aligned(b, w, NULL, build_packed(z->b), first);
    else
        put_point(b, w, NULL, build_packed(z->b), first);
    Var tap = put_for(b, "tap", ix(b, 0), ix(b, c->taps), 1);
    Ptr x = cuda_conv_taps(z, c, t, ix_var(b, tap), ix(b, 0));
    sum_channels(z, c, t, ix_var(b, tap), x, w);
    put_end(b);
    cuda_chain(z, c->step, t);
}

/* Threads next to each other take sites next to each other, of the same channels: weights
 * are read once for all of them.  The sites of an item are `tiles` apart. */
static void items(Cuda *z, const CudaConv *c, const Ix *tiles, int first_block,
                  int blocks, int width)
{
    Build *b = z->b;
    CudaTile t = {.channels = width, .sites = ix_is(c->sites, 1) ? 1 : CUDA_TILE_SITES};
    const Ix *count = ix_scale(b, tiles, blocks);
    Var i = put_loop(b, LOOP_THREADS, "item", ix(b, 0), count, 1);
    const Ix *block = ix(b, 0), *tile = ix_var(b, i);
    if (blocks > 1) {
        block = cuda_quotient(z, "block", tile, tiles);
        tile = cuda_rest(z, "s0", tile, block, tiles);
    }
    t.site[0] = tile;
    if (t.sites > 1)
        cuda_tile_site(z, &t, 1, ix_add(b, tile, tiles), c->sites);
    item(z, c, &t, ix_add(b, block, ix(b, first_block)));
    put_end(b);
}

void cuda_conv(Cuda *z, const CudaStep *step)
{
    Build *b = z->b;
    CudaConv c = cuda_conv_of(z, step);
    if (cuda_on_tensor_cores(z, step)) {
        cuda_mma_conv(z, &c);
        return;
    }
    const Ix *tiles = c.sites;
    if (!ix_is(c.sites, 1)) {
        const Ix *up = ix_add(b, c.sites, ix(b, CUDA_TILE_SITES - 1));
        tiles = ix_var(b, put_let(b, "tiles", ix_div(b, up, ix(b, CUDA_TILE_SITES))));
    }
    int full = c.out / PACK_WIDTH, rest = c.out % PACK_WIDTH;
    if (full)
        items(z, &c, tiles, 0, full, PACK_WIDTH);
    if (rest)
        items(z, &c, tiles, full, 1, rest);
}
