#include "plan/outer.h"

typedef struct Weight {
    Val dy, x;
    int out, in, taps;
    int at_once;    /* taps in one tile   */
    bool winners;   /* PICK_DW            */
    int64_t region; /* where its sums lie */
    BufId table;
    const Ix *from, *to; /* sites of the strip  */
    const Ix *tap;
} Weight;

/* The site of x that tap t behind `tap` sees from site s of dy. */
static const Ix *site_seen(Lower *l, const Weight *w, const Ix *s, const Ix *t)
{
    Build *b = l->b;
    if (!w->table.i)
        return s;
    const Ix *tap = t ? ix_add(b, w->tap, t) : w->tap;
    const Ix *sites = ix_sites(b, lower_lattice(l, w->dy));
    return ix_table(b, w->table, ix_add(b, ix_mul(b, tap, sites), s));
}

/* sum[t,i][j] += dy[o+i] x_t[c+j] over the sites of the strip, x_t being what tap t sees. */
static void sum_taps(Lower *l, const Weight *w, const Ix *o, const Ix *c, Tile tile,
                     int taps, Reg sum, const Ix *lane)
{
    Build *b = l->b;
    Ptr dy = ptr_new(b, "dy"), x = ptr_new(b, "x");
    Var s = put_for(b, "s", w->from, w->to, 1);
    put_point(b, dy, NULL, lower_buffer(l, w->dy),
              lower_index(l, w->dy, ix_var(b, s), o, lane));
    Reg v = reg_new(b, "v"), u = reg_new(b, "u");
    Var i = put_unroll(b, "i", tile.channels);
    const Ix *at_i = ix_element(ix_var(b, i), tile.channels);
    put_hold(b, u, at_i, NULL, vx_load(b, dy, NULL, ix_scale(b, ix_var(b, i), LANES)));
    put_end(b);
    Var t = put_unroll(b, "t", taps);
    put_point(
        b, x, ix_var(b, t), lower_buffer(l, w->x),
        lower_index(l, w->x, site_seen(l, w, ix_var(b, s), ix_var(b, t)), c, lane));
    Var j = put_unroll(b, "j", tile.sites);
    const Ix *at_j = ix_element(ix_var(b, j), tile.sites);
    put_hold(b, v, ix_var(b, t), at_j,
             vx_load(b, x, ix_var(b, t), ix_scale(b, ix_var(b, j), LANES)));
    i = put_unroll(b, "i", tile.channels);
    at_i = ix_element(ix_var(b, i), tile.channels);
    const Ix *row = ix_add(b, ix_scale(b, ix_var(b, t), tile.channels), ix_var(b, i));
    put_set(b, sum, row, at_j,
            vx_op3(b, VX_FMA, vx_reg(b, u, at_i, NULL),
                   vx_reg(b, v, ix_var(b, t), at_j), vx_reg(b, sum, row, at_j)));
    put_end(b);
    put_end(b);
    put_end(b);
    put_end(b);
}

/* sum[i][j] += dy[o+i] x[c+j] over the sites of the strip. */
static void sum_sites(Lower *l, const Weight *w, const Ix *o, const Ix *c, Tile tile,
                      Reg sum, const Ix *lane)
{
    Build *b = l->b;
    Ptr dy = ptr_new(b, "dy"), x = ptr_new(b, "x");
    Var s = put_for(b, "s", w->from, w->to, 1);
    const Ix *there = site_seen(l, w, ix_var(b, s), NULL);
    put_point(b, dy, NULL, lower_buffer(l, w->dy),
              lower_index(l, w->dy, ix_var(b, s), o, lane));
    put_point(b, x, NULL, lower_buffer(l, w->x), lower_index(l, w->x, there, c, lane));
    Reg v = reg_new(b, "v"), u = reg_new(b, "u");
    Var j = put_unroll(b, "j", tile.sites);
    put_hold(b, v, ix_element(ix_var(b, j), tile.sites), NULL,
             vx_load(b, x, NULL, ix_scale(b, ix_var(b, j), LANES)));
    put_end(b);
    Var i = put_unroll(b, "i", tile.channels);
    const Ix *at_i = ix_element(ix_var(b, i), tile.channels);
    put_hold(b, u, at_i, NULL, vx_load(b, dy, NULL, ix_scale(b, ix_var(b, i), LANES)));
    j = put_unroll(b, "j", tile.sites);
    const Ix *at_j = ix_element(ix_var(b, j), tile.sites);
    put_set(b, sum, at_i, at_j,
            vx_op3(b, VX_FMA, vx_reg(b, u, at_i, NULL), vx_reg(b, v, at_j, NULL),
                   vx_reg(b, sum, at_i, at_j)));
    put_end(b);
    put_end(b);
    put_end(b);
}

/* sum[i][j] = dy[o+i] x[c+j], both at winner o+i. */
static void multiply_winners(Lower *l, const Weight *w, const Ix *o, const Ix *c,
                             Tile tile, Reg sum, const Ix *lane)
{
    Build *b = l->b;
    Ptr dy = ptr_new(b, "dy"), x = ptr_new(b, "x");
    Reg u = reg_new(b, "u");
    Var i = put_unroll(b, "i", tile.channels);
    const Ix *at_i = ix_element(ix_var(b, i), tile.channels);
    const Ix *p = ix_add(b, o, ix_var(b, i));
    put_point(b, dy, at_i, lower_buffer(l, w->dy),
              lower_index(l, w->dy, p, ix(b, 0), lane));
    put_point(b, x, at_i, lower_buffer(l, w->x), lower_index(l, w->x, p, c, lane));
    put_declare(b, u, at_i, NULL, vx_load(b, dy, at_i, ix(b, 0)));
    Var j = put_unroll(b, "j", tile.sites);
    const Ix *at_j = ix_element(ix_var(b, j), tile.sites);
    put_declare(b, sum, at_i, at_j,
                vx_op(b, VX_MUL, vx_reg(b, u, at_i, NULL),
                      vx_load(b, x, at_i, ix_scale(b, ix_var(b, j), LANES))));
    put_end(b);
    put_end(b);
}

/* At `to`, number after number: += the sum over the lanes of each vector of sum[i][j], in
 * columns of `height`. */
static void add_sums(Lower *l, Ptr to, Reg sum, Tile tile, int height)
{
    Build *b = l->b;
    int all = b->p->target.registers >= 32 ? LANES : LANES / 2;
    CallArg arg[CALL_ARGS] = {arg_ptr(to, ix(b, 0))};
    for (int k = 0; k < all; k++) {
        int i = k % height, j = k / height;
        bool there = i < tile.channels && j < tile.sites;
        arg[1 + k] =
            arg_vector(there ? vx_reg(b, sum, ix_element(ix(b, i), tile.channels),
                                      ix_element(ix(b, j), tile.sites))
                             : vx_zero(b));
    }
    put_call(b, "vec_add_sums", 1 + all, arg);
}

static void clear_tile(Lower *l, Tile tile, Reg sum)
{
    Build *b = l->b;
    Var i = put_unroll(b, "i", tile.channels);
    Var j = put_unroll(b, "j", tile.sites);
    put_hold(b, sum, ix_element(ix_var(b, i), tile.channels),
             ix_element(ix_var(b, j), tile.sites), vx_zero(b));
    put_end(b);
    put_end(b);
}

static void weight_taps(Lower *l, Weight *w, const Ix *o, const Ix *c, Tile tile,
                        const Ix *tap, int taps)
{
    Build *b = l->b;
    w->tap = tap;
    Tile all = {tile.channels * taps, tile.sites};
    Var lane = put_lanes(b);
    Ptr p = ptr_new(b, "dw");
    Reg sum = reg_new(b, "sum");
    int64_t row = ((int64_t)w->in + 3) / 4 * LANES; /* four outputs, all inputs */
    int64_t size = ((int64_t)w->out + 3) / 4 * row; /* a tap                    */
    const Ix *turn = w->at_once > 1 ? ix_div(b, tap, ix(b, w->at_once)) : tap;
    const Ix *at = ix_add(b, ix_scale(b, turn, size),
                          ix_add(b, ix_scale(b, o, row / 4), ix_scale(b, c, 4)));
    put_point(b, p, NULL, lower_sums(l), ix_add(b, at, ix(b, w->region)));
    if (w->winners) {
        multiply_winners(l, w, o, c, tile, sum, ix_var(b, lane));
    } else {
        clear_tile(l, all, sum);
        if (taps > 1)
            sum_taps(l, w, o, c, tile, taps, sum, ix_var(b, lane));
        else
            sum_sites(l, w, o, c, tile, sum, ix_var(b, lane));
    }
    add_sums(l, p, sum, all, 4);
    put_end(b);
}

/* Taps innermost: what they read of a few channels stays in the nearest memory. */
static void weight_tile(Lower *l, Weight *w, const Ix *o, const Ix *c, Tile tile)
{
    Build *b = l->b;
    int full = w->taps / w->at_once * w->at_once;
    Var tap = put_for(b, "tap", ix(b, 0), ix(b, full), w->at_once);
    weight_taps(l, w, o, c, tile, ix_var(b, tap), w->at_once);
    put_end(b);
    if (full < w->taps)
        weight_taps(l, w, o, c, tile, ix(b, full), w->taps - full);
}

/* All input channels for `tile.channels` outputs from o on. */
static void weight_row(Lower *l, Weight *w, const Ix *o, Tile tile)
{
    Build *b = l->b;
    int full = w->in / tile.sites * tile.sites;
    if (full) {
        Var c = put_for(b, "c", ix(b, 0), ix(b, full), tile.sites);
        weight_tile(l, w, o, ix_var(b, c), tile);
        put_end(b);
    }
    if (full < w->in)
        weight_tile(l, w, o, ix(b, full), (Tile){tile.channels, w->in - full});
}

static void weight_matrix(Lower *l, Weight *w)
{
    Build *b = l->b;
    Tile tile = tile_of_weight(&b->p->target);
    int full = w->out / tile.channels * tile.channels;
    if (full) {
        Var o = put_for(b, "o", ix(b, 0), ix(b, full), tile.channels);
        weight_row(l, w, ix_var(b, o), tile);
        put_end(b);
    }
    if (full < w->out)
        weight_row(l, w, ix(b, full), (Tile){w->out - full, tile.sites});
}

void lower_weight(Lower *l, Val v)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, v);
    if (outer_form(l->g, n->param)) {
        outer_weight(l, v);
        return;
    }
    Weight w = {.dy = n->arg[0], .x = n->arg[1]};
    const Node *dy = graph_node(l->g, w.dy);
    Node window = *n;
    window.shape = dy->shape;
    w.out = l->g->param[n->param].dim[0];
    w.in = graph_node(l->g, w.x)->shape.channels;
    w.region = lower_region(l, n->param);
    w.winners = n->op == OP_PICK_DW;
    if (w.winners) {
        w.taps = w.at_once = 1;
        weight_matrix(l, &w);
        return;
    }
    w.taps = lower_taps(&window);
    w.at_once = lower_taps_at_once(w.out, lower_matrices(l, n->param).taps);
    if (!fuse_same_site(&window)) {
        w.table = lower_table(l, NEAR_FORWARD, &window, w.x, w.dy);
        lower_surround(l, NEAR_FORWARD, &window, w.x, w.dy);
    }
    w.from = ix_var(b, lower_strips(l, lower_lattice(l, w.dy), STRIP, &w.to));
    weight_matrix(l, &w);
    put_end(b);
}

/* `count` sums from channel o on, over one strip. */
static void bias_tile(Lower *l, Val v, const Ix *const strip[2], const Ix *o, int count)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, v);
    Val dy = n->arg[0];
    Var lane = put_lanes(b);
    Ptr p = ptr_new(b, "db"), from = ptr_new(b, "dy");
    Reg sum = reg_new(b, "sum");
    put_point(b, p, NULL, lower_sums(l),
              ix_add(b, o, ix(b, lower_region(l, n->param))));
    Var i = put_unroll(b, "i", count);
    put_declare(b, sum, ix_element(ix_var(b, i), count), NULL, vx_zero(b));
    put_end(b);
    Var s = put_for(b, "s", strip[0], strip[1], 1);
    put_point(b, from, NULL, lower_buffer(l, dy),
              lower_index(l, dy, ix_var(b, s), o, ix_var(b, lane)));
    i = put_unroll(b, "i", count);
    const Vx *old = vx_reg(b, sum, ix_element(ix_var(b, i), count), NULL);
    put_set(b, sum, ix_element(ix_var(b, i), count), NULL,
            vx_op(b, VX_ADD, old,
                  vx_load(b, from, NULL, ix_scale(b, ix_var(b, i), LANES))));
    put_end(b);
    put_end(b);
    add_sums(l, p, sum, (Tile){count, 1}, PACK_WIDTH);
    put_end(b);
}

void lower_bias(Lower *l, Val v)
{
    Build *b = l->b;
    Val dy = graph_node(l->g, v)->arg[0];
    int out = graph_node(l->g, dy)->shape.channels;
    int full = out / PACK_WIDTH * PACK_WIDTH;
    const Ix *strip[2];
    strip[0] = ix_var(b, lower_strips(l, lower_lattice(l, dy), STRIP, &strip[1]));
    if (full) {
        Var o = put_for(b, "o", ix(b, 0), ix(b, full), PACK_WIDTH);
        bias_tile(l, v, strip, ix_var(b, o), PACK_WIDTH);
        put_end(b);
    }
    if (full < out)
        bias_tile(l, v, strip, ix(b, full), out - full);
    put_end(b);
}

static void bias_of_strip(Lower *l, Val v, BufId strip, const Ix *o, int count)
{
    Build *b = l->b;
    int64_t region = lower_region(l, graph_node(l->g, v)->param);
    Var lane = put_lanes(b);
    Ptr p = ptr_new(b, "db"), from = ptr_new(b, "strip");
    Reg sum = reg_new(b, "sum");
    put_point(b, p, NULL, lower_sums(l), ix_add(b, o, ix(b, region)));
    put_point(b, from, NULL, strip, ix_add(b, ix_scale(b, o, LANES), ix_var(b, lane)));
    Var i = put_unroll(b, "i", count);
    put_declare(b, sum, ix_element(ix_var(b, i), count), NULL,
                vx_load(b, from, NULL, ix_scale(b, ix_var(b, i), LANES)));
    put_end(b);
    add_sums(l, p, sum, (Tile){count, 1}, PACK_WIDTH);
    put_end(b);
}

void lower_bias_of_strip(Lower *l, Val v, BufId strip)
{
    Build *b = l->b;
    int out = (int)l->g->param[graph_node(l->g, v)->param].count;
    int full = out / PACK_WIDTH * PACK_WIDTH;
    if (full) {
        Var o = put_for(b, "o", ix(b, 0), ix(b, full), PACK_WIDTH);
        bias_of_strip(l, v, strip, ix_var(b, o), PACK_WIDTH);
        put_end(b);
    }
    if (full < out)
        bias_of_strip(l, v, strip, ix(b, full), out - full);
}
