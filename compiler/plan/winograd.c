#include "plan/winograd_impl.h"

#include "plan/value.h"

enum {
    CHANNELS_LEAST = 32, /* fewer do not earn the sums before and behind the products */
    AXES_MOST = 3        /* 27 numbers of a patch still fit the registers             */
};

int winograd_power(int base, int exponent)
{
    return exponent ? base * winograd_power(base, exponent - 1) : 1;
}

int winograd_digit(const Winograd *w, int product, int axis)
{
    return product / winograd_power(3, w->axes - 1 - axis) % 3;
}

/* ---- which convolutions ---- */

/* False where the model fixes the lattice to one that has no tiles, however it is cut. */
static bool may_have_tiles(const Graph *g, const Shape *s)
{
    int64_t tiles = 1;
    for (int k = 0; k < s->rank; k++) {
        if (s->extent[k].axis >= 0 && !g->fixed[s->extent[k].axis])
            return true;
        int64_t extent = extent_value(s->extent[k], g->fixed);
        tiles *= extent % 2 ? 0 : extent / 2;
    }
    return tiles >= TILES_LEAST;
}

static bool fits(const Graph *g, const Node *n, const Shape *in, const Shape *out)
{
    int axes = out->rank;
    bool good = axes > 0 && axes <= AXES_MOST && in->channels >= CHANNELS_LEAST &&
                out->channels >= CHANNELS_LEAST && may_have_tiles(g, out);
    for (int k = 0; k < axes; k++)
        good &= n->window.kernel[k] == 2 && n->window.stride[k] == 1 &&
                n->window.boundary[k] != BOUNDARY_NONE;
    return good;
}

/* A maximum must see the sites in their order: the first of the largest wins. */
bool winograd_walks(const Graph *g, const Group *group)
{
    const Step *step = &group->step[0];
    const Node *n = graph_node(g, step->root);
    return !step->load && fuse_is_conv(n) && !fuse_has_max(g, group) &&
           fits(g, n, &graph_node(g, n->arg[0])->shape, &n->shape);
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
    const Shape *out = &graph_node(g, n->arg[0])->shape;
    return weight_of(g, n->param).i == v.i && fits(g, n, in, out) &&
           (in->channels % LANES == 0 || out->channels % LANES == 0);
}

bool winograd_can(const Lower *l, const Group *group)
{
    if (l->direct)
        return false;
    return group->kind == GROUP_SITES    ? winograd_walks(l->g, group)
           : group->kind == GROUP_WEIGHT ? can_weight(l->g, group->value)
                                         : false;
}

int64_t winograd_region(const Lower *l, int param)
{
    Val v = weight_of(l->g, param);
    if (l->direct || !v.i || !can_weight(l->g, v))
        return 0;
    const Param *p = &l->g->param[param];
    return (int64_t)p->dim[0] * p->dim[1] * winograd_power(3, p->rank - 2);
}

bool winograd_turns_dy(const Param *p)
{
    return p->dim[0] % LANES == 0;
}

int winograd_tiles(Lower *l, const Group *group)
{
    Val v = group->kind == GROUP_SITES ? group->step[0].root : group->value;
    return build_tiles(l->b, lower_lattice(l, graph_node(l->g, v)->arg[0]));
}

/* ---- patches ---- */

Winograd winograd_of(Lower *l, const Node *n, Val x, int in, int out, bool back)
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
    w.products = winograd_power(3, w.axes);
    w.row = w.n = ix(b, 0);
    int lattice = lower_lattice(l, x);
    w.lattice = build_tiles(b, lattice);
    w.near = build_table(b, NEAR_FORWARD, &w.window, lattice, w.lattice);
    b->p->buffer[lower_buffer(l, x).i].around = true;
    return w;
}

void winograd_surround(Lower *l, const Winograd *w)
{
    lower_around(l, w->x, value_can_miss(NEAR_FORWARD, &w->window, w->axes), &w->near);
}

const Ix *winograd_site(Lower *l, const Winograd *w, const Ix *at, const Ix *tile)
{
    Build *b = l->b;
    const Ix *row = ix_mul(b, ix_sites(b, w->lattice), at);
    return ix_table(b, w->near, ix_add(b, row, tile));
}

int winograd_first(const Winograd *w)
{
    int at = 0;
    for (int k = 0; k < w->axes; k++)
        at = 3 * at + w->window.before[k];
    return at;
}

int winograd_corner(int axes, int corner)
{
    return axes ? 3 * winograd_corner(axes - 1, corner / 2) + corner % 2 : 0;
}

void winograd_differences(Lower *l, const Winograd *w, const Vectors *x)
{
    Build *b = l->b;
    Var c = put_for(b, x->var, ix(b, 0), ix(b, x->count), 1);
    Var lane = put_lanes(b);
    const Ix *at = ix_add(b, ix_scale(b, ix_var(b, c), LANES), ix_var(b, lane));
    Reg v = reg_new(b, "v");
    for (int k = 0; k < w->products; k++)
        put_declare(b, v, ix(b, k), NULL, vx_load(b, x->from, ix(b, k), at));
    for (int axis = 0; axis < w->axes; axis++) {
        int next = winograd_power(3, w->axes - 1 - axis);
        for (int k = 0; k < w->products; k++)
            if (winograd_digit(w, k, axis) != 1) {
                int middle = winograd_digit(w, k, axis) ? k - next : k + next;
                put_set(b, v, ix(b, k), NULL,
                        vx_op(b, VX_SUB, vx_reg(b, v, ix(b, k), NULL),
                              vx_reg(b, v, ix(b, middle), NULL)));
            }
    }
    at = ix_add(b, ix_scale(b, ix_var(b, c), x->next), ix_var(b, lane));
    for (int k = 0; k < w->products; k++)
        put_store(b, x->to, NULL, ix_add(b, ix(b, k * x->product), at),
                  vx_reg(b, v, ix(b, k), NULL));
    put_end(b);
    put_end(b);
}
