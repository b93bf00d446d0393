#include "plan/outer.h"
#include "plan/value.h"
#include "plan/winograd_impl.h"

/* (g0, g1) -> (g0, g0 + g1, g1) along every axis, at one tile of the strip. */
static void transform_corners(Lower *l, const Winograd *w, Val dy, const Ix *tile,
                              BufId to, const Ix *at_tile)
{
    Build *b = l->b;
    Ptr from = ptr_new(b, "dy"), sums = ptr_new(b, "corners");
    int corners = winograd_power(2, w->axes);
    for (int k = 0; k < corners; k++) {
        const Ix *at = ix(b, winograd_first(w) + winograd_corner(w->axes, k));
        put_point(
            b, from, ix(b, k), lower_buffer(l, dy),
            lower_index(l, dy, winograd_site(l, w, at, tile), ix(b, 0), ix(b, 0)));
    }
    put_point(b, sums, NULL, to, ix_scale(b, at_tile, (int64_t)w->out * LANES));
    Var c = put_for(b, "c", ix(b, 0), ix(b, w->out), 1);
    Var lane = put_lanes(b);
    const Ix *at = ix_add(b, ix_scale(b, ix_var(b, c), LANES), ix_var(b, lane));
    Reg v = reg_new(b, "v");
    for (int k = 0; k < corners; k++) {
        put_declare(b, v, ix(b, 2 * winograd_corner(w->axes, k)), NULL,
                    vx_load(b, from, ix(b, k), at));
    }
    for (int axis = w->axes - 1; axis >= 0; axis--) {
        int next = winograd_power(3, w->axes - 1 - axis);
        for (int k = 0; k < w->products; k++) {
            bool ready = winograd_digit(w, k, axis) == 1;
            for (int before = 0; before < axis; before++)
                ready &= winograd_digit(w, k, before) != 1;
            if (ready)
                put_declare(b, v, ix(b, k), NULL,
                            vx_op(b, VX_ADD, vx_reg(b, v, ix(b, k - next), NULL),
                                  vx_reg(b, v, ix(b, k + next), NULL)));
        }
    }
    for (int k = 0; k < w->products; k++)
        put_store(b, sums, NULL,
                  ix_add(b, ix(b, (int64_t)k * OUTER_TILES * w->out * LANES), at),
                  vx_reg(b, v, ix(b, k), NULL));
    put_end(b);
    put_end(b);
}

void winograd_weight(Lower *l, Val v)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, v);
    Val dy = n->arg[0], x = n->arg[1];
    int in = graph_node(l->g, x)->shape.channels;
    int out = graph_node(l->g, dy)->shape.channels;
    Winograd w = winograd_of(l, n, x, in, out, false);
    winograd_surround(l, &w);
    Outer o = {
        .rows = out, .columns = in, .products = w.products, .strip = OUTER_TILES};
    o.region = lower_region(l, n->param);
    o.panels = outer_panels(l, &o, x);
    o.row =
        build_buffer(b, (Buffer){.name = arena_printf(b->arena, "%s_corners",
                                                      value_name(l->g, dy, b->arena)),
                                 .space = SPACE_WORK,
                                 .channels = w.products * OUTER_TILES * out});
    o.row_size = out;
    o.row_product = OUTER_TILES * out;
    o.row_first = ix(b, 0);
    const Ix *to;
    Var from = lower_strips(l, ix_sites(b, w.lattice), OUTER_TILES, &to);
    o.sites = ix_add(b, to, ix_scale(b, ix_var(b, from), -1));
    Var at = put_for(b, "at", ix(b, 0), o.sites, 1);
    const Ix *tile = ix_add(b, ix_var(b, from), ix_var(b, at));
    winograd_transform(l, &w, tile, ix(b, 0));
    Var m = put_for(b, "m", ix(b, 0), ix(b, w.products), 1);
    outer_transpose(l, &o, ix_var(b, m), ix_var(b, at), w.patch,
                    ix_scale(b, ix_var(b, m), (int64_t)AT_ONCE * in * LANES));
    put_end(b);
    transform_corners(l, &w, dy, tile, o.row, ix_var(b, at));
    put_end(b);
    outer_sums(l, &o);
    put_end(b);
}
