#include "plan/cuda_mma.h"

#include "plan/cuda_conv.h"

enum {
    MMA_BLOCKS = 5, /* of 8 channels made by a warp at once, at most */
    MMA_LEAST = 32  /* channels: below, most of a warp would idle    */
};

static bool is_wide(const Graph *g, Val v)
{
    const Shape *s = &graph_node(g, v)->shape;
    return s->rank > 0 && s->channels >= MMA_LEAST && s->channels % PACK_WIDTH == 0;
}

bool cuda_on_tensor_cores(const Cuda *z, const CudaStep *step)
{
    const Node *n = graph_node(z->g, step->value);
    if (z->b->p->precision != PRECISION_F32 || step->load || !is_wide(z->g, n->arg[0]))
        return false;
    if (step->kind == CUDA_WEIGHT)
        return is_wide(z->g, n->arg[1]);
    return step->kind == CUDA_WALK && (n->op == OP_CONV || n->op == OP_CONV_DX) &&
           is_wide(z->g, step->value);
}

const Ix *cuda_mma_row(Cuda *z)
{
    return ix_word(z->b, "MMA_ROW");
}

const Ix *cuda_mma_column(Cuda *z)
{
    return ix_word(z->b, "MMA_COLUMN");
}

void cuda_mma_multiply(Cuda *z, Reg y, Reg a, const Vx *b0, const Vx *b1)
{
    Build *b = z->b;
    const Ix *zero = ix(b, 0), *one = ix(b, 1);
    CallArg arg[10] = {
        arg_reg(vx_reg(b, y, zero, zero)), arg_reg(vx_reg(b, y, one, zero)),
        arg_reg(vx_reg(b, y, zero, one)), arg_reg(vx_reg(b, y, one, one))};
    for (int k = 0; k < 4; k++)
        arg[4 + k] = arg_vector(vx_reg(b, a, ix(b, k), NULL));
    arg[8] = arg_vector(b0);
    arg[9] = arg_vector(b1);
    put_call(b, "mma", 10, arg);
}

/* ---- a convolution: a has sites x channels read, b the packed weights ---- */

/* One of the blocks of 8 outputs: of these a thread makes 2 at 2 sites. */
static CudaTile tile_of_block(Cuda *z, const CudaTile *of, const Ix *block, int number)
{
    Build *b = z->b;
    CudaTile t = *of;
    t.y = reg_new(b, arena_printf(b->arena, "y%d", number));
    t.channel = ix_add(b, ix_scale(b, block, PACK_WIDTH),
                       ix_scale(b, cuda_mma_column(z), t.channels));
    return t;
}

/* y += w x for 8 input channels from c on, of all blocks of the warp. */
static void add_channels(Cuda *z, const CudaConv *cv, const CudaTile *t, int blocks,
                         Ptr x, Ptr w, const Ix *tap, const Ix *c)
{
    Build *b = z->b;
    Reg v = reg_new(b, "v");
    for (int k = 0; k < 4; k++)
        put_declare(b, v, ix(b, k), NULL,
                    vx_load(b, x, ix(b, k % 2), ix_add(b, c, ix(b, k / 2 * 4))));
    for (int j = 0; j < blocks; j++) {
        const Ix *first = ix_add(b, ix_scale(b, tap, cv->in), c);
        first = ix_add(b, first, ix(b, (int64_t)j * cv->taps * cv->in));
        const Ix *next = ix_add(b, first, ix(b, 4));
        cuda_mma_multiply(z, t[j].y, v,
                          vx_load(b, w, NULL, ix_scale(b, first, PACK_WIDTH)),
                          vx_load(b, w, NULL, ix_scale(b, next, PACK_WIDTH)));
    }
}

/* A warp makes 16 sites x some blocks of outputs.  All of its threads take part in every
 * product, also where there is no site left for them. */
static void make_tile(Cuda *z, const CudaConv *c, const CudaTile *of, const Ix *first,
                      int blocks)
{
    Build *b = z->b;
    CudaTile t[MMA_BLOCKS];
    for (int j = 0; j < blocks; j++) {
        t[j] = tile_of_block(z, of, ix_add(b, first, ix(b, j)), j);
        cuda_conv_begin(z, c, &t[j], arena_printf(b->arena, "bias%d", j));
    }
    Ptr w = ptr_new(b, "w");
    const Ix *mine =
        ix_add(b, ix_scale(b, cuda_mma_column(z), PACK_WIDTH), cuda_mma_row(z));
    const Ix *from = ix_scale(b, first, (int64_t)PACK_WIDTH * c->taps * c->in);
    put_point(b, w, NULL, build_packed(b),
              ix_add(b, ix(b, c->weights), ix_add(b, from, mine)));
    Var tap = put_for(b, "tap", ix(b, 0), ix(b, c->taps), 1);
    Ptr x = cuda_conv_taps(z, c, of, ix_var(b, tap), cuda_mma_column(z));
    Var k = put_for_rolled(b, "c", ix(b, 0), ix(b, c->in), MMA_DEPTH, MMA_TURNS);
    add_channels(z, c, t, blocks, x, w, ix_var(b, tap), ix_var(b, k));
    put_end(b);
    put_end(b);
    for (int j = 0; j < blocks; j++) {
        put_for(b, "block", ix(b, 0), ix(b, 1), 1); /* a scope of its own */
        cuda_chain(z, c->step, &t[j]);
        put_end(b);
    }
}

/* So many tiles from a block of channels on, at all sites. */
static void make_tiles(Cuda *z, const CudaConv *c, const Ix *groups, int from,
                       int tiles, int blocks)
{
    Build *b = z->b;
    Var tile = put_loop(b, LOOP_WARPS, "tile", ix(b, 0), ix_scale(b, groups, tiles), 1);
    const Ix *number = ix(b, 0), *group = ix_var(b, tile);
    if (tiles > 1) {
        number = cuda_quotient(z, "block", group, groups);
        group = cuda_rest(z, "group", group, number, groups);
    }
    CudaTile of = {.channels = 2, .sites = 2};
    const Ix *site = ix_add(b, ix_scale(b, group, MMA_ROWS), cuda_mma_row(z));
    for (int s = 0; s < 2; s++)
        cuda_tile_site(z, &of, s, ix_add(b, site, ix(b, 8 * s)), c->sites);
    make_tile(z, c, &of, ix_add(b, ix_scale(b, number, blocks), ix(b, from)), blocks);
    put_end(b);
}

/* Tiles of equal size, as few as can be; where they do not come out even, a smaller one. */
void cuda_mma_conv(Cuda *z, const CudaConv *c)
{
    Build *b = z->b;
    int all = c->out / PACK_WIDTH, tiles = (all + MMA_BLOCKS - 1) / MMA_BLOCKS;
    int blocks = (all + tiles - 1) / tiles, rest = all % blocks;
    b->p->mma = true;
    const Ix *up = ix_add(b, c->sites, ix(b, MMA_ROWS - 1));
    const Ix *groups = ix_var(b, put_let(b, "groups", ix_div(b, up, ix(b, MMA_ROWS))));
    make_tiles(z, c, groups, 0, all / blocks, blocks);
    if (rest)
        make_tiles(z, c, groups, all - rest, 1, rest);
}
