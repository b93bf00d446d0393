#include "plan/outer.h"

#include "plan/value.h"

enum {
    TAPS_MOST = 4,        /* so many pointers the integer registers hold           */
    TILES_MOST = 8,       /* of a strip                                            */
    NEAR_BYTES = 24 << 10 /* of a panel that stays near while other things pass by */
};

/* ---- tiles ----
 *
 * One turn of the inner loop loads `wide` vectors of columns, broadcasts a number for each row
 * and does rows x wide multiply-adds, all from registers: the more of these for one load the
 * better, as long as sums, vectors and one number fit the registers. */

/* Vectors of a panel: all columns, or as many as leave the fewest over. */
static int panel_width(const Target *target, int columns)
{
    int vectors = columns / LANES, most = target->registers >= 32 ? 5 : 3;
    if (vectors <= most)
        return vectors;
    for (int wide = most; wide > most / 2; wide--)
        if (vectors % wide == 0)
            return wide;
    return most;
}

static int tile_rows(const Target *target, int wide, int rows)
{
    int most = (target->registers - 1 - wide) / wide;
    most = most > LANES ? LANES : most;
    for (int tile = most; tile > most * 3 / 4; tile--)
        if (rows % tile == 0)
            return tile;
    int tiles = (rows + most - 1) / most;
    return (rows + tiles - 1) / tiles;
}

/* ---- panels ---- */

/* Where products are the taps of a table, all of them read the same panels. */
static int panels_of(const Outer *o)
{
    return o->table.i ? 1 : o->products;
}

/* One panel is read again for each tile of sums.  All targets share the buffers, hence the
 * strip that suits the widest panels. */
int outer_tiles(const Program *p, int columns)
{
    const Target widest = {.registers = 32};
    int64_t number = p->precision == PRECISION_F64 ? 8 : 4;
    int64_t site = panel_width(&widest, columns) * LANES * LANES * number;
    int tiles = TILES_MOST;
    while (tiles > 1 && tiles * site > NEAR_BYTES)
        tiles /= 2;
    return tiles;
}

/* An odd number of vectors, so that the same place in all panels is not one set of a cache. */
int64_t outer_panel_product(const Outer *o)
{
    int64_t vectors = (int64_t)o->strip * o->columns;
    return (panels_of(o) > 1 ? vectors | 1 : vectors) * LANES;
}

BufId outer_panels(Lower *l, const Outer *o, Val x)
{
    Build *b = l->b;
    const char *name =
        arena_printf(b->arena, "%s_panels", value_name(l->g, x, b->arena));
    return build_buffer(
        b, (Buffer){.name = name,
                    .space = SPACE_WORK,
                    .channels = (int)(panels_of(o) * outer_panel_product(o) / LANES)});
}

/* First number of the panel that begins with column c. */
static const Ix *panel(Lower *l, const Outer *o, const Ix *product, const Ix *c)
{
    Build *b = l->b;
    const Ix *first = ix_scale(b, c, (int64_t)o->strip * LANES);
    if (o->table.i)
        return first;
    return ix_add(b, ix_scale(b, product, outer_panel_product(o)), first);
}

/* The channels of one site from c on, to the panel that begins with them. */
static void turn_panel(Lower *l, const Outer *o, const Ix *c, int wide, const Ix *site,
                       OuterTurn *turn, void *context)
{
    Build *b = l->b;
    const Ix *to = ix_add(b, panel(l, o, ix(b, 0), c),
                          ix_scale(b, site, (int64_t)LANES * wide * LANES));
    Var v = put_for(b, "v", ix(b, 0), ix(b, wide), 1);
    const Ix *vector = ix_scale(b, ix_var(b, v), LANES);
    Turn t = {ix_add(b, c, vector), ix_add(b, to, vector), (int64_t)wide * LANES};
    turn(l, o, &t, context);
    put_end(b);
}

void outer_turn(Lower *l, const Outer *o, const Ix *site, OuterTurn *turn,
                void *context)
{
    Build *b = l->b;
    int wide = panel_width(&b->p->target, o->columns), size = wide * LANES;
    int full = o->columns / size * size;
    Var c = put_for(b, "c", ix(b, 0), ix(b, full), size);
    turn_panel(l, o, ix_var(b, c), wide, site, turn, context);
    put_end(b);
    if (full < o->columns)
        turn_panel(l, o, ix(b, full), (o->columns - full) / LANES, site, turn, context);
}

/* ---- sums ---- */

/* `rows` channels of the field as it is, from `first` on, for each of `taps` products. */
typedef struct Rows {
    const Ix *product, *first;
    int taps, rows;
} Rows;

static void point_at_rows(Lower *l, const Outer *o, const Rows *r, Ptr row, Var at)
{
    Build *b = l->b;
    Var t = put_unroll(b, "t", r->taps);
    const Ix *product = ix_add(b, r->product, ix_var(b, t));
    const Ix *site = ix_add(b, o->row_first, ix_var(b, at));
    if (o->table.i)
        site = ix_table(b, o->table, ix_add(b, ix_mul(b, product, o->table_row), site));
    const Ix *vectors =
        ix_add(b, ix_scale(b, site, o->row_size), ix_scale(b, product, o->row_product));
    put_point(b, row, ix_element(ix_var(b, t), r->taps), o->row,
              ix_scale(b, ix_add(b, vectors, r->first), LANES));
    put_end(b);
}

/* sum[i][j] += row[i] panel[16 j + ..] over the sites and samples of the strip. */
static void sum_samples(Lower *l, const Outer *o, const Rows *r, Ptr panel,
                        const Made *m)
{
    Build *b = l->b;
    int width = m->sites * LANES;
    Ptr row = ptr_new(b, o->turned_dy ? "x" : "dy");
    Var at = put_for(b, "at", ix(b, 0), o->sites, 1);
    point_at_rows(l, o, r, row, at);
    Var q = put_for(b, "q", ix(b, 0), ix(b, LANES), 1);
    Reg v = reg_new(b, "v"), u = reg_new(b, "u");
    Var j = put_unroll(b, "j", m->sites);
    const Ix *sample = ix_add(b, ix_scale(b, ix_var(b, at), LANES), ix_var(b, q));
    put_hold(b, v, ix_element(ix_var(b, j), m->sites), NULL,
             vx_load(b, panel, NULL,
                     ix_add(b, ix_scale(b, sample, width),
                            ix_scale(b, ix_var(b, j), LANES))));
    put_end(b);
    Var t = put_unroll(b, "t", r->taps);
    Var i = put_unroll(b, "i", r->rows);
    const Ix *at_i = ix_element(
        ix_add(b, ix_scale(b, ix_var(b, t), r->rows), ix_var(b, i)), m->channels);
    put_declare(
        b, u, at_i, NULL,
        vx_broadcast_of(b, row, ix_element(ix_var(b, t), r->taps),
                        ix_add(b, ix_scale(b, ix_var(b, i), LANES), ix_var(b, q))));
    j = put_unroll(b, "j", m->sites);
    const Ix *at_j = ix_element(ix_var(b, j), m->sites);
    put_set(b, m->y, at_i, at_j,
            vx_op3(b, VX_FMA, vx_reg(b, u, at_i, NULL), vx_reg(b, v, at_j, NULL),
                   vx_reg(b, m->y, at_i, at_j)));
    put_end(b);
    put_end(b);
    put_end(b);
    put_end(b);
    put_end(b);
}

/* These rows, `wide` times 16 columns from c on. */
static void sum_tile(Lower *l, const Outer *o, const Rows *r, const Ix *c, int wide)
{
    Build *b = l->b;
    Made m = {.channels = r->taps * r->rows, .sites = wide, .y = reg_new(b, "sum")};
    Ptr x = ptr_new(b, o->turned_dy ? "dy" : "x"), dw = ptr_new(b, "dw");
    Var lane = put_lanes(b);
    put_point(b, x, NULL, o->panels,
              ix_add(b, panel(l, o, r->product, c), ix_var(b, lane)));
    Var i = put_unroll(b, "i", m.channels);
    Var j = put_unroll(b, "j", wide);
    const Ix *at_i = ix_element(ix_var(b, i), m.channels);
    const Ix *at_j = ix_element(ix_var(b, j), wide);
    put_hold(b, m.y, at_i, at_j, vx_zero(b));
    put_end(b);
    put_end(b);
    sum_samples(l, o, r, x, &m);
    const Ix *matrix = ix_scale(b, r->product, (int64_t)o->rows * o->columns);
    const Ix *row =
        ix_add(b, ix_scale(b, r->first, o->columns), ix_add(b, c, ix_var(b, lane)));
    put_point(b, dw, NULL, lower_sums(l),
              ix_add(b, ix(b, o->region), ix_add(b, matrix, row)));
    i = put_unroll(b, "i", m.channels);
    j = put_unroll(b, "j", wide);
    at_i = ix_element(ix_var(b, i), m.channels);
    at_j = ix_element(ix_var(b, j), wide);
    const Ix *at = ix_add(b, ix_scale(b, ix_var(b, i), o->columns),
                          ix_scale(b, ix_var(b, j), LANES));
    put_store(b, dw, NULL, at,
              vx_op(b, VX_ADD, vx_load(b, dw, NULL, at), vx_reg(b, m.y, at_i, at_j)));
    put_end(b);
    put_end(b);
    put_end(b);
}

/* All rows of some products. */
static void sum_rows(Lower *l, const Outer *o, const Ix *product, int taps, const Ix *c,
                     int wide)
{
    Build *b = l->b;
    int rows = tile_rows(&b->p->target, wide, o->rows);
    int full = o->rows / rows * rows;
    Var first = put_for(b, "o", ix(b, 0), ix(b, full), rows);
    sum_tile(l, o, &(Rows){product, ix_var(b, first), taps, rows}, c, wide);
    put_end(b);
    if (full < o->rows)
        sum_tile(l, o, &(Rows){product, ix(b, full), taps, o->rows - full}, c, wide);
}

/* Where all rows leave registers free, those of several taps at once. */
static int taps_at_once(const Target *target, const Outer *o, int wide)
{
    int most = (target->registers - 1 - wide) / wide / o->rows;
    most = most < 1 ? 1 : most > TAPS_MOST ? TAPS_MOST : most;
    int turns = (o->products + most - 1) / most;
    return (o->products + turns - 1) / turns;
}

static void sum_panel(Lower *l, const Outer *o, const Ix *product, const Ix *c,
                      int wide)
{
    Build *b = l->b;
    if (!o->table.i) {
        sum_rows(l, o, product, 1, c, wide);
        return;
    }
    int taps = taps_at_once(&b->p->target, o, wide);
    int full = o->products / taps * taps;
    Var tap = put_for(b, "tap", ix(b, 0), ix(b, full), taps);
    sum_rows(l, o, ix_var(b, tap), taps, c, wide);
    put_end(b);
    if (full < o->products)
        sum_rows(l, o, ix(b, full), o->products - full, c, wide);
}

void outer_sums(Lower *l, const Outer *o)
{
    Build *b = l->b;
    int wide = panel_width(&b->p->target, o->columns), size = wide * LANES;
    int full = o->columns / size * size;
    Var m = put_for(b, "m", ix(b, 0), ix(b, panels_of(o)), 1);
    Var c = put_for(b, "c", ix(b, 0), ix(b, full), size);
    sum_panel(l, o, ix_var(b, m), ix_var(b, c), wide);
    put_end(b);
    if (full < o->columns)
        sum_panel(l, o, ix_var(b, m), ix(b, full), (o->columns - full) / LANES);
    put_end(b);
}
