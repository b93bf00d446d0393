#include "plan/outer.h"
#include "plan/value.h"
#include "plan/winograd_impl.h"

/* dW of product m is a product of matrices over tiles and samples, corners of dy times
 * patches of x.  One of them is turned around, by preference dy: it has 4 sites a tile, a
 * patch 9.  16 channels are turned around at a time and transformed behind that, so that all
 * of it happens in near memory. */

/* (g0, g1) -> (g0, g0 + g1, g1) along every axis of a tile. */
static void add_corners(Lower *l, const Winograd *w, const Vectors *dy)
{
    Build *b = l->b;
    Var c = put_for(b, dy->var, ix(b, 0), ix(b, dy->count), 1);
    Var lane = put_lanes(b);
    const Ix *at = ix_add(b, ix_scale(b, ix_var(b, c), LANES), ix_var(b, lane));
    Reg v = reg_new(b, "v");
    for (int k = 0; k < winograd_power(2, w->axes); k++)
        put_declare(b, v, ix(b, 2 * winograd_corner(w->axes, k)), NULL,
                    vx_load(b, dy->from, ix(b, k), at));
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
    at = ix_add(b, ix_scale(b, ix_var(b, c), dy->next), ix_var(b, lane));
    for (int k = 0; k < w->products; k++)
        put_store(b, dy->to, NULL, ix_add(b, ix(b, k * dy->product), at),
                  vx_reg(b, v, ix(b, k), NULL));
    put_end(b);
    put_end(b);
}

/* A tile of dy, or its patch of x. */
typedef struct Side {
    const Winograd *w;
    Val field;
    bool is_dy;
    const Ix *tile;
} Side;

static int sites_of(const Side *t)
{
    return t->is_dy ? winograd_power(2, t->w->axes) : t->w->products;
}

/* Where number k of the sites lies, of a patch or of those at which it makes outputs. */
static const Ix *site_of(Lower *l, const Side *t, int k)
{
    if (t->is_dy)
        k = winograd_first(t->w) + winograd_corner(t->w->axes, k);
    return winograd_site(l, t->w, ix(l->b, k), t->tile);
}

static void transform(Lower *l, const Side *t, const Vectors *v)
{
    if (t->is_dy)
        add_corners(l, t->w, v);
    else
        winograd_differences(l, t->w, v);
}

/* As it lies in the field: what is broadcast. */
static void put_rows(Lower *l, const Outer *o, const Side *t, const Ix *at)
{
    Build *b = l->b;
    Vectors v = {.var = "c", .count = o->rows, .next = LANES};
    v.from = ptr_new(b, t->is_dy ? "dy" : "x");
    v.to = ptr_new(b, "row");
    v.product = o->row_product * LANES;
    for (int k = 0; k < sites_of(t); k++)
        put_point(b, v.from, ix(b, k), lower_buffer(l, t->field),
                  lower_index(l, t->field, site_of(l, t, k), ix(b, 0), ix(b, 0)));
    put_point(b, v.to, NULL, o->row, ix_scale(b, at, o->row_size * LANES));
    transform(l, t, &v);
}

/* 16 channels of all sites turned around, then transformed. */
static void turn_sites(Lower *l, const Outer *o, const Turn *turn, void *context)
{
    Build *b = l->b;
    const Side *t = context;
    BufId turned = lower_near(l, "turned", LANES, sites_of(t));
    Vectors v = {.var = "q", .count = LANES, .next = turn->next};
    v.from = ptr_new(b, "sample");
    v.to = ptr_new(b, "panel");
    v.product = outer_panel_product(o);
    for (int k = 0; k < sites_of(t); k++) {
        const Ix *to = ix(b, (int64_t)k * LANES * LANES);
        const Ix *from =
            lower_index(l, t->field, site_of(l, t, k), turn->channel, ix(b, 0));
        put_call(b, "vec_transpose", 3,
                 (CallArg[]){arg_buf(b, lower_buffer(l, t->field), from),
                             arg_buf(b, turned, to), arg_int(b, LANES)});
        put_point(b, v.from, ix(b, k), turned, to);
    }
    put_point(b, v.to, NULL, o->panels, turn->to);
    transform(l, t, &v);
}

static Outer outer_of(Lower *l, const Winograd *w, const Side *rows,
                      const Side *columns)
{
    Build *b = l->b;
    Outer o = {.rows = columns->is_dy ? w->in : w->out,
               .columns = columns->is_dy ? w->out : w->in,
               .products = w->products,
               .turned_dy = columns->is_dy,
               .row_first = ix(b, 0)};
    o.strip = outer_tiles(b->p, o.columns);
    o.panels = outer_panels(l, &o, columns->field);
    o.row_size = o.rows;
    o.row_product = (int64_t)o.strip * o.rows | 1;
    Buffer row = {.space = SPACE_WORK, .channels = (int)(w->products * o.row_product)};
    row.name =
        arena_printf(b->arena, "%s_rows", value_name(l->g, rows->field, b->arena));
    o.row = build_buffer(b, row);
    return o;
}

void winograd_weight(Lower *l, Val v)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, v);
    Val dy = n->arg[0], x = n->arg[1];
    int in = graph_node(l->g, x)->shape.channels;
    int out = graph_node(l->g, dy)->shape.channels;
    bool turned_dy = winograd_turns_dy(&l->g->param[n->param]);
    Winograd w = winograd_of(l, n, x, in, out, false);
    winograd_surround(l, &w);
    Side rows = {&w, turned_dy ? x : dy, !turned_dy, NULL};
    Side columns = {&w, turned_dy ? dy : x, turned_dy, NULL};
    Outer o = outer_of(l, &w, &rows, &columns);
    o.region = lower_region(l, n->param);
    const Ix *to;
    Var from = lower_strips(l, w.lattice, o.strip, &to);
    o.sites = ix_add(b, to, ix_scale(b, ix_var(b, from), -1));
    Var at = put_for(b, "at", ix(b, 0), o.sites, 1);
    rows.tile = columns.tile = ix_add(b, ix_var(b, from), ix_var(b, at));
    put_rows(l, &o, &rows, ix_var(b, at));
    outer_turn(l, &o, ix_var(b, at), turn_sites, &columns);
    put_end(b);
    outer_sums(l, &o);
    put_end(b);
}
