#include "plan/value.h"
#include "plan/winograd_impl.h"

/* ---- products ---- */

/* Outputs in one register tile with all tiles at once, where there are 32 registers: the
 * sums, one input of each tile, one weight. */
static int block_width(int out)
{
    enum { MOST = (32 - 1 - AT_ONCE) / AT_ONCE };
    return out % MOST && out % (MOST - 1) == 0 ? MOST - 1 : MOST;
}

/* One product of `channels` outputs, a block, at `tiles` of the tiles at once from n on. */
static void product_tile(Lower *l, const Winograd *w, Var m, const Ix *first,
                         int channels, const Ix *n, int tiles)
{
    Build *b = l->b;
    Made made = {.channels = channels, .sites = tiles, .y = reg_new(b, "y")};
    Var lane = put_lanes(b);
    Ptr x = ptr_new(b, "x"), weights = ptr_new(b, "w"), to = ptr_new(b, "product");
    const Ix *matrix = ix_scale(b, ix_var(b, m), (int64_t)w->in * w->out);
    put_point(
        b, weights, NULL, build_packed(b),
        ix_add(b, ix(b, w->weights), ix_add(b, matrix, ix_scale(b, first, w->in))));
    Var i = put_unroll(b, "i", channels);
    Var s = put_unroll(b, "s", tiles);
    put_hold(b, made.y, ix_element(ix_var(b, i), channels), ix_var(b, s), vx_zero(b));
    put_end(b);
    put_end(b);
    const Ix *tile = ix_add(b, ix_scale(b, ix_var(b, m), AT_ONCE), n);
    s = put_unroll(b, "s", tiles);
    const Ix *at = ix_scale(b, ix_add(b, tile, ix_var(b, s)), (int64_t)w->in * LANES);
    put_point(b, x, ix_var(b, s), w->patch, ix_add(b, at, ix_var(b, lane)));
    put_end(b);
    lower_products(l, &made, x, weights, w->in, channels, NULL);
    const Ix *row = ix_add(b, ix_scale(b, tile, w->out), first);
    put_point(b, to, NULL, w->product,
              ix_add(b, ix_scale(b, row, LANES), ix_var(b, lane)));
    i = put_unroll(b, "i", channels);
    s = put_unroll(b, "s", tiles);
    const Ix *vectors = ix_add(b, ix_scale(b, ix_var(b, s), w->out), ix_var(b, i));
    put_store(b, to, NULL, ix_scale(b, vectors, LANES),
              vx_reg(b, made.y, ix_element(ix_var(b, i), channels), ix_var(b, s)));
    put_end(b);
    put_end(b);
    put_end(b);
}

static void product_block(Lower *l, const Winograd *w, Var m, const Ix *first,
                          int channels)
{
    Build *b = l->b;
    int tiles = b->p->target.registers >= 32 ? AT_ONCE : AT_ONCE / 2;
    Var n = put_for(b, "n", ix(b, 0), ix(b, AT_ONCE), tiles);
    product_tile(l, w, m, first, channels, ix_var(b, n), tiles);
    put_end(b);
}

/* For each product a matrix of weights times one of sums of inputs. */
static void multiply(Lower *l, const Winograd *w)
{
    Build *b = l->b;
    int full = w->out / w->width * w->width;
    Var m = put_for(b, "m", ix(b, 0), ix(b, w->products), 1);
    Var o = put_for(b, "o", ix(b, 0), ix(b, full), w->width);
    product_block(l, w, m, ix_var(b, o), w->width);
    put_end(b);
    if (full < w->out)
        product_block(l, w, m, ix(b, full), w->out - full);
    put_end(b);
}

/* ---- outputs ---- */

/* The products of one channel with coordinate `last` on the last axis, summed over the
 * other axes: those beside the row of the tile. */
static const Vx *sum_of_row(Lower *l, const Winograd *w, Ptr from, int last,
                            const Ix *at)
{
    Build *b = l->b;
    const Vx *sum = NULL;
    for (int k = 0; k < winograd_power(2, w->axes - 1); k++) {
        int64_t product = 3 * winograd_corner(w->axes - 1, k) + last;
        const Ix *vectors = ix(b, product * AT_ONCE * w->out * LANES);
        const Vx *x = vx_load(b, from, NULL, ix_add(b, vectors, at));
        sum = sum ? vx_op(b, VX_ADD, sum, x) : x;
    }
    return sum;
}

static void output_tile(Lower *l, const Step *step, const Ix *channel, int channels)
{
    Build *b = l->b;
    const Winograd *w = l->winograd;
    Made made = {
        .channels = channels, .sites = 2, .channel = channel, .site = ix(b, 0)};
    Ptr from = ptr_new(b, "product"), bias = ptr_new(b, "bias");
    made.y = reg_new(b, "y");
    const Ix *first = ix_add(b, ix_scale(b, w->row, (int64_t)AT_ONCE * w->out),
                             ix_scale(b, w->n, w->out));
    put_point(b, from, NULL, w->product, ix_scale(b, ix_add(b, first, channel), LANES));
    if (w->bias >= 0)
        put_point(b, bias, NULL, build_packed(b), ix_add(b, ix(b, w->bias), channel));
    Var lane = put_lanes(b);
    made.lane = ix_var(b, lane);
    Reg v = reg_new(b, "v");
    Var i = put_unroll(b, "i", channels);
    const Ix *at_i = ix_element(ix_var(b, i), channels);
    const Ix *at = ix_add(b, ix_scale(b, ix_var(b, i), LANES), made.lane);
    for (int k = 0; k < 3; k++) {
        const Vx *sum = sum_of_row(l, w, from, k, at);
        if (k == 1 && w->bias >= 0)
            sum = vx_op(b, VX_ADD, sum, vx_broadcast(b, bias, ix_var(b, i)));
        put_declare(b, v, at_i, ix(b, k), sum);
    }
    for (int s = 0; s < 2; s++)
        put_declare(b, made.y, at_i, ix(b, s),
                    vx_op(b, VX_ADD, vx_reg(b, v, at_i, ix(b, s)),
                          vx_reg(b, v, at_i, ix(b, s + 1))));
    put_end(b);
    lower_chain(l, step, &made);
    put_end(b);
}

void winograd_outputs(Lower *l, const Step *step)
{
    Build *b = l->b;
    int out = l->winograd->out;
    int most = b->p->target.registers >= 32 ? 4 : 2;
    int full = out / most * most;
    Var o = put_for(b, "o", ix(b, 0), ix(b, full), most);
    output_tile(l, step, ix_var(b, o), most);
    put_end(b);
    if (full < out)
        output_tile(l, step, ix(b, full), out - full);
}

/* ---- the walk over tiles ---- */

/* The rows of a tile: two outputs along the last axis. */
static void each_row(Lower *l, const Group *group, Winograd *w, int axis,
                     const Ix *tile)
{
    Build *b = l->b;
    if (axis == w->axes - 1) {
        const Ix *at = ix_add(b, w->row, ix(b, winograd_first(w)));
        lower_tile(l, group, winograd_site(l, w, at, tile), 2);
        return;
    }
    const Ix *row = w->row;
    Var r = put_for(b, arena_printf(b->arena, "r%d", axis), ix(b, 0), ix(b, 2), 1);
    w->row = ix_add(b, row,
                    ix_scale(b, ix_var(b, r), winograd_power(3, w->axes - 1 - axis)));
    each_row(l, group, w, axis + 1, tile);
    w->row = row;
    put_end(b);
}

/* The patch of a tile becomes number n of those at once. */
static void transform(Lower *l, const Winograd *w, const Ix *tile, const Ix *n)
{
    Build *b = l->b;
    Vectors v = {.var = "c", .count = w->in, .next = LANES};
    v.product = (int64_t)AT_ONCE * w->in * LANES;
    v.from = ptr_new(b, "x");
    v.to = ptr_new(b, "patch");
    for (int k = 0; k < w->products; k++)
        put_point(b, v.from, ix(b, k), lower_buffer(l, w->x),
                  lower_index(l, w->x, winograd_site(l, w, ix(b, k), tile), ix(b, 0),
                              ix(b, 0)));
    put_point(b, v.to, NULL, w->patch, ix_scale(b, n, (int64_t)w->in * LANES));
    winograd_differences(l, w, &v);
}

/* The tiles from t on; behind the last, that one again, of which nothing is kept. */
static void at_once(Lower *l, const Group *group, Winograd *w, Var t, const Ix *to)
{
    Build *b = l->b;
    Var n = put_for(b, "n", ix(b, 0), ix(b, AT_ONCE), 1);
    const Ix *next = ix_add(b, ix_var(b, t), ix_var(b, n));
    Var tile = put_let(b, "tile", ix_min(b, next, ix_add(b, to, ix(b, -1))));
    transform(l, w, ix_var(b, tile), ix_var(b, n));
    put_end(b);
    multiply(l, w);
    const Ix *left = ix_add(b, to, ix_scale(b, ix_var(b, t), -1));
    n = put_for(b, "n", ix(b, 0), ix_min(b, ix(b, AT_ONCE), left), 1);
    w->n = ix_var(b, n);
    next = ix_add(b, ix_var(b, t), ix_var(b, n));
    each_row(l, group, w, 0, next);
    put_end(b);
}

static void walk(Lower *l, const Group *group, Winograd *w, const Ix *from,
                 const Ix *to)
{
    Build *b = l->b;
    Var t = put_for(b, "t", from, ix_add(b, to, ix(b, AT_ONCE - 1)), AT_ONCE);
    at_once(l, group, w, t, to);
    put_end(b);
}

static Winograd winograd_walk(Lower *l, const Group *group)
{
    Build *b = l->b;
    Val root = group->step[0].root;
    const Node *n = graph_node(l->g, root);
    const Node *x = graph_node(l->g, n->arg[0]);
    bool back = n->op == OP_CONV_DX;
    Winograd w =
        winograd_of(l, n, n->arg[0], x->shape.channels, n->shape.channels, back);
    w.patch =
        build_buffer(b, (Buffer){.name = arena_printf(b->arena, "%s_patch",
                                                      value_name(l->g, w.x, b->arena)),
                                 .space = SPACE_WORK,
                                 .channels = w.products * AT_ONCE * w.in});
    w.product =
        build_buffer(b, (Buffer){.name = arena_printf(b->arena, "%s_product",
                                                      value_name(l->g, root, b->arena)),
                                 .space = SPACE_WORK,
                                 .channels = w.products * AT_ONCE * w.out});
    w.width = block_width(w.out);
    w.weights = lower_pack_products(l, n, w.axes, w.width);
    w.bias = value_pack_bias(b, l->g, n);
    return w;
}

void winograd_sites(Lower *l, const Group *group)
{
    Build *b = l->b;
    Winograd w = winograd_walk(l, group);
    l->winograd = &w;
    l->walked = w.lattice;
    l->tile = tile_of_group(&b->p->target, l->g, group);
    winograd_surround(l, &w);
    for (int s = 1; s < group->steps; s++)
        lower_share(l, &group->step[s]);
    lower_sinks_begin(l, group);
    if (lower_has_sums(l, group)) {
        const Ix *to;
        Var from = lower_strips(l, w.lattice, STRIP >> w.axes, &to);
        lower_strip_begin(l, group);
        walk(l, group, &w, ix_var(b, from), to);
        lower_strip_end(l, group);
        put_end(b);
    } else {
        walk(l, group, &w, ix_first(b, w.lattice), ix_end(b, w.lattice));
    }
    lower_sinks_end(l, group);
    l->winograd = NULL;
}
