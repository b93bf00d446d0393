#include "random_net.h"

/* ---- numbers: splitmix64 (Steele, Lea, Flood 2014) ------------------------------- */

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int random_below(uint64_t *state, int n)
{
    return (int)(random_next(state) % (uint64_t)n);
}

void random_reals(uint64_t seed, double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)(random_next(&seed) >> 11) * 0x1p-52 - 1;
}

void random_integers(uint64_t seed, int size, double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = random_below(&seed, 2 * size + 1) - size;
}

/* ---- growing a network, layer by layer ------------------------------------------- */

static int random_channels(Net *net)
{
    static const int wide[] = {15, 16, 17, 31, 32, 33};
    if (net->options.narrow)
        return 1 + random_below(&net->state, 4);
    if (random_below(&net->state, 4) == 0)
        return wide[random_below(&net->state, (int)countof(wide))];
    return 1 + random_below(&net->state, 9);
}

static Layer *add_layer(Net *net, Kind kind)
{
    Layer *l = &net->layer[net->layers++];
    *l = (Layer){.kind = kind, .in = net->width, .out = net->width, .rank = net->axes};
    return l;
}

/* A lattice can be cut where every window makes extent / stride sites of an axis. */
static void keep_even(const Net *net, int axis, Window *w)
{
    if (!net->even)
        return;
    if (net->extent[axis] % w->stride[axis])
        w->stride[axis] = net->extent[axis] % 2 ? 1 : 2;
    if (w->boundary[axis] == BOUNDARY_NONE && w->kernel[axis] > w->stride[axis]) {
        if (net->extent[axis] % w->kernel[axis] == 0)
            w->stride[axis] = w->kernel[axis];
        else
            w->kernel[axis] = w->stride[axis];
    }
}

static void add_conv(Net *net)
{
    static const Boundary boundary[] = {BOUNDARY_CIRCULAR, BOUNDARY_CIRCULAR,
                                        BOUNDARY_ZERO, BOUNDARY_NONE};
    Layer *l = add_layer(net, CONV);
    Boundary pad = boundary[random_below(&net->state, 4)];
    for (int d = 0; d < net->axes; d++) {
        int kernel = 1 + random_below(&net->state, 4), stride = 1;
        if (pad == BOUNDARY_NONE && kernel > net->extent[d])
            kernel = (int)net->extent[d];
        if (random_below(&net->state, 4) == 0)
            stride = 1 + random_below(&net->state, 3);
        l->window.kernel[d] = kernel;
        l->window.stride[d] = stride;
        l->window.boundary[d] = pad;
        l->window.before[d] = pad == BOUNDARY_NONE ? 0 : (kernel - 1) / 2;
        keep_even(net, d, &l->window);
        int reach = pad == BOUNDARY_NONE ? l->window.kernel[d] : 1;
        net->extent[d] = (net->extent[d] - reach) / l->window.stride[d] + 1;
    }
    l->out = net->width = random_channels(net);
    l->bias = random_below(&net->state, 2);
}

static void add_pool(Net *net, Kind kind)
{
    Layer *l = add_layer(net, kind);
    for (int d = 0; d < net->axes; d++) {
        int kernel = 1 + random_below(&net->state, 3);
        if (kernel > net->extent[d])
            kernel = (int)net->extent[d];
        l->window.kernel[d] = kernel;
        l->window.stride[d] = 1 + random_below(&net->state, 3);
        l->window.boundary[d] = BOUNDARY_NONE;
        keep_even(net, d, &l->window);
        net->extent[d] =
            (net->extent[d] - l->window.kernel[d]) / l->window.stride[d] + 1;
    }
}

static void add_linear(Net *net, int out)
{
    Layer *l = add_layer(net, LINEAR);
    l->out = net->width = out;
    l->bias = random_below(&net->state, 2);
}

static void add_activation(Net *net)
{
    static const Kind kind[] = {LEAKY_RELU, LEAKY_RELU, LEAKY_RELU,
                                RELU,       TANH,       SIGMOID};
    static const double slope[] = {0.01, 0.25, 1, 0, 1.5};
    Layer *l = add_layer(net, kind[random_below(&net->state, (int)countof(kind))]);
    if (l->kind == LEAKY_RELU)
        l->slope = slope[random_below(&net->state, (int)countof(slope))];
}

/* Combines the value with itself or with the operand of a pointwise layer before it. */
static void add_arithmetic(Net *net)
{
    int back = 0;
    while (back < 3 && back < net->layers - 1) {
        const Layer *l = &net->layer[net->layers - 1 - back];
        if (l->kind < LEAKY_RELU || l->kind > SIGMOID)
            break;
        back++;
    }
    Layer *l = add_layer(net, ADD + (Kind)random_below(&net->state, 3));
    l->back = back ? random_below(&net->state, back + 1) : 0;
}

/* 1x1 convolutions in a row: generated code makes them in one walk over the sites, and the
 * pool before them, too. */
static void add_chain(Net *net)
{
    if (random_below(&net->state, 2))
        add_pool(net, MAX_POOL);
    for (int n = 1 + random_below(&net->state, 3); n > 0; n--) {
        Layer *l = add_layer(net, CONV);
        for (int d = 0; d < net->axes; d++)
            l->window.kernel[d] = l->window.stride[d] = 1;
        l->out = net->width = random_channels(net);
        l->bias = random_below(&net->state, 2);
        if (random_below(&net->state, 3))
            add_activation(net);
    }
}

static void add_spatial(Net *net)
{
    if (net->options.pointwise && random_below(&net->state, 6) == 0) {
        add_chain(net);
        return;
    }
    switch (random_below(&net->state, 8)) {
    case 0:
    case 1:
    case 2: add_conv(net); break;
    case 3: add_pool(net, AVG_POOL); break;
    case 4: add_pool(net, MAX_POOL); break;
    case 5:
        if (net->options.arithmetic) {
            add_arithmetic(net);
            break;
        }
        add_activation(net);
        break;
    default: add_activation(net); break;
    }
}

/* From a field to a vector, or not at all. */
static void add_reduction(Net *net)
{
    int which = random_below(&net->state, 6);
    if (net->axes == 0 || which == 0)
        return;
    if (which <= 3) {
        add_layer(net, GLOBAL_SUM_POOL + (Kind)(which - 1));
    } else {
        Layer *l = add_layer(net, FLATTEN);
        for (int d = 0; d < net->axes; d++)
            net->width *= (int)net->extent[d];
        l->out = net->width;
        net->fixed = true;
    }
    net->axes = 0;
}

static void add_tail(Net *net)
{
    int linears = net->axes ? 0 : random_below(&net->state, 3);
    for (int i = 0; i < linears; i++) {
        add_linear(net, random_channels(net));
        if (random_below(&net->state, 2))
            add_activation(net);
    }
    /* The language compares only vectors with a target. */
    net->loss = net->axes ? LOSS_NONE : (LossKind)random_below(&net->state, 3);
    if (net->loss == LOSS_BCE)
        add_layer(net, SIGMOID);
}

static int random_extent(Net *net)
{
    static const int even[] = {2, 4, 4, 6, 8, 8, 12, 16};
    int largest = net->rank == 1 ? 20 : net->rank == 2 ? 7 : 3;
    if (!net->options.parts)
        return 1 + random_below(&net->state, largest);
    int extent = 1 + random_below(&net->state, 10);
    if (net->even)
        return even[random_below(&net->state, (int)countof(even))];
    return extent == 10 ? 17 : extent;
}

/* The oracle takes a second for some hundred sites of a wide network. */
static void random_lattice(Net *net)
{
    enum { SITES_MAX = 300 };
    int64_t sites = 1;
    net->even = net->options.parts && random_below(&net->state, 2);
    for (int d = 0; d < net->rank; d++) {
        int64_t extent = random_extent(net);
        while (net->options.parts && sites * extent > SITES_MAX)
            extent = (extent + 1) / 2;
        sites *= net->lattice[d] = net->extent[d] = extent;
    }
}

Net random_net(uint64_t seed, RandomOptions options)
{
    Net net = {.state = seed * 0x2545f4914f6cdd1du + 1, .options = options};
    /* Every eleventh is a plain vector. */
    net.rank = seed % 11 == 10 ? 0 : 1 + random_below(&net.state, options.rank_max);
    random_lattice(&net);
    net.axes = net.rank;
    net.channels = net.width = random_channels(&net);
    /* At least one layer with parameters, first or behind a pool or an activation. */
    int before = random_below(&net.state, 2), after = random_below(&net.state, 7);
    for (int i = 0; i < before && net.rank; i++)
        add_spatial(&net);
    if (net.rank)
        add_conv(&net);
    else
        add_linear(&net, random_channels(&net));
    for (int i = 0; i < after; i++)
        if (net.rank)
            add_spatial(&net);
        else
            add_activation(&net);
    add_reduction(&net);
    add_tail(&net);
    return net;
}
