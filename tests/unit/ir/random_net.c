#include "random_net.h"

/* ---- layer by layer ------------------------------------------------------------- */

static int random_channels(Net *net)
{
    static const int wide[] = {15, 16, 17, 31, 32, 33};
    if (net->options.narrow)
        return 1 + random_below(&net->state, 4);
    if (random_below(&net->state, 4) == 0)
        return wide[random_below(&net->state, (int)countof(wide))];
    return 1 + random_below(&net->state, 9);
}

static Value *here(Net *net)
{
    return &net->value[net->at];
}

/* A layer that so far makes what it reads. */
static Layer *add_layer(Net *net, Kind kind)
{
    const Value *x = here(net);
    Layer *l = &net->layer[net->layers++];
    *l = (Layer){.kind = kind,
                 .from = net->at,
                 .in = x->width,
                 .out = x->width,
                 .rank = x->axes};
    net->value[net->layers] = *x;
    net->at = net->layers;
    return l;
}

static int64_t extent_here(Net *net, int axis)
{
    return extent_value(here(net)->extent[axis], net->lattice);
}

/* The sites of an axis at which a window of `reach` sites starts. */
static void shrink(Net *net, int axis, int reach, int stride)
{
    Extent *e = &here(net)->extent[axis];
    *e = extent_floor(*e, stride - reach, stride);
}

static void makes(Net *net, Layer *l, int width)
{
    l->out = here(net)->width = width;
}

/* A lattice can be cut where every window makes extent / stride sites of an axis. */
static void keep_even(Net *net, int axis, Window *w)
{
    int64_t extent = extent_here(net, axis);
    if (!net->even)
        return;
    if (extent % w->stride[axis])
        w->stride[axis] = extent % 2 ? 1 : 2;
    if (w->boundary[axis] == BOUNDARY_NONE && w->kernel[axis] > w->stride[axis]) {
        if (extent % w->kernel[axis] == 0)
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
    for (int d = 0; d < l->rank; d++) {
        int kernel = 1 + random_below(&net->state, 4), stride = 1;
        if (pad == BOUNDARY_NONE && kernel > extent_here(net, d))
            kernel = (int)extent_here(net, d);
        if (random_below(&net->state, 4) == 0)
            stride = 1 + random_below(&net->state, 3);
        l->window.kernel[d] = kernel;
        l->window.stride[d] = stride;
        l->window.boundary[d] = pad;
        l->window.before[d] = pad == BOUNDARY_NONE ? 0 : (kernel - 1) / 2;
        keep_even(net, d, &l->window);
        int reach = pad == BOUNDARY_NONE ? l->window.kernel[d] : 1;
        shrink(net, d, reach, l->window.stride[d]);
    }
    makes(net, l, random_channels(net));
    l->bias = random_below(&net->state, 2);
}

static void add_pool(Net *net, Kind kind)
{
    Layer *l = add_layer(net, kind);
    for (int d = 0; d < l->rank; d++) {
        int kernel = 1 + random_below(&net->state, 3);
        if (kernel > extent_here(net, d))
            kernel = (int)extent_here(net, d);
        l->window.kernel[d] = kernel;
        l->window.stride[d] = 1 + random_below(&net->state, 3);
        l->window.boundary[d] = BOUNDARY_NONE;
        keep_even(net, d, &l->window);
        shrink(net, d, l->window.kernel[d], l->window.stride[d]);
    }
}

static void add_linear(Net *net, int out)
{
    Layer *l = add_layer(net, LINEAR);
    makes(net, l, out);
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

static void add_global(Net *net)
{
    add_layer(net, GLOBAL_SUM_POOL + (Kind)random_below(&net->state, 3));
    here(net)->axes = 0;
}

/* 1x1 convolutions in a row: generated code makes them in one walk over the sites, and the
 * pool before them, too. */
static void add_chain(Net *net)
{
    if (random_below(&net->state, 2))
        add_pool(net, MAX_POOL);
    int most = net->options.few ? 1 : 3;
    for (int n = 1 + random_below(&net->state, most); n > 0; n--) {
        Layer *l = add_layer(net, CONV);
        for (int d = 0; d < l->rank; d++)
            l->window.kernel[d] = l->window.stride[d] = 1;
        makes(net, l, random_channels(net));
        l->bias = random_below(&net->state, 2);
        if (random_below(&net->state, 3))
            add_activation(net);
    }
}

/* ---- values that are read more than once ----------------------------------------- */

static bool same_shape(const Value *a, const Value *b)
{
    bool same = a->width == b->width && a->axes == b->axes;
    for (int d = 0; d < a->axes; d++)
        same &= extent_equal(a->extent[d], b->extent[d]);
    return same;
}

static void add_arithmetic(Net *net, int other)
{
    enum { PRODUCTS_MAX = 2 };
    int kinds = net->products < PRODUCTS_MAX ? 3 : 2;
    Layer *l = add_layer(net, ADD + (Kind)random_below(&net->state, kinds));
    l->other = other;
    net->joins++;
    if (l->kind == SUB && l->from == other) /* nothing would be left */
        l->kind = ADD;
    net->products += l->kind == MUL;
}

/* Any value of the same shape, also this one. */
static int same_as_here(Net *net)
{
    int found = 0, other = 0;
    for (int v = net->layers; v >= 0; v--)
        if (same_shape(&net->value[v], here(net)) &&
            random_below(&net->state, ++found) == 0)
            other = v;
    return other;
}

/* A convolution, or a Linear, that keeps channels and extents, and the sum with what it
 * reads or what was there before. */
static void add_residual(Net *net)
{
    int x = net->at;
    Layer *l = add_layer(net, here(net)->axes ? CONV : LINEAR);
    Boundary pad = random_below(&net->state, 3) ? BOUNDARY_CIRCULAR : BOUNDARY_ZERO;
    for (int d = 0; d < l->rank; d++) {
        l->window.kernel[d] = 1 + random_below(&net->state, 3);
        l->window.stride[d] = 1;
        l->window.boundary[d] = pad;
        l->window.before[d] = (l->window.kernel[d] - 1) / 2;
    }
    l->bias = random_below(&net->state, 2);
    if (random_below(&net->state, 2))
        add_activation(net);
    add_arithmetic(net, random_below(&net->state, 2) ? x : same_as_here(net));
}

/* Two layers with the same window. */
static void add_two_windows(Net *net)
{
    static const Kind kind[] = {AVG_POOL, MAX_POOL, CONV};
    int x = net->at;
    add_pool(net, AVG_POOL + (Kind)random_below(&net->state, 2));
    Window window = net->layer[net->at - 1].window;
    Value made = *here(net);
    if (random_below(&net->state, 2))
        add_activation(net);
    int pooled = net->at;
    net->at = x;
    Layer *l = add_layer(net, kind[random_below(&net->state, (int)countof(kind))]);
    l->window = window;
    *here(net) = made;
    if (random_below(&net->state, 2))
        add_activation(net);
    add_arithmetic(net, pooled);
}

static void add_branch(Net *net)
{
    switch (random_below(&net->state, here(net)->axes ? 5 : 4)) {
    case 0:
    case 1: add_arithmetic(net, same_as_here(net)); break;
    case 2:
    case 3: add_residual(net); break;
    default: add_two_windows(net); break;
    }
}

/* The last field, pooled or not, and that or any other one, each to a vector of its own, and
 * the two as one. */
static void add_two_vectors(Net *net)
{
    int out = random_channels(net), other = net->at;
    if (random_below(&net->state, 2))
        other = random_below(&net->state, net->layers + 1);
    if (random_below(&net->state, 2))
        add_pool(net, AVG_POOL + (Kind)random_below(&net->state, 2));
    add_global(net);
    add_linear(net, out);
    int one = net->at;
    net->at = other;
    if (random_below(&net->state, 2))
        add_conv(net);
    add_global(net);
    add_linear(net, out);
    add_arithmetic(net, one);
}

/* ---- all of it ------------------------------------------------------------------- */

static void add_spatial(Net *net)
{
    if (net->branches && random_below(&net->state, 3) == 0) {
        add_branch(net);
        return;
    }
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
    default: add_activation(net); break;
    }
}

/* From a field to a vector, in one of the ways 1 to 5. */
static void add_reduction(Net *net, int way)
{
    if (net->branches && random_below(&net->state, 3) == 0) {
        add_two_vectors(net);
    } else if (way <= 3) {
        add_layer(net, GLOBAL_SUM_POOL + (Kind)(way - 1));
    } else {
        Layer *l = add_layer(net, FLATTEN);
        for (int d = 0; d < l->rank; d++)
            l->out *= (int)extent_here(net, d);
        makes(net, l, l->out);
        net->fixed = true;
    }
    here(net)->axes = 0;
}

static void add_linears(Net *net, int linears)
{
    for (int i = 0; i < linears; i++) {
        add_linear(net, random_channels(net));
        if (random_below(&net->state, 2))
            add_activation(net);
    }
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
        sites *= net->lattice[d] = extent;
    }
}

/* A layer with parameters, first or behind a pool or an activation, and up to six more, some
 * of which are several. */
static void grow(Net *net)
{
    int before = random_below(&net->state, 2), after = random_below(&net->state, 7);
    for (int i = 0; i < before && net->rank; i++)
        add_spatial(net);
    if (net->rank)
        add_conv(net);
    else
        add_linear(net, random_channels(net));
    for (int i = 0; i < after; i++)
        if (net->rank)
            add_spatial(net);
        else if (net->branches && random_below(&net->state, 3) == 0)
            add_branch(net);
        else
            add_activation(net);
    if (net->branches && !net->joins)
        add_branch(net);
    int way = random_below(&net->state, 6);
    if (net->rank && way)
        add_reduction(net, way);
    if (!here(net)->axes)
        add_linears(net, random_below(&net->state, 3));
}

/* One to three, one of which has parameters. */
static void grow_few(Net *net)
{
    int layers = 1 + random_below(&net->state, 3);
    bool reduced = net->rank && layers > 1 && random_below(&net->state, 2);
    bool linear = reduced && random_below(&net->state, 3) == 0;
    int before = layers - reduced - linear;
    int parameters = linear ? -1 : random_below(&net->state, before);
    for (int i = 0; i < before; i++)
        if (i == parameters && net->rank)
            add_conv(net);
        else if (i == parameters)
            add_linear(net, random_channels(net));
        else if (net->rank)
            add_spatial(net);
        else
            add_activation(net);
    if (net->branches && !net->joins)
        add_branch(net);
    if (reduced)
        add_reduction(net, 1 + random_below(&net->state, 5));
    if (linear)
        add_linear(net, random_channels(net));
}

Net random_net(uint64_t seed, RandomOptions options)
{
    Net net = {.state = seed * 0x2545f4914f6cdd1du + 1, .options = options};
    uint64_t apart = seed; /* so that a chain is the same with branches or without */
    net.branches = options.branches && random_below(&apart, options.branches) == 0;
    /* Every eleventh is a plain vector. */
    net.rank = seed % 11 == 10 ? 0 : 1 + random_below(&net.state, options.rank_max);
    random_lattice(&net);
    net.channels = random_channels(&net);
    Value *input = here(&net);
    *input = (Value){.width = net.channels, .axes = net.rank};
    for (int d = 0; d < net.rank; d++)
        input->extent[d] = extent_axis(d);
    if (options.few)
        grow_few(&net);
    else
        grow(&net);
    /* The language compares only vectors with a target. */
    net.loss = here(&net)->axes ? LOSS_NONE : (LossKind)random_below(&net.state, 3);
    if (net.loss == LOSS_BCE)
        add_layer(&net, SIGMOID);
    return net;
}
