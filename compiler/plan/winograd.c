#include "plan/winograd.h"

#include "plan/outer.h"
#include "plan/value.h"

enum {
    CHANNELS_LEAST = 32, /* fewer do not earn the sums before and behind the products */
    AXES_MOST = 3,       /* 27 numbers of a patch still fit the registers             */
    AT_ONCE = 4          /* tiles of which the products are made together             */
};

/* One convolution, or the gradient of its kernel: 3 ^ axes products at every tile. */
typedef struct Winograd {
    Val x; /* the field whose patches are transformed */
    int axes, in, out, products;
    Window window; /* a patch: 3 sites an axis, every other site */
    int lattice;   /* of tiles                                   */
    BufId near;
    BufId patch;   /* [product][AT_ONCE][in]: sums of inputs     */
    BufId product; /* [product][AT_ONCE][out]                    */
    int width;     /* outputs of a block of packed weights       */
    int64_t weights, bias;
    /* Of the outputs being made: the product with which their row of the tile begins, and
     * which tile of those at once it is. */
    const Ix *row, *n;
} Winograd;

static int power(int base, int exponent)
{
    return exponent ? base * power(base, exponent - 1) : 1;
}

/* Digit of a product or a site of a patch: its coordinate, the last axis moves fastest. */
static int digit(const Winograd *w, int product, int axis)
{
    return product / power(3, w->axes - 1 - axis) % 3;
}

/* ---- which convolutions ---- */

static bool fits(const Node *n, const Shape *in, const Shape *out)
{
    int axes = out->rank;
    bool good = axes > 0 && axes <= AXES_MOST && in->channels >= CHANNELS_LEAST &&
                out->channels >= CHANNELS_LEAST;
    for (int k = 0; k < axes; k++)
        good &= n->window.kernel[k] == 2 && n->window.stride[k] == 1 &&
                n->window.boundary[k] != BOUNDARY_NONE;
    return good;
}

/* A maximum must see the sites in their order: the first of the largest wins. */
static bool has_max(const Graph *g, const Group *group)
{
    for (int s = 0; s < group->steps; s++)
        for (int k = 0; k < group->step[s].sinks; k++)
            if (graph_node(g, group->step[s].sink[k])->op == OP_GLOBAL_MAX)
                return true;
    return false;
}

static bool can_walk(const Graph *g, const Group *group)
{
    const Step *step = &group->step[0];
    const Node *n = graph_node(g, step->root);
    return !step->load && fuse_is_conv(n) && !has_max(g, group) &&
           fits(n, &graph_node(g, n->arg[0])->shape, &n->shape);
}

/* The one gradient of a parameter of weights, or none. */
static Val weight_of(const Graph *g, int param)
{
    Val found = {0};
    for (uint32_t i = 1; i < g->nodes; i++)
        if (g->node[i].op == OP_CONV_DW && g->node[i].param == param) {
            if (found.i)
                return (Val){0};
            found.i = i;
        }
    return found;
}

static bool can_weight(const Graph *g, Val v)
{
    const Node *n = graph_node(g, v);
    const Shape *in = &graph_node(g, n->arg[1])->shape;
    return weight_of(g, n->param).i == v.i && in->channels % LANES == 0 &&
           fits(n, in, &graph_node(g, n->arg[0])->shape);
}

bool winograd_can(const Lower *l, const Group *group)
{
    if (l->direct)
        return false;
    return group->kind == GROUP_SITES    ? can_walk(l->g, group)
           : group->kind == GROUP_WEIGHT ? can_weight(l->g, group->value)
                                         : false;
}

int64_t winograd_region(const Graph *g, int param)
{
    Val v = weight_of(g, param);
    if (!v.i || !can_weight(g, v))
        return 0;
    const Param *p = &g->param[param];
    return (int64_t)p->dim[0] * p->dim[1] * power(3, p->rank - 2);
}

/* ---- patches ---- */

static Winograd winograd_of(Lower *l, const Node *n, Val x, int in, int out, bool back)
{
    Build *b = l->b;
    const Shape *shape = &graph_node(l->g, x)->shape;
    Winograd w = {.x = x, .axes = shape->rank, .in = in, .out = out, .bias = -1};
    w.window = n->window;
    for (int k = 0; k < w.axes; k++) {
        w.window.kernel[k] = 3;
        w.window.stride[k] = 2;
        if (back)
            w.window.before[k] = n->window.kernel[k] - 1 - n->window.before[k];
    }
    w.products = power(3, w.axes);
    w.row = w.n = ix(b, 0);
    int lattice = lower_lattice(l, x);
    w.lattice = build_tiles(b, lattice);
    w.near = build_table(b, NEAR_FORWARD, &w.window, lattice, w.lattice);
    b->p->buffer[lower_buffer(l, x).i].around = true;
    w.patch =
        build_buffer(b, (Buffer){.name = arena_printf(b->arena, "%s_patch",
                                                      value_name(l->g, x, b->arena)),
                                 .space = SPACE_WORK,
                                 .channels = w.products * AT_ONCE * in});
    return w;
}

/* Zeros outside and the sites of other parts, where patches look at them. */
static void surround(Lower *l, const Winograd *w)
{
    Build *b = l->b;
    BufId x = lower_buffer(l, w->x);
    int row = lower_row(graph_node(l->g, w->x));
    const Ix *sites = ix_sites(b, lower_lattice(l, w->x));
    bool zero = false;
    for (int k = 0; k < w->axes; k++)
        zero |= w->window.boundary[k] == BOUNDARY_ZERO;
    if (zero)
        put_call(b, "clear", 2,
                 (CallArg[]){arg_buf(b, x, ix_scale(b, sites, row * LANES)),
                             arg_int(b, row * LANES)});
    put_call(b, "vec_fill_halo", 4,
             (CallArg[]){arg_halo(w->near), arg_buf(b, x, NULL), arg_int(b, row),
                         arg_ix(sites)});
}

/* Where number `at` of a tile's patch lies. */
static const Ix *patch_site(Lower *l, const Winograd *w, const Ix *at, const Ix *tile)
{
    Build *b = l->b;
    const Ix *row = ix_mul(b, ix_sites(b, w->lattice), at);
    return ix_table(b, w->near, ix_add(b, row, tile));
}

/* The site of the patch at which the tile begins. */
static int first_corner(const Winograd *w)
{
    int at = 0;
    for (int k = 0; k < w->axes; k++)
        at = 3 * at + w->window.before[k];
    return at;
}

/* A corner of a tile or one of the products beside it: one bit of `corner` an axis, the
 * last axis the lowest. */
static int at_corner(int axes, int corner)
{
    return axes ? 3 * at_corner(axes - 1, corner / 2) + corner % 2 : 0;
}

/* (x0, x1, x2) -> (x0 - x1, x1, x2 - x1) along every axis: what the products take. */
static void transform_patch(Lower *l, const Winograd *w, const Ix *tile, const Ix *n)
{
    Build *b = l->b;
    Ptr x = ptr_new(b, "x"), to = ptr_new(b, "patch");
    for (int k = 0; k < w->products; k++)
        put_point(
            b, x, ix(b, k), lower_buffer(l, w->x),
            lower_index(l, w->x, patch_site(l, w, ix(b, k), tile), ix(b, 0), ix(b, 0)));
    put_point(b, to, NULL, w->patch, ix_scale(b, n, (int64_t)w->in * LANES));
    Var c = put_for(b, "c", ix(b, 0), ix(b, w->in), 1);
    Var lane = put_lanes(b);
    const Ix *at = ix_add(b, ix_scale(b, ix_var(b, c), LANES), ix_var(b, lane));
    Reg v = reg_new(b, "v");
    for (int k = 0; k < w->products; k++)
        put_declare(b, v, ix(b, k), NULL, vx_load(b, x, ix(b, k), at));
    for (int axis = 0; axis < w->axes; axis++) {
        int next = power(3, w->axes - 1 - axis);
        for (int k = 0; k < w->products; k++)
            if (digit(w, k, axis) != 1) {
                int middle = digit(w, k, axis) ? k - next : k + next;
                put_set(b, v, ix(b, k), NULL,
                        vx_op(b, VX_SUB, vx_reg(b, v, ix(b, k), NULL),
                              vx_reg(b, v, ix(b, middle), NULL)));
            }
    }
    for (int k = 0; k < w->products; k++)
        put_store(b, to, NULL,
                  ix_add(b, ix(b, (int64_t)k * AT_ONCE * w->in * LANES), at),
                  vx_reg(b, v, ix(b, k), NULL));
    put_end(b);
    put_end(b);
}

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
        b, weights, NULL,
        build_buffer(b, (Buffer){.name = "packed", .space = SPACE_PACKED}),
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
    for (int k = 0; k < power(2, w->axes - 1); k++) {
        int64_t product = 3 * at_corner(w->axes - 1, k) + last;
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
        put_point(b, bias, NULL,
                  build_buffer(b, (Buffer){.name = "packed", .space = SPACE_PACKED}),
                  ix_add(b, ix(b, w->bias), channel));
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
        const Ix *at = ix_add(b, w->row, ix(b, first_corner(w)));
        lower_tile(l, group, patch_site(l, w, at, tile), 2);
        return;
    }
    const Ix *row = w->row;
    Var r = put_for(b, arena_printf(b->arena, "r%d", axis), ix(b, 0), ix(b, 2), 1);
    w->row = ix_add(b, row, ix_scale(b, ix_var(b, r), power(3, w->axes - 1 - axis)));
    each_row(l, group, w, axis + 1, tile);
    w->row = row;
    put_end(b);
}

/* The tiles from t on; behind the last, that one again, of which nothing is kept. */
static void at_once(Lower *l, const Group *group, Winograd *w, Var t, const Ix *to)
{
    Build *b = l->b;
    Var n = put_for(b, "n", ix(b, 0), ix(b, AT_ONCE), 1);
    const Ix *next = ix_add(b, ix_var(b, t), ix_var(b, n));
    Var tile = put_let(b, "tile", ix_min(b, next, ix_add(b, to, ix(b, -1))));
    transform_patch(l, w, ix_var(b, tile), ix_var(b, n));
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
    const Ix *whole = ix_trunc(b, ix_add(b, to, ix(b, AT_ONCE - 1)), AT_ONCE);
    Var t = put_for(b, "t", from, whole, AT_ONCE);
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
    w.product =
        build_buffer(b, (Buffer){.name = arena_printf(b->arena, "%s_product",
                                                      value_name(l->g, root, b->arena)),
                                 .space = SPACE_WORK,
                                 .channels = w.products * AT_ONCE * w.out});
    w.width = block_width(w.out);
    w.weights = lower_pack_products(l, n, w.axes, w.width);
    w.bias = lower_pack_bias(l, n);
    return w;
}

int winograd_tiles(Lower *l, const Group *group)
{
    Val v = group->kind == GROUP_SITES ? group->step[0].root : group->value;
    return build_tiles(l->b, lower_lattice(l, graph_node(l->g, v)->arg[0]));
}

void winograd_sites(Lower *l, const Group *group)
{
    Build *b = l->b;
    Winograd w = winograd_walk(l, group);
    l->winograd = &w;
    l->tile = tile_of_group(&b->p->target, l->g, group);
    surround(l, &w);
    for (int s = 1; s < group->steps; s++)
        lower_share(l, &group->step[s]);
    lower_sinks_begin(l, group);
    const Ix *tiles = ix_sites(b, w.lattice), *to;
    if (lower_has_sums(l, group)) {
        Var from = lower_strips(l, tiles, STRIP >> w.axes, &to);
        lower_strip_begin(l, group);
        walk(l, group, &w, ix_var(b, from), to);
        lower_strip_end(l, group);
        put_end(b);
    } else {
        walk(l, group, &w, ix(b, 0), tiles);
    }
    lower_sinks_end(l, group);
    l->winograd = NULL;
}

/* ---- the gradient of the kernel ---- */

/* (g0, g1) -> (g0, g0 + g1, g1) along every axis, at one tile of the strip. */
static void transform_corners(Lower *l, const Winograd *w, Val dy, const Ix *tile,
                              BufId to, const Ix *at_tile)
{
    Build *b = l->b;
    Ptr from = ptr_new(b, "dy"), sums = ptr_new(b, "corners");
    int corners = power(2, w->axes);
    for (int k = 0; k < corners; k++) {
        const Ix *at = ix(b, first_corner(w) + at_corner(w->axes, k));
        put_point(b, from, ix(b, k), lower_buffer(l, dy),
                  lower_index(l, dy, patch_site(l, w, at, tile), ix(b, 0), ix(b, 0)));
    }
    put_point(b, sums, NULL, to, ix_scale(b, at_tile, (int64_t)w->out * LANES));
    Var c = put_for(b, "c", ix(b, 0), ix(b, w->out), 1);
    Var lane = put_lanes(b);
    const Ix *at = ix_add(b, ix_scale(b, ix_var(b, c), LANES), ix_var(b, lane));
    Reg v = reg_new(b, "v");
    for (int k = 0; k < corners; k++) {
        put_declare(b, v, ix(b, 2 * at_corner(w->axes, k)), NULL,
                    vx_load(b, from, ix(b, k), at));
    }
    for (int axis = w->axes - 1; axis >= 0; axis--) {
        int next = power(3, w->axes - 1 - axis);
        for (int k = 0; k < w->products; k++) {
            bool ready = digit(w, k, axis) == 1;
            for (int before = 0; before < axis; before++)
                ready &= digit(w, k, before) != 1;
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
    surround(l, &w);
    Outer o = {.out = out, .in = in, .products = w.products, .strip = OUTER_TILES};
    o.region = lower_region(l->g, n->param);
    o.panels = outer_panels(l, &o, x);
    o.dy =
        build_buffer(b, (Buffer){.name = arena_printf(b->arena, "%s_corners",
                                                      value_name(l->g, dy, b->arena)),
                                 .space = SPACE_WORK,
                                 .channels = w.products * OUTER_TILES * out});
    o.dy_row = out;
    o.dy_product = OUTER_TILES * out;
    o.dy_first = ix(b, 0);
    const Ix *to;
    Var from = lower_strips(l, ix_sites(b, w.lattice), OUTER_TILES, &to);
    o.sites = ix_add(b, to, ix_scale(b, ix_var(b, from), -1));
    Var at = put_for(b, "at", ix(b, 0), o.sites, 1);
    const Ix *tile = ix_add(b, ix_var(b, from), ix_var(b, at));
    transform_patch(l, &w, tile, ix(b, 0));
    Var m = put_for(b, "m", ix(b, 0), ix(b, w.products), 1);
    outer_transpose(l, &o, ix_var(b, m), ix_var(b, at), w.patch,
                    ix_scale(b, ix_var(b, m), (int64_t)AT_ONCE * in * LANES));
    put_end(b);
    transform_corners(l, &w, dy, tile, o.dy, ix_var(b, at));
    put_end(b);
    outer_sums(l, &o);
    put_end(b);
}
