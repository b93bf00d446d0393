#include "random_graph.h"

#include <inttypes.h>

#include "random_net.h"

/* clang-format off */
static const struct {
    Op op;
    const char *base; /* of the names: conv1, conv2, ... */
} meaning[] = {
    [CONV]            = {OP_CONV,       "conv"},
    [LINEAR]          = {OP_CONV,       "linear"},
    [LEAKY_RELU]      = {OP_LEAKY_RELU, "leaky_relu"},
    [RELU]            = {OP_LEAKY_RELU, "relu"},
    [TANH]            = {OP_TANH,       "tanh"},
    [SIGMOID]         = {OP_SIGMOID,    "sigmoid"},
    [AVG_POOL]        = {OP_AVG_POOL,   "avg_pool"},
    [MAX_POOL]        = {OP_MAX_POOL,   "max_pool"},
    [GLOBAL_SUM_POOL] = {OP_GLOBAL_SUM, "global_sum_pool"},
    [GLOBAL_AVG_POOL] = {OP_GLOBAL_AVG, "global_avg_pool"},
    [GLOBAL_MAX_POOL] = {OP_GLOBAL_MAX, "global_max_pool"},
    [FLATTEN]         = {OP_FLATTEN,    "flatten"},
    [ADD]             = {OP_ADD,        "add"},
    [SUB]             = {OP_SUB,        "sub"},
    [MUL]             = {OP_MUL,        "mul"},
};
/* clang-format on */

static Val add_tensor(GraphBuilder *b, const Layer *l, const char *layer, bool weight)
{
    Param p = {
        .name = arena_printf(b->arena, "%s.%s", layer, weight ? "weight" : "bias"),
        .rank = weight ? 2 : 1,
        .dim = {l->out, l->in},
        .fan_in = l->in
    };
    if (!weight)
        p.dim[1] = 0;
    for (int d = 0; d < l->rank; d++) {
        p.fan_in *= l->window.kernel[d];
        if (weight)
            p.dim[p.rank++] = l->window.kernel[d];
    }
    int index = graph_add_param(b, p);
    return graph_add(b, (Node){.op = OP_PARAM, .param = index, .name = p.name});
}

static Val add_node(GraphBuilder *b, const Layer *l, const char *name, Val x, Val other)
{
    Node n = {.op = meaning[l->kind].op,
              .arg = {x},
              .name = name,
              .slope = l->slope,
              .window = l->window};
    if (n.op == OP_CONV) {
        n.arg[1] = add_tensor(b, l, name, true);
        if (l->bias)
            n.arg[2] = add_tensor(b, l, name, false);
    }
    if (l->kind >= ADD)
        n.arg[1] = other;
    return graph_add(b, n);
}

Graph *random_graph(uint64_t seed, RandomOptions options, Arena *a, int64_t *lattice)
{
    static const char *const axis[AXES_MAX] = {"T", "X", "Y", "Z"};
    Net net = random_net(seed, options);
    GraphBuilder b;
    graph_begin(&b, a);
    b.g.name = arena_printf(a, "random_%" PRIu64, seed);
    b.g.input_name = "x";
    b.g.rank = net.rank;
    Shape in = {.channels = net.channels, .rank = net.rank};
    for (int d = 0; d < net.rank; d++) {
        lattice[d] = net.lattice[d];
        b.g.axis[d] = axis[d];
        b.g.fixed[d] = net.fixed ? net.lattice[d] : 0;
        in.extent[d] = net.fixed ? extent_number(net.lattice[d]) : extent_axis(d);
    }
    Val value[LAYERS_MAX + 1];
    int count[countof(meaning)] = {0};
    value[0] = b.g.input =
        graph_add(&b, (Node){.op = OP_INPUT, .shape = in, .name = "x"});
    for (int i = 0; i < net.layers; i++) {
        const Layer *l = &net.layer[i];
        const char *name =
            arena_printf(a, "%s%d", meaning[l->kind].base, ++count[l->kind]);
        value[i + 1] = add_node(&b, l, name, value[l->from], value[l->other]);
    }
    b.g.output = value[net.at];
    b.g.loss = net.loss;
    if (net.loss == LOSS_BCE)
        b.g.logit = value[net.layer[net.layers - 1].from];
    return graph_end(&b);
}
