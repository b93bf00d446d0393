#include "plan/cuda.h"
#include "plan/value.h"

/* Four numbers of a site are read at once, sixteen bytes a thread: eight threads are served
 * together, and their sites lie in different banks if the pitch is an odd multiple of four. */
int cuda_pitch(int channels)
{
    if (channels < 4)
        return channels;
    int quads = (channels + 3) / 4;
    return 4 * (quads | 1);
}

int cuda_lattice(Cuda *z, Val v)
{
    return build_lattice(z->b, &graph_node(z->g, v)->shape);
}

const Ix *cuda_sites(Cuda *z, Val v)
{
    return ix_sites(z->b, cuda_lattice(z, v));
}

static bool is_site(const Shape *s)
{
    return s->rank == 0;
}

BufId cuda_buffer(Cuda *z, Val v)
{
    const Node *n = graph_node(z->g, v);
    BufId buf = build_buffer(z->b, (Buffer){.name = value_name(z->g, v, z->b->arena),
                                            .space = SPACE_WORK,
                                            .channels = n->shape.channels,
                                            .lattice = cuda_lattice(z, v),
                                            .far = z->passes->far[v.i]});
    Buffer *b = &z->b->p->buffer[buf.i];
    b->pitch = is_site(&n->shape) ? b->channels : cuda_pitch(b->channels);
    b->zero_site |= z->steps->ghost[v.i];
    return buf;
}

const Ix *cuda_tile(Cuda *z, Val v)
{
    return is_site(&graph_node(z->g, v)->shape) ? ix(z->b, 1)
                                                : ix_word(z->b, "at.sites");
}

const Ix *cuda_site(Cuda *z, Val v, const Ix *s)
{
    return is_site(&graph_node(z->g, v)->shape)
               ? s
               : ix_add(z->b, ix_word(z->b, "at.site"), s);
}

const Ix *cuda_there(Cuda *z, Val v, const Ix *site, const Ix *channel)
{
    Build *b = z->b;
    const Shape *s = &graph_node(z->g, v)->shape;
    if (is_site(s))
        return channel;
    return ix_add(b, ix_scale(b, site, cuda_pitch(s->channels)), channel);
}

const Ix *cuda_here(Cuda *z, Val v, const Ix *s, const Ix *channel)
{
    return cuda_there(z, v, z->passes->far[v.i] ? cuda_site(z, v, s) : s, channel);
}

int cuda_taps(const Node *window, const Shape *of)
{
    int taps = 1;
    for (int k = 0; k < of->rank; k++)
        taps *= window->window.kernel[k];
    return taps;
}

bool cuda_same_site(const Node *window, const Shape *of)
{
    for (int k = 0; k < of->rank; k++)
        if (window->window.kernel[k] != 1 || window->window.stride[k] != 1)
            return false;
    return true;
}

BufId cuda_table(Cuda *z, GeometryKind kind, const Node *window, Val from, Val to)
{
    int in = cuda_lattice(z, kind == NEAR_FORWARD ? from : to);
    int out = cuda_lattice(z, kind == NEAR_FORWARD ? to : from);
    return build_table(z->b, kind, &window->window, in, out);
}

BufId cuda_sums(Cuda *z, int param)
{
    const Param *p = &z->g->param[param];
    const char *name = arena_printf(z->b->arena, "sums of %s", p->name);
    return build_buffer(z->b,
                        (Buffer){.name = name, .space = SPACE_SUM, .count = p->count});
}

void cuda_clear_ghost(Cuda *z, Val v)
{
    Build *b = z->b;
    if (!z->steps->ghost[v.i] || !z->steps->stored[v.i])
        return;
    Ptr ghost =
        ptr_new(b, arena_printf(b->arena, "ghost_%s", value_name(z->g, v, b->arena)));
    put_point(b, ghost, NULL, cuda_buffer(z, v),
              cuda_there(z, v, cuda_sites(z, v), ix(b, 0)));
    int channels = graph_node(z->g, v)->shape.channels;
    Var o = put_loop(b, LOOP_THREADS, "o", ix(b, 0), ix(b, channels), 1);
    put_store(b, ghost, NULL, ix_var(b, o), vx_zero(b));
    put_end(b);
}

const Ix *cuda_quotient(Cuda *z, const char *name, const Ix *item, const Ix *count)
{
    if (ix_is(count, 1))
        return item;
    return ix_var(z->b, put_let(z->b, name, ix_div(z->b, item, count)));
}

const Ix *cuda_rest(Cuda *z, const char *name, const Ix *item, const Ix *quotient,
                    const Ix *count)
{
    Build *b = z->b;
    if (ix_is(count, 1))
        return ix(b, 0);
    const Ix *whole = ix_mul(b, quotient, count);
    return ix_var(b, put_let(b, name, ix_add(b, item, ix_scale(b, whole, -1))));
}
