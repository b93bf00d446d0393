#include "plan/lower.h"
#include "plan/value.h"

/* A walk over the windows of a pool, each a tile of its own:
 *
 *     for every window s, the sites near[k][s] of it
 *         y[i][k] = channels of a convolution and what follows it, at these sites
 *         pooled[i] = their mean or maximum over k
 *
 * and over those of the adjoint, where y[k] follows from what is spread, dy[s]. */

bool lower_is_scattered(Lower *l, Val v)
{
    return l->near.i && l->f->place[v.i] == PLACE_WORK &&
           lower_lattice(l, v) != l->walked;
}

const Ix *lower_site(Lower *l, const Ix *in_tile)
{
    Build *b = l->b;
    if (!l->near.i)
        return ix_add(b, l->site, in_tile);
    const Ix *row = ix_mul(b, in_tile, ix_sites(b, l->walked));
    return ix_table(b, l->near, ix_add(b, row, l->site));
}

/* Zeros where the windows leave sites out. */
static void clear_field(Lower *l, Val v)
{
    Build *b = l->b;
    if (!lower_is_scattered(l, v))
        return;
    int lattice = lower_lattice(l, v), site = lower_row(graph_node(l->g, v)) * LANES;
    const Ix *first = ix_first(b, lattice);
    const Ix *sites = ix_add(b, ix_end(b, lattice), ix_scale(b, first, -1));
    put_if(b, ix_scale(b, ix_sites(b, l->walked), l->tile.sites), ix_sites(b, lattice));
    put_call(b, "clear", 2,
             (CallArg[]){arg_buf(b, lower_buffer(l, v), ix_scale(b, first, site)),
                         arg_ix(ix_scale(b, sites, site))});
    put_end(b);
}

void lower_windows_begin(Lower *l, const Group *group)
{
    const Node *n = graph_node(l->g, group->window);
    const Step *step = &group->step[0];
    const Shape *sites = &graph_node(l->g, step->root)->shape;
    l->near = build_table(l->b, NEAR_FORWARD, &n->window, build_lattice(l->b, sites),
                          l->walked);
    if (fuse_pool(group) || fuse_covers(l->g, sites, n))
        return;
    clear_field(l, step->root);
    for (int c = 0; c < step->chains; c++)
        clear_field(l, step->chain[c]);
}

/* ---- a pool of what is in registers ---- */

static const Vx *made_at(Lower *l, const Made *m, const Ix *at_i, int site)
{
    return vx_reg(l->b, m->y, at_i, ix(l->b, site));
}

static void pool_mean(Lower *l, const Made *m, Reg y, const Ix *at_i)
{
    Build *b = l->b;
    const Vx *sum = made_at(l, m, at_i, 0);
    for (int k = 1; k < m->sites; k++)
        sum = vx_op(b, VX_ADD, sum, made_at(l, m, at_i, k));
    put_declare(b, y, at_i, NULL, value_mean(b, sum, m->sites));
}

/* The first largest site wins: later ones must be greater. */
static void pool_max(Lower *l, const Made *m, Reg y, const Ix *at_i, const Reg *where)
{
    Build *b = l->b;
    const Vx *max = vx_reg(b, y, at_i, NULL);
    put_declare(b, y, at_i, NULL, made_at(l, m, at_i, 0));
    if (where)
        put_declare(b, *where, at_i, NULL, vx_zero(b));
    for (int k = 1; k < m->sites; k++) {
        const Vx *x = made_at(l, m, at_i, k);
        if (where)
            put_set(b, *where, at_i, NULL,
                    vx_op4(b, VX_GT, x, max, vx_const(b, k),
                           vx_reg(b, *where, at_i, NULL)));
        put_set(b, y, at_i, NULL, vx_op(b, VX_MAX, x, max));
    }
}

void lower_pool(Lower *l, const Step *step, const Made *made)
{
    Build *b = l->b;
    bool mean = graph_node(l->g, step->root)->op == OP_AVG_POOL;
    Made m = *made;
    m.sites = 1;
    m.y = reg_new(b, mean ? "mean" : "max");
    Reg where = reg_new(b, "where");
    Var i = put_unroll(b, "i", m.channels);
    const Ix *at_i = ix_element(ix_var(b, i), m.channels);
    if (mean)
        pool_mean(l, made, m.y, at_i);
    else
        pool_max(l, made, m.y, at_i, step->arg.i ? &where : NULL);
    if (step->arg.i) {
        const Ix *channel = ix_add(b, m.channel, ix_var(b, i));
        put_store(b, l->ptr[step->arg.i], NULL,
                  lower_index(l, step->arg, NULL, channel, m.lane),
                  vx_reg(b, where, at_i, NULL));
    }
    put_end(b);
    lower_chain(l, step, &m);
}

/* ---- its adjoint ---- */

/* What a site of the window gets: the same for all, or all for the one that won. */
static const Vx *share_of(Lower *l, Op op, Reg dy, Reg arg, int site)
{
    Build *b = l->b;
    const Vx *all = vx_reg(b, dy, NULL, NULL);
    if (op == OP_AVG_UNPOOL)
        return all;
    return vx_op4(b, VX_EQ, vx_reg(b, arg, NULL, NULL), vx_const(b, site), all,
                  vx_zero(b));
}

void lower_spread(Lower *l, const Step *step)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, step->root);
    bool mean = n->op == OP_AVG_UNPOOL;
    lower_point_at(l, n->arg[0]);
    if (!mean)
        lower_point_at(l, n->arg[1]);
    Var c = put_for(b, "c", ix(b, 0), ix(b, n->shape.channels), 1);
    Var lane = put_lanes(b);
    Made m = {.y = reg_new(b, "y"),
              .channels = 1,
              .sites = l->tile.sites,
              .channel = ix_var(b, c),
              .site = ix(b, 0),
              .lane = ix_var(b, lane)};
    Reg dy = reg_new(b, "dy"), arg = reg_new(b, "arg");
    const Ix *at = lower_index(l, n->arg[0], NULL, m.channel, m.lane);
    const Vx *all = vx_load(b, l->ptr[n->arg[0].i], NULL, at);
    put_declare(b, dy, NULL, NULL, mean ? value_mean(b, all, m.sites) : all);
    if (!mean)
        put_declare(b, arg, NULL, NULL, vx_load(b, l->ptr[n->arg[1].i], NULL, at));
    for (int k = 0; k < m.sites; k++)
        put_declare(b, m.y, NULL, ix(b, k), share_of(l, n->op, dy, arg, k));
    lower_chain(l, step, &m);
    put_end(b);
    put_end(b);
}
