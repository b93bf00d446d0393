#include "plan/lower.h"
#include "plan/outer.h"
#include "plan/value.h"
#include "plan/winograd.h"

int lower_lattice(Lower *l, Val v)
{
    return build_lattice(l->b, &graph_node(l->g, v)->shape);
}

int lower_row(const Node *n)
{
    int channels = n->shape.channels;
    return channels + (n->shape.rank > 0 && channels % 16 == 0);
}

/* Vectors of the largest array on the stack: 256 kB of floats. */
enum { STACK_MOST = 1 << 12 };

BufId lower_near(Lower *l, const char *name, int channels, int sites)
{
    Buffer stack = {
        .name = name, .space = SPACE_STACK, .channels = channels, .count = sites};
    Buffer work = {.name = name, .space = SPACE_WORK, .channels = channels * sites};
    return build_buffer(l->b, channels * sites <= STACK_MOST ? stack : work);
}

BufId lower_buffer(Lower *l, Val v)
{
    const Node *n = graph_node(l->g, v);
    const char *name = value_name(l->g, v, l->b->arena);
    if (lower_is_dense(l, v))
        return lower_near(l, arena_printf(l->b->arena, "%s_outputs", name),
                          lower_vectors(n->shape.channels), 1);
    if (l->f->place[v.i] == PLACE_STACK)
        return lower_near(l, arena_printf(l->b->arena, "%s_tile", name), lower_row(n),
                          l->tile.sites);
    return build_buffer(l->b, (Buffer){.name = name,
                                       .space = SPACE_WORK,
                                       .channels = lower_row(n),
                                       .lattice = lower_lattice(l, v)});
}

static int64_t fours(int64_t n)
{
    return (n + 3) / 4;
}

static bool on_winners(const Graph *g, const Node *n)
{
    return n->op == OP_PICK_DW ||
           (n->op == OP_CONV_DW && graph_node(g, n->arg[0])->shape.winners);
}

Matrices lower_matrices(const Lower *l, int param)
{
    const Param *p = &l->g->param[param];
    int64_t taps = p->count / ((int64_t)p->dim[0] * p->dim[1]);
    Matrices m = {.out = p->dim[0], .in = p->dim[1], .taps = taps};
    for (uint32_t i = 1; i < l->g->nodes; i++)
        if (l->g->node[i].param == param && on_winners(l->g, &l->g->node[i]))
            m = (Matrices){.out = p->dim[0], .in = p->dim[1] * taps, .taps = 1};
    return m;
}

int lower_taps_at_once(int64_t out, int64_t taps)
{
    int64_t most = out > 2 ? 1 : 4 / out, turns = (taps + most - 1) / most;
    return (int)((taps + turns - 1) / turns);
}

/* A bias has room for a whole vector from its last eight on. */
static int64_t region_size(const Lower *l, int param)
{
    const Param *p = &l->g->param[param];
    if (p->rank == 1)
        return (p->count + 8 + LANES - 1) / LANES * LANES;
    int64_t taps = p->count / ((int64_t)p->dim[0] * p->dim[1]);
    int64_t size = outer_form(l->g, param)
                       ? p->count
                       : taps * fours(p->dim[0]) * fours(p->dim[1]) * LANES;
    int64_t products = winograd_region(l, param);
    return size > products ? size : products;
}

int64_t lower_region(const Lower *l, int param)
{
    int64_t at = 0;
    for (int i = 0; i < param; i++)
        at += region_size(l, i);
    return at;
}

BufId lower_sums(Lower *l)
{
    return build_buffer(l->b, (Buffer){.name = "sums",
                                       .space = SPACE_SUM,
                                       .count = lower_region(l, l->g->params) / LANES});
}

int lower_taps(const Node *window)
{
    int taps = 1;
    for (int k = 0; k < window->shape.rank; k++)
        taps *= window->window.kernel[k];
    return taps;
}

BufId lower_table(Lower *l, GeometryKind kind, const Node *window, Val from, Val to)
{
    int in = lower_lattice(l, kind == NEAR_FORWARD ? from : to);
    int out = lower_lattice(l, kind == NEAR_FORWARD ? to : from);
    l->b->p->buffer[lower_buffer(l, from).i].around = true;
    return build_table(l->b, kind, &window->window, in, out);
}

void lower_around(Lower *l, Val field, bool can_miss, const BufId *halo)
{
    Build *b = l->b;
    BufId buf = lower_buffer(l, field);
    int row = lower_row(graph_node(l->g, field));
    const Ix *sites = ix_sites(b, lower_lattice(l, field));
    if (can_miss)
        put_call(b, "clear", 2,
                 (CallArg[]){arg_buf(b, buf, ix_scale(b, sites, row * LANES)),
                             arg_int(b, row * LANES)});
    if (halo)
        put_call(b, "vec_fill_halo", 4,
                 (CallArg[]){arg_halo(*halo), arg_buf(b, buf, NULL), arg_int(b, row),
                             arg_ix(sites)});
}

void lower_surround(Lower *l, GeometryKind kind, const Node *window, Val from, Val to)
{
    BufId table = lower_table(l, kind, window, from, to);
    bool halo = kind == NEAR_FORWARD || kind == NEAR_BACKWARD;
    lower_around(l, from, value_can_miss(kind, &window->window, window->shape.rank),
                 halo ? &table : NULL);
}

const Ix *lower_index(Lower *l, Val v, const Ix *site, const Ix *channel,
                      const Ix *lane)
{
    Build *b = l->b;
    const Ix *element = channel;
    if (site)
        element = ix_add(b, ix_scale(b, site, lower_row(graph_node(l->g, v))), channel);
    return ix_add(b, ix_scale(b, element, LANES), lane);
}

Var lower_strips(Lower *l, int lattice, int most, const Ix **to)
{
    Build *b = l->b;
    const Ix *all = ix_end(b, lattice);
    Var from =
        put_for(b, "from", ix_first(b, lattice), ix_add(b, all, ix(b, most - 1)), most);
    const Ix *end = ix_min(b, ix_add(b, ix_var(b, from), ix(b, most)), all);
    *to = ix_var(b, put_let(b, "to", end));
    return from;
}

void lower_point_at(Lower *l, Val v)
{
    if (l->has_ptr[v.i])
        return;
    Build *b = l->b;
    const Node *n = graph_node(l->g, v);
    bool whole = l->f->place[v.i] == PLACE_WORK && n->shape.rank > 0;
    l->ptr[v.i] = ptr_new(b, value_name(l->g, v, l->b->arena));
    l->has_ptr[v.i] = true;
    if (lower_is_scattered(l, v)) {
        Var s = put_unroll(b, "s", l->tile.sites);
        put_point(b, l->ptr[v.i], ix_var(b, s), lower_buffer(l, v),
                  lower_index(l, v, lower_site(l, ix_var(b, s)), ix(b, 0), ix(b, 0)));
        put_end(b);
        return;
    }
    const Ix *first = whole ? lower_index(l, v, l->site, ix(b, 0), ix(b, 0)) : ix(b, 0);
    put_point(b, l->ptr[v.i], NULL, lower_buffer(l, v), first);
}
