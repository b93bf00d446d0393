#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

#include "ir/graph.h"

typedef struct Check {
    const Graph *g;
    FILE *err;
    uint32_t node; /* under examination; 0: the graph as a whole */
    bool ok;
} Check;

__attribute__((format(printf, 3, 4))) static bool require(Check *c, bool holds,
                                                          const char *rule, ...)
{
    if (holds)
        return true;
    c->ok = false;
    if (c->node) {
        const Node *n = &c->g->node[c->node];
        bool known = n->op < OP_COUNT;
        fprintf(c->err, "graph %s: %%%" PRIu32 " %s: ", c->g->name, c->node,
                known ? op_info[n->op].name : "?");
    } else {
        fprintf(c->err, "graph %s: ", c->g->name);
    }
    va_list args;
    va_start(args, rule);
    vfprintf(c->err, rule, args);
    va_end(args);
    fputc('\n', c->err);
    return false;
}

static const Shape *shape_of(const Check *c, Val v)
{
    return &graph_node(c->g, v)->shape;
}

static bool is_field(const Check *c, Val v)
{
    return graph_node(c->g, v)->param < 0;
}

static bool shape_equal(const Shape *a, const Shape *b)
{
    return a->channels == b->channels && shape_same_lattice(a, b);
}

/* ---- parameters --------------------------------------------------------------------- */

static void check_params(Check *c)
{
    const Graph *g = c->g;
    int64_t offset = 0;
    for (int p = 0; p < g->params; p++) {
        const Param *param = &g->param[p];
        const char *name = param->name ? param->name : "?";
        require(c, param->name && param->name[0], "parameter %d has no name", p);
        if (!require(c, param->rank >= 1 && param->rank <= PARAM_RANK_MAX,
                     "parameter %s has rank %d", name, param->rank))
            return;
        int64_t count = 1;
        for (int d = 0; d < param->rank; d++) {
            require(c, param->dim[d] > 0, "parameter %s: dimension %d is %d", name, d,
                    param->dim[d]);
            if (__builtin_mul_overflow(count, param->dim[d], &count))
                count = -1;
        }
        require(c, param->count == count,
                "parameter %s: count is not the product of "
                "its dimensions",
                name);
        require(c, param->offset == offset,
                "parameter %s: offset %" PRId64 " is not the end %" PRId64
                " of the one before",
                name, param->offset, offset);
        offset += param->count;
    }
    require(c, g->param_count == offset, "param_count is not the sum of the counts");
}

/* ---- operands ----------------------------------------------------------------------- */

static bool may_miss_last(Op op)
{
    return op == OP_CONV;
}

static bool check_operands(Check *c, const Node *n)
{
    int operands = op_info[n->op].operands;
    for (int k = 0; k < OPERANDS_MAX; k++) {
        uint32_t i = n->arg[k].i;
        if (k >= operands) {
            if (!require(c, i == 0, "operand %d is one too many", k + 1))
                return false;
            continue;
        }
        if (i == 0 && may_miss_last(n->op) && k == operands - 1)
            continue;
        if (!require(c, i != 0, "operand %d is missing", k + 1) ||
            !require(c, i < c->node, "operand %%%" PRIu32 " comes later", i))
            return false;
    }
    return true;
}

static bool is_weight_operand(Op op, int k)
{
    return (op == OP_CONV && k >= 1) || (op == OP_CONV_DX && k == 1);
}

/* Weights stand where weights belong, fields everywhere else. */
static bool check_operand_kinds(Check *c, const Node *n)
{
    if (n->op == OP_ADD && n->param >= 0)
        return require(c,
                       graph_node(c->g, n->arg[0])->param == n->param &&
                           graph_node(c->g, n->arg[1])->param == n->param,
                       "adds gradients of different parameters");
    for (int k = 0; k < op_info[n->op].operands && n->arg[k].i; k++) {
        const Node *arg = graph_node(c->g, n->arg[k]);
        if (is_weight_operand(n->op, k)) {
            if (!require(c, arg->op == OP_PARAM, "operand %d is no parameter", k + 1))
                return false;
        } else if (!require(c, arg->param < 0, "operand %d is no field", k + 1)) {
            return false;
        }
    }
    return true;
}

static bool check_param_index(Check *c, const Node *n)
{
    bool has = n->op == OP_PARAM || n->op == OP_CONV_DW || n->op == OP_CONV_DB;
    if (!has && n->op != OP_ADD)
        return require(c, n->param == -1, "has a parameter index");
    return require(c, n->param >= (has ? 0 : -1) && n->param < c->g->params,
                   "parameter index %d is out of range", n->param);
}

/* ---- windows ------------------------------------------------------------------------ */

static bool check_window(Check *c, const Window *w, int rank)
{
    for (int d = 0; d < rank; d++) {
        bool none = w->boundary[d] == BOUNDARY_NONE;
        if (!require(c, w->kernel[d] >= 1, "kernel %d on axis %d", w->kernel[d], d) ||
            !require(c, w->stride[d] >= 1, "stride %d on axis %d", w->stride[d], d) ||
            !require(c, w->boundary[d] <= BOUNDARY_NONE, "unknown boundary") ||
            !require(c, w->before[d] >= 0 && w->before[d] < w->kernel[d],
                     "taps of axis %d begin %d before a kernel of %d", d, w->before[d],
                     w->kernel[d]) ||
            !require(c, !none || w->before[d] == 0,
                     "boundary none with taps before the site on axis %d", d))
            return false;
    }
    return true;
}

/* small = what the window makes of the lattice of big. */
static bool check_windowed(Check *c, const Shape *big, const Shape *small,
                           const Window *w)
{
    if (!check_window(c, w, big->rank))
        return false;
    Shape made = shape_windowed(big, w);
    return require(c, shape_same_lattice(&made, small),
                   "the window does not lead from one lattice to the other");
}

/* The pools, whose windows stay inside. */
static bool check_pool(Check *c, const Shape *big, const Shape *small, const Window *w)
{
    for (int d = 0; d < big->rank; d++)
        if (!require(c, w->boundary[d] == BOUNDARY_NONE, "a pool with padding"))
            return false;
    return check_windowed(c, big, small, w) &&
           require(c, big->channels == small->channels, "channels change");
}

static bool check_tensor(Check *c, int p, const Shape *in, const Shape *out,
                         const Window *w)
{
    const Param *param = &c->g->param[p];
    bool fits = param->rank == 2 + in->rank && param->dim[0] == out->channels &&
                param->dim[1] == in->channels;
    for (int d = 0; fits && d < in->rank; d++)
        fits = param->dim[2 + d] == w->kernel[d];
    return require(c, fits, "parameter %s is not [out][in][kernel] of the operator",
                   param->name);
}

static bool check_bias(Check *c, int p, const Shape *out)
{
    const Param *param = &c->g->param[p];
    return require(c, param->rank == 1 && param->dim[0] == out->channels,
                   "parameter %s is not [%d]", param->name, out->channels);
}

static void check_conv(Check *c, const Node *n, const Shape *in, const Shape *out,
                       int p)
{
    if (check_windowed(c, in, out, &n->window))
        check_tensor(c, p, in, out, &n->window);
}

/* ---- operators ---------------------------------------------------------------------- */

static void check_same(Check *c, const Shape *a, const Shape *b)
{
    require(c, shape_equal(a, b), "operands have different shapes");
}

static void check_spread(Check *c, const Node *n, const Shape *dy)
{
    require(c, dy->rank == 0 && dy->channels == n->shape.channels,
            "spreads something that is not one number a channel");
    if (n->op == OP_SPREAD_MAX)
        check_same(c, dy, shape_of(c, n->arg[1]));
}

static void check_flatten(Check *c, const Shape *field, const Shape *flat)
{
    int64_t width = field->channels;
    for (int d = 0; d < field->rank; d++) {
        if (!require(c, field->extent[d].axis < 0, "extent %d is not a number", d))
            return;
        if (__builtin_mul_overflow(width, field->extent[d].add, &width))
            width = -1;
    }
    require(c, flat->rank == 0 && flat->channels == width,
            "channels times sites are not the width");
}

static void check_slope(Check *c, const Node *n)
{
    require(c, isfinite(n->slope) && n->slope >= 0, "slope %g is not >= 0", n->slope);
}

static void check_shape(Check *c, const Node *n)
{
    if (n->param >= 0)
        return;
    const Shape *s = &n->shape;
    if (!require(c, s->channels > 0, "%d channels", s->channels) ||
        !require(c, s->rank >= 0 && s->rank <= AXES_MAX, "rank %d", s->rank))
        return;
    for (int d = 0; d < s->rank; d++) {
        const Extent *e = &s->extent[d];
        if (!require(c, e->div >= 1 && e->axis >= -1 && e->axis < c->g->rank,
                     "extent %d is malformed", d))
            return;
    }
    Shape rule = graph_shape(c->g, n);
    require(c, shape_equal(s, &rule),
            "the shape is not what the operator's rule gives");
}

static void check_operator(Check *c, const Node *n)
{
    const Shape *s = &n->shape;
    const Shape *x = shape_of(c, n->arg[0]), *y = shape_of(c, n->arg[1]);
    switch (n->op) {
    case OP_CONV:
        check_conv(c, n, x, s, graph_node(c->g, n->arg[1])->param);
        if (n->arg[2].i)
            check_bias(c, graph_node(c->g, n->arg[2])->param, s);
        break;
    case OP_CONV_DX: check_conv(c, n, s, x, graph_node(c->g, n->arg[1])->param); break;
    case OP_CONV_DW: check_conv(c, n, y, x, n->param); break;
    case OP_CONV_DB: check_bias(c, n->param, x); break;
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

static void check_node(Check *c, const Node *n)
{
    if (!require(c, n->op > OP_NONE && n->op < OP_COUNT, "unknown operator %d",
                 n->op) ||
        !require(c, n->name != NULL, "name is NULL") || !check_param_index(c, n) ||
        !check_operands(c, n) || !check_operand_kinds(c, n))
        return;
    check_shape(c, n);
    if (c->ok)
        check_operator(c, n);
}

/* ---- results ------------------------------------------------------------------------ */

static bool check_result(Check *c, Val v, const char *what)
{
    return require(c, v.i < c->g->nodes, "%s %%%" PRIu32 " is no node", what, v.i);
}

static void check_dparam(Check *c)
{
    const Graph *g = c->g;
    for (int p = 0; g->dparam && p < g->params; p++) {
        Val v = g->dparam[p];
        const char *name = g->param[p].name;
        if (!check_result(c, v, "gradient") ||
            !require(c, v.i != 0, "parameter %s has no gradient", name))
            continue;
        const Node *n = graph_node(g, v);
        require(c, n->op != OP_PARAM && n->param == p,
                "%%%" PRIu32 " is no gradient of %s", v.i, name);
    }
}

static void check_loss(Check *c)
{
    const Graph *g = c->g;
    if (g->loss == LOSS_BCE) {
        const Node *y = graph_node(g, g->output);
        require(c, y->op == OP_SIGMOID && y->arg[0].i == g->logit.i && g->logit.i,
                "loss BCE, but the logit is not the operand of a final sigmoid");
    }
    if (g->loss_value.i) {
        Op op = graph_node(g, g->loss_value)->op;
        require(c,
                g->loss != LOSS_NONE && op == (g->loss == LOSS_MSE ? OP_MSE : OP_BCE),
                "the value of the loss is %s", op_info[op].name);
    }
}

static void check_results(Check *c)
{
    const Graph *g = c->g;
    if (!check_result(c, g->input, "input") || !check_result(c, g->output, "output") ||
        !check_result(c, g->logit, "logit") || !check_result(c, g->dx, "dx") ||
        !check_result(c, g->loss_value, "loss"))
        return;
    const Node *x = graph_node(g, g->input);
    require(c, x->op == OP_INPUT, "the input is no input node");
    require(c, g->output.i && is_field(c, g->output), "the output is no field");
    if (g->dx.i)
        require(c, is_field(c, g->dx) && shape_equal(shape_of(c, g->dx), &x->shape),
                "dx has not the shape of the input");
    check_loss(c);
    check_dparam(c);
}

static void check_leaves(Check *c)
{
    const Graph *g = c->g;
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        c->node = i;
        if (n->op == OP_INPUT)
            require(c, i == g->input.i, "a second input");
        if (n->op == OP_TARGET || n->op == OP_SEED)
            require(c, shape_equal(&n->shape, shape_of(c, g->output)),
                    "has not the shape of the output");
    }
    c->node = 0;
}

bool graph_verify(const Graph *g, FILE *err)
{
    Check c = {.g = g, .err = err, .ok = true};
    require(&c, g->rank >= 0 && g->rank <= AXES_MAX, "rank %d", g->rank);
    require(&c, g->nodes > 1 && g->node[0].op == OP_NONE, "node 0 is not none");
    if (c.ok)
        check_params(&c);
    if (!c.ok)
        return false;
    for (uint32_t i = 1; i < g->nodes && c.ok; i++) {
        c.node = i;
        check_node(&c, &g->node[i]);
    }
    c.node = 0;
    if (c.ok)
        check_results(&c);
    if (c.ok)
        check_leaves(&c);
    return c.ok;
}
