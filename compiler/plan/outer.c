#include "plan/outer.h"

#include "plan/value.h"

enum { CHANNELS_LEAST = 32 };

/* ---- tiles ----
 *
 * One turn of the inner loop loads `wide` vectors of x, broadcasts `channels` numbers dy and
 * does channels x wide multiply-adds, all from registers: the more of these for one load the
 * better, as long as sums, vectors of x and one dy fit the registers. */

/* Vectors of a panel: all inputs, or as many as leave the fewest over. */
static int panel_width(const Target *target, int in)
{
    int vectors = in / LANES, most = target->registers >= 32 ? 5 : 3;
    if (vectors <= most)
        return vectors;
    for (int wide = most; wide > most / 2; wide--)
        if (vectors % wide == 0)
            return wide;
    return most;
}

static int tile_channels(const Target *target, int wide, int out)
{
    int most = (target->registers - 1 - wide) / wide;
    most = most > LANES ? LANES : most;
    for (int channels = most; channels > most * 3 / 4; channels--)
        if (out % channels == 0)
            return channels;
    int tiles = (out + most - 1) / most;
    return (out + tiles - 1) / tiles;
}

/* ---- panels ---- */

BufId outer_panels(Lower *l, const Outer *o, Val x)
{
    Build *b = l->b;
    const char *name =
        arena_printf(b->arena, "%s_panels", value_name(l->g, x, b->arena));
    return build_buffer(b, (Buffer){.name = name,
                                    .space = SPACE_WORK,
                                    .channels = o->products * o->strip * o->in});
}

/* First number of the panel that begins with channel c. */
static const Ix *panel(Lower *l, const Outer *o, const Ix *product, const Ix *c)
{
    Build *b = l->b;
    const Ix *channels = ix_add(b, ix_scale(b, product, o->in), c);
    return ix_scale(b, channels, (int64_t)o->strip * LANES);
}

/* The channels of one site from c on, to the panel that begins with them. */
static void transpose_panel(Lower *l, const Outer *o, const Ix *product, const Ix *c,
                            int wide, const Ix *site, BufId from, const Ix *first)
{
    Build *b = l->b;
    const Ix *to = ix_add(b, panel(l, o, product, c),
                          ix_scale(b, site, (int64_t)LANES * wide * LANES));
    Var v = put_for(b, "v", ix(b, 0), ix(b, wide), 1);
    const Ix *at = ix_add(b, c, ix_scale(b, ix_var(b, v), LANES));
    put_call(b, "vec_transpose", 3,
             (CallArg[]){
                 arg_buf(b, from, ix_add(b, first, ix_scale(b, at, LANES))),
                 arg_buf(b, o->panels, ix_add(b, to, ix_scale(b, ix_var(b, v), LANES))),
                 arg_int(b, wide * LANES)});
    put_end(b);
}

void outer_transpose(Lower *l, const Outer *o, const Ix *product, const Ix *site,
                     BufId from, const Ix *first)
{
    Build *b = l->b;
    int wide = panel_width(&b->p->target, o->in), size = wide * LANES;
    int full = o->in / size * size;
    Var c = put_for(b, "c", ix(b, 0), ix(b, full), size);
    transpose_panel(l, o, product, ix_var(b, c), wide, site, from, first);
    put_end(b);
    if (full < o->in)
        transpose_panel(l, o, product, ix(b, full), (o->in - full) / LANES, site, from,
                        first);
}

/* ---- sums ---- */

/* sum[i][j] += dy[o + i] x[c + 16 j + ..] over the sites and samples of the strip. */
static void sum_samples(Lower *l, const Outer *o, const Ix *product, const Ix *first,
                        Ptr x, const Made *m)
{
    Build *b = l->b;
    int width = m->sites * LANES;
    Ptr dy = ptr_new(b, "dy");
    Var at = put_for(b, "at", ix(b, 0), o->sites, 1);
    const Ix *row =
        ix_add(b, ix_scale(b, ix_add(b, o->dy_first, ix_var(b, at)), o->dy_row),
               ix_scale(b, product, o->dy_product));
    put_point(b, dy, NULL, o->dy, ix_scale(b, ix_add(b, row, first), LANES));
    Var q = put_for(b, "q", ix(b, 0), ix(b, LANES), 1);
    Reg v = reg_new(b, "v"), u = reg_new(b, "u");
    Var j = put_unroll(b, "j", m->sites);
    const Ix *sample = ix_add(b, ix_scale(b, ix_var(b, at), LANES), ix_var(b, q));
    put_hold(b, v, ix_element(ix_var(b, j), m->sites), NULL,
             vx_load(b, x, NULL,
                     ix_add(b, ix_scale(b, sample, width),
                            ix_scale(b, ix_var(b, j), LANES))));
    put_end(b);
    Var i = put_unroll(b, "i", m->channels);
    const Ix *at_i = ix_element(ix_var(b, i), m->channels);
    put_declare(
        b, u, at_i, NULL,
        vx_broadcast(b, dy, ix_add(b, ix_scale(b, ix_var(b, i), LANES), ix_var(b, q))));
    j = put_unroll(b, "j", m->sites);
    const Ix *at_j = ix_element(ix_var(b, j), m->sites);
    put_set(b, m->y, at_i, at_j,
            vx_op3(b, VX_FMA, vx_reg(b, u, at_i, NULL), vx_reg(b, v, at_j, NULL),
                   vx_reg(b, m->y, at_i, at_j)));
    put_end(b);
    put_end(b);
    put_end(b);
    put_end(b);
}

/* `channels` outputs from `first` on, `wide` times 16 inputs from c on. */
static void sum_tile(Lower *l, const Outer *o, const Ix *product, const Ix *first,
                     int channels, const Ix *c, int wide)
{
    Build *b = l->b;
    Made m = {.channels = channels, .sites = wide, .y = reg_new(b, "sum")};
    Ptr x = ptr_new(b, "x"), dw = ptr_new(b, "dw");
    Var lane = put_lanes(b);
    put_point(b, x, NULL, o->panels,
              ix_add(b, panel(l, o, product, c), ix_var(b, lane)));
    Var i = put_unroll(b, "i", channels);
    Var j = put_unroll(b, "j", wide);
    const Ix *at_i = ix_element(ix_var(b, i), channels);
    const Ix *at_j = ix_element(ix_var(b, j), wide);
    put_hold(b, m.y, at_i, at_j, vx_zero(b));
    put_end(b);
    put_end(b);
    sum_samples(l, o, product, first, x, &m);
    const Ix *matrix = ix_scale(b, product, (int64_t)o->out * o->in);
    const Ix *row = ix_add(b, ix_scale(b, first, o->in), ix_add(b, c, ix_var(b, lane)));
    put_point(b, dw, NULL, lower_sums(l),
              ix_add(b, ix(b, o->region), ix_add(b, matrix, row)));
    i = put_unroll(b, "i", channels);
    j = put_unroll(b, "j", wide);
    at_i = ix_element(ix_var(b, i), channels);
    at_j = ix_element(ix_var(b, j), wide);
    const Ix *at =
        ix_add(b, ix_scale(b, ix_var(b, i), o->in), ix_scale(b, ix_var(b, j), LANES));
    put_store(b, dw, NULL, at,
              vx_op(b, VX_ADD, vx_load(b, dw, NULL, at), vx_reg(b, m.y, at_i, at_j)));
    put_end(b);
    put_end(b);
    put_end(b);
}

static void sum_panel(Lower *l, const Outer *o, const Ix *product, const Ix *c,
                      int wide)
{
    Build *b = l->b;
    int channels = tile_channels(&b->p->target, wide, o->out);
    int full = o->out / channels * channels;
    Var first = put_for(b, "o", ix(b, 0), ix(b, full), channels);
    sum_tile(l, o, product, ix_var(b, first), channels, c, wide);
    put_end(b);
    if (full < o->out)
        sum_tile(l, o, product, ix(b, full), o->out - full, c, wide);
}

void outer_sums(Lower *l, const Outer *o)
{
    Build *b = l->b;
    int wide = panel_width(&b->p->target, o->in), size = wide * LANES;
    int full = o->in / size * size;
    Var m = put_for(b, "m", ix(b, 0), ix(b, o->products), 1);
    Var c = put_for(b, "c", ix(b, 0), ix(b, full), size);
    sum_panel(l, o, ix_var(b, m), ix_var(b, c), wide);
    put_end(b);
    if (full < o->in)
        sum_panel(l, o, ix_var(b, m), ix(b, full), (o->in - full) / LANES);
    put_end(b);
}

/* ---- one site after the other ---- */

bool outer_can(const Graph *g, int param)
{
    const Param *p = &g->param[param];
    if (p->rank <= 2 || p->dim[0] < CHANNELS_LEAST || p->dim[1] < CHANNELS_LEAST ||
        p->dim[1] % LANES)
        return false;
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        if (n->param == param &&
            (n->op == OP_PICK_DW ||
             (n->op == OP_CONV_DW && !window_is_one_site(&n->window, p->rank - 2))))
            return false;
    }
    return true;
}

void outer_weight(Lower *l, Val v)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, v);
    Val dy = n->arg[0], x = n->arg[1];
    Outer o = {.out = graph_node(l->g, dy)->shape.channels,
               .in = graph_node(l->g, x)->shape.channels,
               .products = 1,
               .strip = OUTER_SITES,
               .dy = lower_buffer(l, dy),
               .dy_row = lower_row(graph_node(l->g, dy)),
               .region = lower_region(l, n->param)};
    o.panels = outer_panels(l, &o, x);
    const Ix *to;
    Var from = lower_strips(l, ix_sites(b, lower_lattice(l, dy)), OUTER_SITES, &to);
    o.dy_first = ix_var(b, from);
    o.sites = ix_add(b, to, ix_scale(b, ix_var(b, from), -1));
    Var at = put_for(b, "at", ix(b, 0), o.sites, 1);
    const Ix *site = ix_add(b, ix_var(b, from), ix_var(b, at));
    outer_transpose(l, &o, ix(b, 0), ix_var(b, at), lower_buffer(l, x),
                    lower_index(l, x, site, ix(b, 0), ix(b, 0)));
    put_end(b);
    outer_sums(l, &o);
    put_end(b);
}
