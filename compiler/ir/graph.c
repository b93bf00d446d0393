#include "ir/graph.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/* clang-format off */
const OpInfo op_info[OP_COUNT] = {
    [OP_NONE] = {"none", 0, LEAF},
#define OP(id, name, operands, class) [OP_##id] = {name, operands, class},
#include "ir/ops.def"
#undef OP
};
/* clang-format on */

/* ---- extents --------------------------------------------------------------------- */

/* Coefficients are clamped so that no source text, however many strides it piles up, can
 * overflow them; a clamped extent has no site on any lattice that fits in a memory. */
static const int64_t extent_limit = ((int64_t)1 << 62) - 1;

static int64_t clamp(int64_t n)
{
    return n > extent_limit ? extent_limit : n < -extent_limit ? -extent_limit : n;
}

static int64_t add_clamped(int64_t a, int64_t b)
{
    return clamp(clamp(a) + clamp(b));
}

static int64_t mul_clamped(int64_t a, int64_t b)
{
    int64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return (a < 0) == (b < 0) ? extent_limit : -extent_limit;
    return clamp(product);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    assert(b > 0);
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}

Extent extent_number(int64_t n)
{
    return (Extent){.axis = -1, .add = clamp(n), .div = 1};
}

Extent extent_axis(int axis)
{
    return (Extent){.axis = axis, .add = 0, .div = 1};
}

/* floor((floor((L + a) / b) + c) / d) = floor((L + a + c b) / (b d)) for b, d > 0. */
Extent extent_floor(Extent e, int64_t add, int64_t div)
{
    if (e.axis < 0)
        return extent_number(floor_div(add_clamped(e.add, add), div));
    e.add = add_clamped(e.add, mul_clamped(add, e.div));
    e.div = mul_clamped(e.div, div);
    return e;
}

bool extent_equal(Extent a, Extent b)
{
    return a.axis == b.axis && a.add == b.add && a.div == b.div;
}

int64_t extent_value(Extent e, const int64_t *lattice)
{
    if (e.axis < 0)
        return e.add;
    return floor_div(add_clamped(lattice[e.axis], e.add), e.div);
}

Shape shape_winners(int channels, int pooled)
{
    return (Shape){.channels = channels,
                   .rank = 1,
                   .extent = {extent_number(pooled)},
                   .winners = true};
}

bool shape_same_lattice(const Shape *a, const Shape *b)
{
    if (a->rank != b->rank || a->winners != b->winners)
        return false;
    for (int d = 0; d < a->rank; d++)
        if (!extent_equal(a->extent[d], b->extent[d]))
            return false;
    return true;
}

int64_t shape_sites(const Shape *s, const int64_t *lattice)
{
    int64_t sites = 1;
    for (int d = 0; d < s->rank; d++)
        sites = mul_clamped(sites, extent_value(s->extent[d], lattice));
    return sites;
}

bool window_is_one_site(const Window *w, int rank)
{
    for (int d = 0; d < rank; d++)
        if (w->kernel[d] != 1 || w->stride[d] != 1)
            return false;
    return true;
}

/* Positions p with p * stride inside [0, L), or with the whole window inside. */
Shape shape_windowed(const Shape *in, const Window *w)
{
    Shape out = *in;
    for (int d = 0; d < in->rank; d++) {
        int reach = w->boundary[d] == BOUNDARY_NONE ? w->kernel[d] : 1;
        out.extent[d] =
            extent_floor(in->extent[d], (int64_t)w->stride[d] - reach, w->stride[d]);
    }
    return out;
}

/* ---- building -------------------------------------------------------------------- */

static void *grow(Arena *a, const void *old, size_t used, size_t cap, size_t size)
{
    void *bigger = arena_alloc(a, cap * size);
    if (used)
        memcpy(bigger, old, used * size);
    return bigger;
}

void graph_begin(GraphBuilder *b, Arena *arena)
{
    *b = (GraphBuilder){.arena = arena, .node_cap = 64};
    b->g.name = b->g.input_name = "";
    b->g.node = NEW_ARRAY(arena, Node, b->node_cap);
    b->g.node[0] = (Node){.name = "", .param = -1};
    b->g.nodes = 1;
}

void graph_continue(GraphBuilder *b, const Graph *g, Arena *arena)
{
    *b = (GraphBuilder){.g = *g, .arena = arena};
    b->node_cap = 2 * g->nodes;
    b->param_cap = g->params;
    b->layer_cap = g->layers;
    b->g.node = grow(arena, g->node, g->nodes, b->node_cap, sizeof *g->node);
    b->g.param =
        grow(arena, g->param, (size_t)g->params, (size_t)g->params, sizeof *g->param);
    b->g.layer =
        grow(arena, g->layer, (size_t)g->layers, (size_t)g->layers, sizeof *g->layer);
}

/* The parameter whose tensor, or whose gradient, the node is; -1 if it is a field. */
static int param_of(const Graph *g, const Node *node)
{
    if (node->op == OP_PARAM || node->op == OP_CONV_DW || node->op == OP_CONV_DB ||
        node->op == OP_PICK_DW)
        return node->param;
    /* A parameter used by several layers: the sum of its gradients. */
    if (node->op == OP_ADD && node->arg[0].i < g->nodes)
        return graph_node(g, node->arg[0])->param;
    return -1;
}

Val graph_add(GraphBuilder *b, Node node)
{
    Graph *g = &b->g;
    if (g->nodes == b->node_cap) {
        b->node_cap *= 2;
        g->node = grow(b->arena, g->node, g->nodes, b->node_cap, sizeof *g->node);
    }
    if (!node.name)
        node.name = "";
    node.param = param_of(g, &node);
    if (node.param < 0 && node.shape.channels == 0)
        node.shape = graph_shape(g, &node);
    g->node[g->nodes] = node;
    return (Val){g->nodes++};
}

int graph_add_param(GraphBuilder *b, Param param)
{
    Graph *g = &b->g;
    if (g->params == b->param_cap) {
        b->param_cap = b->param_cap ? 2 * b->param_cap : 16;
        g->param = grow(b->arena, g->param, (size_t)g->params, (size_t)b->param_cap,
                        sizeof *g->param);
    }
    param.offset = g->param_count;
    param.count = 1;
    for (int d = 0; d < param.rank; d++)
        param.count = mul_clamped(param.count, param.dim[d]);
    g->param_count = add_clamped(g->param_count, param.count);
    g->param[g->params] = param;
    return g->params++;
}

void graph_add_layer(GraphBuilder *b, LayerRow row)
{
    Graph *g = &b->g;
    if (g->layers == b->layer_cap) {
        b->layer_cap = b->layer_cap ? 2 * b->layer_cap : 16;
        g->layer = grow(b->arena, g->layer, (size_t)g->layers, (size_t)b->layer_cap,
                        sizeof *g->layer);
    }
    g->layer[g->layers++] = row;
}

Graph *graph_end(GraphBuilder *b)
{
    Graph *g = NEW(b->arena, Graph);
    *g = b->g;
    return g;
}

/* ---- shapes ---------------------------------------------------------------------- */

static Shape shape_vector(int64_t channels)
{
    return (Shape){.channels = channels > INT_MAX ? INT_MAX : (int)channels};
}

/* Zero channels, which no graph may have, where an extent is not a number. */
static Shape shape_flattened(const Shape *in)
{
    int64_t width = in->channels;
    for (int d = 0; d < in->rank; d++) {
        if (in->extent[d].axis >= 0)
            return (Shape){0};
        width = mul_clamped(width, in->extent[d].add);
    }
    return shape_vector(width < 0 ? 0 : width);
}

static Shape shape_conv(const Graph *g, const Node *node)
{
    Shape out = shape_windowed(&graph_node(g, node->arg[0])->shape, &node->window);
    const Node *weight = graph_node(g, node->arg[1]);
    bool known = weight->op == OP_PARAM && weight->param < g->params;
    out.channels = known ? g->param[weight->param].dim[0] : 0;
    return out;
}

/* What a window reads of x, at the winners that arg names. */
static Shape shape_picked(const Shape *x, const Shape *arg, const Window *w)
{
    int64_t channels = x->channels;
    for (int d = 0; d < x->rank; d++)
        channels = mul_clamped(channels, w->kernel[d]);
    return shape_winners(shape_vector(channels).channels, arg->channels);
}

Shape graph_shape(const Graph *g, const Node *node)
{
    const Shape *x = &graph_node(g, node->arg[0])->shape;
    const Shape *arg = &graph_node(g, node->arg[1])->shape;
    switch (node->op) {
    case OP_INPUT:
    case OP_TARGET:
    case OP_SEED:
    case OP_CONV_DX:
    case OP_PICK_DX:
    case OP_AVG_UNPOOL:
    case OP_MAX_UNPOOL:
    case OP_SPREAD:
    case OP_SPREAD_AVG:
    case OP_SPREAD_MAX:
    case OP_UNFLATTEN:
        return node->shape; /* not to be had from the operands: given by the builder */
    case OP_NONE:
    case OP_PARAM:
    case OP_CONV_DW:
    case OP_CONV_DB:
    case OP_PICK_DW: return (Shape){0};
    case OP_CONV: return shape_conv(g, node);
    case OP_AVG_POOL:
    case OP_MAX_POOL:
    case OP_MAX_ARG: return shape_windowed(x, &node->window);
    case OP_GLOBAL_SUM:
    case OP_GLOBAL_AVG:
    case OP_GLOBAL_MAX:
    case OP_GLOBAL_ARG: return shape_vector(x->channels);
    case OP_LEAKY_RELU:
    case OP_LEAKY_RELU_DX:
    case OP_SIGMOID:
    case OP_SIGMOID_DX:
    case OP_TANH:
    case OP_TANH_DX:
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_MSE_DX:
    case OP_BCE_DX: return *x;
    case OP_FLATTEN: return shape_flattened(x);
    case OP_PICK: return shape_picked(x, arg, &node->window);
    case OP_PICK_DY: return shape_winners(1, x->channels);
    case OP_MSE:
    case OP_BCE: return shape_vector(1);
    case OP_COUNT: break;
    }
    unreachable();
}

/* ---- lattices -------------------------------------------------------------------- */

static bool has_sites(const Shape *s, const int64_t *lattice)
{
    for (int d = 0; d < s->rank; d++)
        if (extent_value(s->extent[d], lattice) < 1)
            return false;
    return true;
}

bool graph_accepts(const Graph *g, const int64_t *lattice, Val *culprit)
{
    *culprit = (Val){0};
    for (int d = 0; d < g->rank; d++)
        if (lattice[d] < 1 || (g->fixed[d] && g->fixed[d] != lattice[d]))
            return false;
    for (uint32_t i = 1; i < g->nodes; i++)
        if (g->node[i].param < 0 && !has_sites(&g->node[i].shape, lattice)) {
            *culprit = (Val){i};
            return false;
        }
    return true;
}
