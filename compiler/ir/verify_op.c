#include <math.h>

#include "ir/verify_impl.h"

/* ---- windows --------------------------------------------------------------------- */

static bool check_window(Check *c, const Window *w, int rank, bool pool)
{
    for (int d = 0; d < rank; d++) {
        bool none = w->boundary[d] == BOUNDARY_NONE;
        if (!verify_require(c, w->kernel[d] >= 1, "kernel %d on axis %d", w->kernel[d],
                            d) ||
            !verify_require(c, w->stride[d] >= 1, "stride %d on axis %d", w->stride[d],
                            d) ||
            !verify_require(c, w->boundary[d] <= BOUNDARY_NONE, "unknown boundary") ||
            !verify_require(c, none || !pool, "a pool with padding") ||
            !verify_require(c, w->before[d] >= 0 && w->before[d] < w->kernel[d],
                            "taps of axis %d begin %d before a kernel of %d", d,
                            w->before[d], w->kernel[d]) ||
            !verify_require(c, !none || w->before[d] == 0,
                            "boundary none with taps before the site on axis %d", d))
            return false;
    }
    return true;
}

/* small = what the window makes of the lattice of big. */
static bool check_windowed(Check *c, const Shape *big, const Shape *small,
                           const Window *w)
{
    Shape made = shape_windowed(big, w);
    return verify_require(c, shape_same_lattice(&made, small),
                          "the window does not lead from one lattice to the other");
}

/* Pools, which change no channel. */
static bool check_pool(Check *c, const Shape *big, const Shape *small, const Window *w)
{
    return check_windowed(c, big, small, w) &&
           verify_require(c, big->channels == small->channels, "channels change");
}

/* On winners a tensor is a matrix. */
static bool fits_matrix(const Param *param, int in, int out)
{
    return param->rank >= 2 && param->dim[0] == out &&
           param->count == (int64_t)in * out;
}

static bool check_tensor(Check *c, int p, const Shape *in, const Shape *out,
                         const Window *w)
{
    const Param *param = &c->g->param[p];
    bool fits = param->rank == 2 + in->rank && param->dim[0] == out->channels &&
                param->dim[1] == in->channels;
    for (int d = 0; fits && d < in->rank; d++)
        fits = param->dim[2 + d] == w->kernel[d];
    if (in->winners)
        fits = fits_matrix(param, in->channels, out->channels) &&
               window_is_one_site(w, in->rank);
    return verify_require(
        c, fits, "parameter %s is not [out][in][kernel] of the operator", param->name);
}

static bool check_bias(Check *c, int p, const Shape *out)
{
    const Param *param = &c->g->param[p];
    return verify_require(c, param->rank == 1 && param->dim[0] == out->channels,
                          "parameter %s is not [%d]", param->name, out->channels);
}

static void check_conv(Check *c, const Node *n, const Shape *in, const Shape *out,
                       int p)
{
    if (check_windowed(c, in, out, &n->window))
        check_tensor(c, p, in, out, &n->window);
}

/* ---- operators ------------------------------------------------------------------- */

static void check_same(Check *c, const Shape *a, const Shape *b)
{
    verify_require(c, shape_equal(a, b), "operands have different shapes");
}

static void check_spread(Check *c, const Node *n, const Shape *dy)
{
    verify_require(c, dy->rank == 0 && dy->channels == n->shape.channels,
                   "spreads something that is not one number a channel");
    if (n->op == OP_SPREAD_MAX)
        check_same(c, dy, verify_shape(c, n->arg[1]));
}

static void check_flatten(Check *c, const Shape *field, const Shape *flat)
{
    int64_t width = field->channels;
    for (int d = 0; d < field->rank; d++) {
        if (!verify_require(c, field->extent[d].axis < 0, "extent %d is not a number",
                            d))
            return;
        if (__builtin_mul_overflow(width, field->extent[d].add, &width))
            width = -1;
    }
    verify_require(c, flat->rank == 0 && flat->channels == width,
                   "channels times sites are not the width");
}

/* dy[0,p], and x or dx at as many winners as the weights have outputs. */
static void check_pick(Check *c, int p, const Shape *dy, const Shape *x)
{
    int winners = (int)dy->extent[0].add;
    if (verify_require(c, dy->winners && dy->channels == 1,
                       "dy is not one number a winner") &&
        verify_require(c, shape_same_lattice(dy, x), "other winners than those of dy"))
        verify_require(c, fits_matrix(&c->g->param[p], x->channels, winners),
                       "parameter %s is not [winners][channels]", c->g->param[p].name);
}

/* One site a channel that was pooled, of a lattice. */
static void check_arg(Check *c, const Node *n, const Shape *x)
{
    const Node *arg = graph_node(c->g, n->arg[1]);
    if (!verify_require(c, arg->op == OP_GLOBAL_ARG,
                        "the sites are not those of a pool"))
        return;
    const Shape *pooled = verify_shape(c, arg->arg[0]);
    if (n->op == OP_PICK)
        check_windowed(c, x, pooled, &n->window);
    else
        verify_require(c, x->rank == 0 && x->channels == pooled->channels,
                       "picks from something that is not one number a channel");
}

static void check_slope(Check *c, const Node *n)
{
    verify_require(c, isfinite(n->slope) && n->slope >= 0, "slope %g is not >= 0",
                   n->slope);
}

static bool check_well_formed(Check *c, const Shape *s)
{
    if (!verify_require(c, s->channels > 0, "%d channels", s->channels) ||
        !verify_require(c, s->rank >= 0 && s->rank <= AXES_MAX, "rank %d", s->rank))
        return false;
    for (int d = 0; d < s->rank; d++) {
        const Extent *e = &s->extent[d];
        if (!verify_require(c, e->div >= 1 && e->axis >= -1 && e->axis < c->g->rank,
                            "extent %d is malformed", d))
            return false;
    }
    return verify_require(c, !s->winners || (s->rank == 1 && s->extent[0].axis < 0),
                          "winners are not a list");
}

/* The lattice over which the window of a node slides, or NULL. */
static const Shape *window_lattice(const Check *c, const Node *n)
{
    switch (n->op) {
    case OP_CONV:
    case OP_AVG_POOL:
    case OP_MAX_POOL:
    case OP_MAX_ARG:
    case OP_PICK: return verify_shape(c, n->arg[0]);
    case OP_CONV_DW: return verify_shape(c, n->arg[1]);
    case OP_CONV_DX:
    case OP_AVG_UNPOOL:
    case OP_MAX_UNPOOL: return &n->shape;
    case OP_NONE:
    case OP_INPUT:
    case OP_PARAM:
    case OP_TARGET:
    case OP_SEED:
    case OP_CONV_DB:
    case OP_PICK_DX:
    case OP_PICK_DW:
    case OP_PICK_DY:
    case OP_GLOBAL_SUM:
    case OP_GLOBAL_AVG:
    case OP_GLOBAL_MAX:
    case OP_GLOBAL_ARG:
    case OP_SPREAD:
    case OP_SPREAD_AVG:
    case OP_SPREAD_MAX:
    case OP_LEAKY_RELU:
    case OP_LEAKY_RELU_DX:
    case OP_SIGMOID:
    case OP_SIGMOID_DX:
    case OP_TANH:
    case OP_TANH_DX:
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_FLATTEN:
    case OP_UNFLATTEN:
    case OP_MSE:
    case OP_MSE_DX:
    case OP_BCE:
    case OP_BCE_DX:
    case OP_COUNT: return NULL;
    }
    unreachable();
}

static void check_operator(Check *c, const Node *n)
{
    const Shape *s = &n->shape;
    const Shape *x = verify_shape(c, n->arg[0]), *y = verify_shape(c, n->arg[1]);
    switch (n->op) {
    case OP_CONV:
        check_conv(c, n, x, s, graph_node(c->g, n->arg[1])->param);
        if (n->arg[2].i)
            check_bias(c, graph_node(c->g, n->arg[2])->param, s);
        break;
    case OP_CONV_DX: check_conv(c, n, s, x, graph_node(c->g, n->arg[1])->param); break;
    case OP_CONV_DW: check_conv(c, n, y, x, n->param); break;
    case OP_CONV_DB: check_bias(c, n->param, x); break;
    case OP_PICK_DX: check_pick(c, graph_node(c->g, n->arg[1])->param, x, s); break;
    case OP_PICK_DW: check_pick(c, n->param, x, y); break;
    case OP_PICK:
    case OP_PICK_DY: check_arg(c, n, x); break;
    case OP_AVG_POOL:
    case OP_MAX_POOL:
    case OP_MAX_ARG: check_pool(c, x, s, &n->window); break;
    case OP_MAX_UNPOOL:
        check_same(c, x, y);
        check_pool(c, s, x, &n->window);
        break;
    case OP_AVG_UNPOOL: check_pool(c, s, x, &n->window); break;
    case OP_SPREAD:
    case OP_SPREAD_AVG:
    case OP_SPREAD_MAX: check_spread(c, n, x); break;
    case OP_LEAKY_RELU_DX:
        check_same(c, x, y);
        check_slope(c, n);
        break;
    case OP_LEAKY_RELU: check_slope(c, n); break;
    case OP_ADD:
        if (n->param >= 0)
            break;
        check_same(c, x, y);
        break;
    case OP_SIGMOID_DX:
    case OP_TANH_DX:
    case OP_SUB:
    case OP_MUL:
    case OP_MSE:
    case OP_MSE_DX:
    case OP_BCE:
    case OP_BCE_DX: check_same(c, x, y); break;
    case OP_FLATTEN: check_flatten(c, x, s); break;
    case OP_UNFLATTEN: check_flatten(c, s, x); break;
    case OP_PARAM:
    case OP_INPUT:
    case OP_TARGET:
    case OP_SEED:
    case OP_GLOBAL_SUM:
    case OP_GLOBAL_AVG:
    case OP_GLOBAL_MAX:
    case OP_GLOBAL_ARG:
    case OP_SIGMOID:
    case OP_TANH: break;
    case OP_NONE:
    case OP_COUNT: unreachable();
    }
}

void verify_op(Check *c, const Node *n)
{
    if (n->param < 0 && !check_well_formed(c, &n->shape))
        return;
    const Shape *lattice = window_lattice(c, n);
    if (lattice &&
        !check_window(c, &n->window, lattice->rank, op_info[n->op].class == WINDOW))
        return;
    if (n->param < 0) {
        Shape rule = graph_shape(c->g, n);
        if (!verify_require(c, shape_equal(&n->shape, &rule),
                            "the shape is not what the operator's rule gives"))
            return;
    }
    check_operator(c, n);
}
