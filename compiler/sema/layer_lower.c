/* A layer applied to a value: its checks, its parameters, its node. */
#include <inttypes.h>

#include "sema/sema_impl.h"

static const Shape *shape_of(const Sema *s, Value x)
{
    return &graph_node(&s->b.g, x.val)->shape;
}

static const char *text_of(const Sema *s, Value x)
{
    return shape_text(&s->b.g, shape_of(s, x), s->arena);
}

/* The layer as a paper would print it, channels as numbers and `in` of them coming
 * in. */
static const char *layer_text(const Sema *s, const LayerArgs *a, int in)
{
    const char *signature = a->info->signature;
    TextBuf text = buf_in(s->arena);
    buf_printf(&text, "%s%s%s", a->call->call.name.text,
               a->call->call.starred ? "*" : "", a->call->call.args ? "(" : "");
    int place = 0;
    for (const Arg *arg = a->call->call.args; arg; arg = arg->next) {
        char role = *arg->option ? '\0' : signature[place++];
        if (*arg->option)
            buf_printf(&text, "%s=", arg->option);
        if (role == 'i' || role == 'o')
            buf_printf(&text, "%d", role == 'i' ? in : a->out);
        else
            expr_text(arg->value, &text);
        buf_puts(&text, arg->next ? ", " : ")");
    }
    return text.data;
}

/* The flatten node whose features x still has, or NULL. */
static const Node *flattened(const Sema *s, Value x)
{
    for (const Node *n = graph_node(&s->b.g, x.val); n->arg[0].i;
         n = graph_node(&s->b.g, n->arg[0])) {
        if (n->op == OP_FLATTEN)
            return n;
        if (op_info[n->op].class != POINT)
            return NULL;
    }
    return NULL;
}

/* What a user meets who copies a table in which Linear names the channels it
 * flattens. */
static void flatten_mismatch(Sema *s, const LayerArgs *a, Value x, const Node *flatten)
{
    const Shape *field = &graph_node(&s->b.g, flatten->arg[0])->shape;
    TextBuf sites = buf_in(s->arena);
    for (int d = 0; d < field->rank; d++)
        buf_printf(&sites, "%s%" PRId64, d ? "x" : "", field->extent[d].add);
    diag_error(s->diag, a->call->span,
               "%s takes %d inputs, but the input is %d wide: %d channels on %s sites",
               a->info->name, a->in, x.channels, field->channels, sites.data);
    diag_note(s->diag, flatten->span,
              "Flatten makes one input of each channel at each site%s",
              a->in == field->channels
                  ? "; a table that says the number of channels here "
                    "means all of their sites"
                  : "");
    diag_hint(s->diag, "write %s", layer_text(s, a, x.channels));
}

/* The channels that the layer names against those that come in. */
static bool check_channels(Sema *s, const LayerArgs *a, Value x)
{
    if (a->in == 0 || x.channels == 0 || a->in == x.channels)
        return true;
    const Node *flatten = x.val.i ? flattened(s, x) : NULL;
    if (flatten) {
        flatten_mismatch(s, a, x, flatten);
        return false;
    }
    diag_error(s->diag, a->call->span, "%s takes %d channels, but its input has %d",
               a->info->name, a->in, x.channels);
    diag_note(s->diag, x.from, "the %d channels come from here", x.channels);
    if (a->out)
        diag_hint(s->diag, "write %s", layer_text(s, a, x.channels));
    return false;
}

/* The layer that made a vector of what was a field. */
static Span origin_of_vector(const Sema *s, Value x)
{
    const Node *n = graph_node(&s->b.g, x.val);
    while (n->arg[0].i && graph_node(&s->b.g, n->arg[0])->shape.rank == 0)
        n = graph_node(&s->b.g, n->arg[0]);
    return n->span;
}

static bool needs_lattice(Sema *s, const LayerArgs *a, Value x, const char *instead)
{
    if (shape_of(s, x)->rank > 0)
        return true;
    diag_error(s->diag, a->call->span,
               "%s acts on a lattice, but its input %s is a plain vector%s",
               a->info->name, text_of(s, x), instead);
    diag_note(s->diag, origin_of_vector(s, x), "the vector comes from here");
    return false;
}

/* "3x3" */
static const char *cube(const Sema *s, int64_t n, int axes)
{
    TextBuf text = buf_in(s->arena);
    for (int d = 0; d < axes; d++)
        buf_printf(&text, "%s%" PRId64, d ? "x" : "", n);
    return text.data;
}

/* A window or stride for each axis; one number counts for all axes of a stride, and
 * as the window of a one-dimensional lattice. */
static bool spread(Sema *s, const Expr *e, const char *what, int rank, int *out)
{
    int axes = e->kind == EXPR_WINDOW ? e->window.axes : 1;
    bool all = e->kind == EXPR_INTEGER && *what == 's';
    if (axes != rank && !all) {
        diag_error(s->diag, e->span, "this %s has %d ax%s, but the lattice has %d",
                   what, axes, axes == 1 ? "is" : "es", rank);
        if (e->kind == EXPR_INTEGER)
            diag_hint(s->diag, "write %s", cube(s, e->integer, rank));
        return false;
    }
    for (int d = 0; d < rank; d++)
        out[d] = e->kind == EXPR_WINDOW ? e->window.extent[d] : (int)e->integer;
    return true;
}

static bool make_window(Sema *s, const LayerArgs *a, const Shape *x, Window *w)
{
    if (!spread(s, &a->window, "window", x->rank, w->kernel) ||
        !spread(s, &a->stride, "stride", x->rank, w->stride))
        return false;
    for (int d = 0; d < x->rank; d++) {
        w->boundary[d] = a->pad;
        w->before[d] = a->pad == BOUNDARY_NONE ? 0 : (w->kernel[d] - 1) / 2;
    }
    return true;
}

static void note_weighted(Sema *s, const LayerArgs *a, int64_t weights)
{
    Weighted *w = NEW(s->arena, Weighted);
    *w = (Weighted){.layer = layer_find(a->info->name),
                    .text = layer_text(s, a, a->in),
                    .span = a->call->span,
                    .weights = weights,
                    .biases = a->out,
                    .has_bias = a->bias};
    *s->weighted_end = w;
    s->weighted_end = &w->next;
}

static Val param(Sema *s, Param p, const char *what)
{
    p.name = arena_printf(s->arena, "%s.%s", p.name, what);
    Node node = {.op = OP_PARAM, .name = p.name, .span = p.span};
    node.param = graph_add_param(&s->b, p);
    return graph_add(&s->b, node);
}

/* Conv, and Linear as the convolution of a lattice without axes. */
static Val contraction(Sema *s, const LayerArgs *a, Node node, Val x)
{
    int rank = graph_node(&s->b.g, x)->shape.rank;
    Param weight = {.name = node.name, .rank = 2 + rank, .span = node.span};
    int64_t fan_in = a->in;
    weight.dim[0] = a->out;
    weight.dim[1] = a->in;
    for (int d = 0; d < rank; d++) {
        weight.dim[2 + d] = node.window.kernel[d];
        if (__builtin_mul_overflow(fan_in, (int64_t)node.window.kernel[d], &fan_in) ||
            fan_in > PARAMS_MAX)
            fan_in = PARAMS_MAX + INT64_C(1);
    }
    int64_t count = fan_in * a->out;
    if (fan_in > PARAMS_MAX || s->b.g.param_count + count + a->out > PARAMS_MAX) {
        diag_error(s->diag, node.span,
                   "with this layer the network has more than %d parameters",
                   PARAMS_MAX);
        return (Val){0};
    }
    weight.fan_in = (int)fan_in;
    Param bias = {.name = node.name,
                  .rank = 1,
                  .dim = {a->out},
                  .span = node.span,
                  .fan_in = (int)fan_in};
    node.op = OP_CONV;
    node.arg[0] = x;
    node.arg[1] = param(s, weight, "weight");
    if (a->bias)
        node.arg[2] = param(s, bias, "bias");
    note_weighted(s, a, count);
    return graph_add(&s->b, node);
}

static Val conv(Sema *s, const LayerArgs *a, Node node, Value x)
{
    if (!needs_lattice(s, a, x, "; a vector takes Linear") ||
        !make_window(s, a, shape_of(s, x), &node.window))
        return (Val){0};
    return contraction(s, a, node, x.val);
}

static Val linear(Sema *s, const LayerArgs *a, Node node, Value x)
{
    const Shape *shape = shape_of(s, x);
    if (shape->rank == 0)
        return contraction(s, a, node, x.val);
    diag_error(s->diag, node.span,
               "Linear acts on a plain vector, but its input %s has sites",
               text_of(s, x));
    diag_hint(s->diag,
              "Conv(%s, %d, %d) acts on each site alone; GlobalSumPool, GlobalAvgPool, "
              "GlobalMaxPool or, on a fixed lattice, Flatten make a vector",
              cube(s, 1, shape->rank), a->in, a->out);
    return (Val){0};
}

static Val pool(Sema *s, const LayerArgs *a, Node node, Value x)
{
    LayerArgs unpadded = *a;
    unpadded.pad = BOUNDARY_NONE;
    if (!needs_lattice(s, a, x, "") ||
        !make_window(s, &unpadded, shape_of(s, x), &node.window))
        return (Val){0};
    return graph_add(&s->b, node);
}

static Val global(Sema *s, const LayerArgs *a, Node node, Value x)
{
    return needs_lattice(s, a, x, " already") ? graph_add(&s->b, node) : (Val){0};
}

static Val flatten(Sema *s, const LayerArgs *a, Node node, Value x)
{
    if (!needs_lattice(s, a, x, " already"))
        return (Val){0};
    const Shape *shape = shape_of(s, x);
    int64_t width = shape->channels;
    for (int d = 0; d < shape->rank; d++) {
        if (shape->extent[d].axis >= 0) {
            diag_error(s->diag, node.span,
                       "Flatten needs a lattice of fixed extents, but its input is %s",
                       text_of(s, x));
            diag_note(s->diag, s->input->input.axes_span, "the lattice is free here");
            diag_hint(s->diag,
                      "write the extents, as in 'on (T=60, X=4)'; a Global pool "
                      "instead of Flatten keeps them free");
            return (Val){0};
        }
        if (shape->extent[d].add < 1)
            return (Val){0}; /* reported by sema_check_lattice */
        if (__builtin_mul_overflow(width, shape->extent[d].add, &width) ||
            width > FEATURES_MAX) {
            diag_error(s->diag, node.span, "Flatten makes more than %d features here",
                       FEATURES_MAX);
            return (Val){0};
        }
    }
    return graph_add(&s->b, node);
}

static Val lower(Sema *s, const LayerArgs *a, Layer layer, Value x)
{
    Node node = {.arg = {x.val}, .slope = a->slope, .span = a->call->span};
    node.name = arena_printf(s->arena, "%s%d", a->info->base, ++s->number[layer]);
    switch (layer) {
    case LAYER_CONV: return conv(s, a, node, x);
    case LAYER_LINEAR: return linear(s, a, node, x);
    case LAYER_LEAKY_RELU:
    case LAYER_RELU: node.op = OP_LEAKY_RELU; return graph_add(&s->b, node);
    case LAYER_SIGMOID: node.op = OP_SIGMOID; return graph_add(&s->b, node);
    case LAYER_TANH: node.op = OP_TANH; return graph_add(&s->b, node);
    case LAYER_AVG_POOL: node.op = OP_AVG_POOL; return pool(s, a, node, x);
    case LAYER_MAX_POOL: node.op = OP_MAX_POOL; return pool(s, a, node, x);
    case LAYER_GLOBAL_AVG_POOL: node.op = OP_GLOBAL_AVG; return global(s, a, node, x);
    case LAYER_GLOBAL_MAX_POOL: node.op = OP_GLOBAL_MAX; return global(s, a, node, x);
    case LAYER_GLOBAL_SUM_POOL: node.op = OP_GLOBAL_SUM; return global(s, a, node, x);
    case LAYER_FLATTEN: node.op = OP_FLATTEN; return flatten(s, a, node, x);
    case LAYER_COUNT: break;
    }
    unreachable();
}

static void unknown_layer(Sema *s, const Expr *call)
{
    const char *name = call->call.name.text;
    const Definition *block = s->defined[call->call.name.id];
    if (block && block->is_block) {
        diag_error(s->diag, call->call.name_span, "blocks cannot be used yet");
        return;
    }
    diag_error(s->diag, call->call.name_span, "unknown layer '%s'", name);
    const char *near = layer_nearest(name);
    if (near)
        diag_hint(s->diag, "did you mean %s?", near);
    else
        diag_hint(s->diag, "'archc --help=layers' lists the layers");
}

bool layers_left(Sema *s, Span at)
{
    if (s->b.g.layers == LAYERS_MAX)
        diag_error(s->diag, at, "a network of more than %d layers is not supported",
                   LAYERS_MAX);
    return s->b.g.layers < LAYERS_MAX;
}

Value layer_apply(Sema *s, const Expr *call, Value x)
{
    Layer layer = layer_find(call->call.name.text);
    if (layer == LAYER_COUNT) {
        unknown_layer(s, call);
        return (Value){.from = call->span};
    }
    LayerArgs a;
    bool ok = layer_args(s, call, layer, &a);
    ok = check_channels(s, &a, x) && ok;
    bool sets = a.out || layer == LAYER_FLATTEN;
    Value y = {.channels = a.out ? a.out : x.channels,
               .from = sets ? call->span : x.from};
    if (ok && x.val.i && layers_left(s, call->span))
        y.val = lower(s, &a, layer, x);
    if (!y.val.i) {
        if (layer == LAYER_FLATTEN)
            y.channels = 0;
        return y;
    }
    y.channels = shape_of(s, y)->channels;
    graph_add_layer(&s->b, (LayerRow){layer_text(s, &a, a.in), y.val, call->span});
    return y;
}
