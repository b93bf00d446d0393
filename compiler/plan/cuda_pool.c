#include "plan/cuda_sum.h"
#include "plan/value.h"

BufId cuda_parts(Cuda *z, const CudaStep *step, const char *of)
{
    Val x = graph_node(z->g, step->value)->arg[0];
    int channels = graph_node(z->g, x)->shape.channels;
    const char *name = arena_printf(z->b->arena, "%s_%s",
                                    value_name(z->g, step->value, z->b->arena), of);
    BufId parts = build_buffer(z->b, (Buffer){.name = name,
                                              .space = SPACE_WORK,
                                              .channels = channels,
                                              .lattice = cuda_lattice(z, x),
                                              .far = true});
    Buffer *b = &z->b->p->buffer[parts.i];
    b->pitch = channels;
    b->by_tile = true;
    return parts;
}

Sum cuda_pool_sum(Cuda *z, const CudaStep *step, CudaPoolPart part)
{
    Sum s = cuda_sum_of(z, step);
    if (part != POOL_TILES && part != POOL_ADD_TILES)
        return s;
    s.parts = cuda_parts(z, step, "parts");
    s.of = "tiles";
    s.sites = ix_tiles(z->b, cuda_lattice(z, s.dy));
    return s;
}

static void add(Cuda *z, const CudaStep *step, CudaPoolPart part)
{
    Build *b = z->b;
    Sum s = cuda_pool_sum(z, step, part);
    const Ix *shares = cuda_share_count(z, &s);
    Var loop = put_loop(b, LOOP_THREADS, "item", ix(b, 0), ix(b, s.items), 1);
    const Ix *c = ix_var(b, loop);
    Reg sum = cuda_add_shares(z, step, &s, ix(b, 0), c, shares);
    const Vx *value = vx_reg(b, sum, NULL, NULL);
    Ptr y = ptr_new(b, "y");
    if (part == POOL_TILE) {
        const Ix *first = ix_scale(b, ix_word(b, "at.tile"), s.out);
        put_point(b, y, NULL, cuda_parts(z, step, "parts"), first);
    } else {
        put_point(b, y, NULL, cuda_buffer(z, step->value), ix(b, 0));
        if (graph_node(z->g, step->value)->op == OP_GLOBAL_AVG)
            value = vx_op(b, VX_DIV, value, vx_index(b, cuda_sites(z, s.dy)));
    }
    put_store(b, y, NULL, c, value);
    put_end(b);
}

void cuda_pool(Cuda *z, const CudaStep *step, CudaPoolPart part)
{
    Sum s = cuda_pool_sum(z, step, part);
    if (part == POOL_SHARES || part == POOL_TILES)
        cuda_put_shares(z, step, &s);
    else
        add(z, step, part);
}
