#include "plan/lower.h"
#include "plan/value.h"
#include "plan/winograd.h"

#include <string.h>

/* ---- names and notes ---- */

static const char *without_dots(char *name)
{
    for (char *c = name; *c; c++)
        if (*c == '.')
            *c = '_';
    return name;
}

static const char *group_name(Lower *l, const Group *group)
{
    const Node *n = graph_node(l->g, group->value);
    for (int s = 0; s < group->steps; s++) {
        const Step *step = &group->step[s];
        Val v = !step->load    ? step->root
                : step->chains ? step->chain[0]
                               : step->sink[0];
        n = graph_node(l->g, v);
        if (!step->load)
            break;
    }
    if (n->op == OP_CONV_DW || n->op == OP_CONV_DB || n->op == OP_PICK_DW) {
        char *name = arena_printf(l->b->arena, "d%s", l->g->param[n->param].name);
        return without_dots(name);
    }
    const char *verb = group->kind == GROUP_READ    ? "read_"
                       : group->kind == GROUP_WRITE ? "write_"
                                                    : "";
    const char *name = n->name && n->name[0] ? n->name : op_info[n->op].name;
    return without_dots(arena_printf(l->b->arena, "%s%s", verb, name));
}

static const char *note_value(Lower *l, const char *note, const char *link, Val v)
{
    const Node *n = graph_node(l->g, v);
    const char *name = n->name && n->name[0] ? n->name : op_info[n->op].name;
    return arena_printf(l->b->arena, "%s%s%s", note, note[0] ? link : "", name);
}

/* "conv2 -> leaky_relu2; conv3 -> leaky_relu3 -> global_sum_pool1" */
static const char *group_note(Lower *l, const Group *group)
{
    const char *note = "";
    for (int s = 0; s < group->steps; s++) {
        const Step *step = &group->step[s];
        note = note_value(l, note, "; ", step->root);
        for (int c = 0; c < step->chains; c++)
            note = note_value(l, note, " -> ", step->chain[c]);
        for (int k = 0; k < step->sinks; k++)
            note = note_value(l, note, " -> ", step->sink[k]);
        if (step->pool)
            note = note_value(l, note, " -> ", step->pool->root);
        for (int c = 0; step->pool && c < step->pool->chains; c++)
            note = note_value(l, note, " -> ", step->pool->chain[c]);
    }
    return note[0] ? note : op_info[graph_node(l->g, group->value)->op].name;
}

/* The formula of the sum that a group is about, and how much it costs. */
static const char *formula(Lower *l, const Group *group)
{
    const char *text = NULL;
    double fma = 0;
    for (int s = 0; s < (group->kind == GROUP_SITES ? group->steps : 1); s++) {
        Val v = group->kind == GROUP_SITES ? group->step[s].root : group->value;
        const Node *n = graph_node(l->g, v);
        bool load = group->kind == GROUP_SITES && group->step[s].load;
        if (load || !value_formula(n->op))
            continue;
        int param = n->op == OP_CONV_DW ? n->param : graph_node(l->g, n->arg[1])->param;
        fma += (double)l->g->param[param].count;
        text = text ? text : value_formula(n->op);
    }
    return text ? arena_printf(l->b->arena, "%s; %.0f multiply-adds a site", text, fma)
                : NULL;
}

/* ---- a walk over sites ---- */

static void point_at_step(Lower *l, const Step *step)
{
    const Fusion *f = l->f;
    if (step->load || f->place[step->root.i] >= PLACE_STACK)
        lower_point_at(l, step->root);
    if (step->arg.i)
        lower_point_at(l, step->arg);
    Val current = step->root;
    for (int c = 0; c < step->chains; c++) {
        const Node *n = graph_node(l->g, step->chain[c]);
        for (int k = 0; k < op_info[n->op].operands; k++)
            if (n->arg[k].i != current.i)
                lower_point_at(l, n->arg[k]);
        current = step->chain[c];
        if (f->place[current.i] >= PLACE_STACK)
            lower_point_at(l, current);
    }
    for (int k = 0; k < step->sinks; k++) {
        lower_point_at_sink(l, step->sink[k]);
        if (f->arg_of[step->sink[k].i].i)
            lower_point_at(l, f->arg_of[step->sink[k].i]);
    }
    if (step->pool)
        point_at_step(l, step->pool);
}

void lower_tile(Lower *l, const Group *group, const Ix *site, int sites)
{
    Tile whole = l->tile;
    l->tile = tile_of_fewer(whole, sites);
    l->site = site;
    memset(l->has_ptr, 0, l->g->nodes * sizeof *l->has_ptr);
    for (int s = 0; s < group->steps; s++)
        point_at_step(l, &group->step[s]);
    for (int s = 0; s < group->steps; s++) {
        const Step *step = &group->step[s];
        if (l->winograd && s == 0)
            winograd_outputs(l, step);
        else if (!step->load && fuse_is_conv(graph_node(l->g, step->root)))
            (l->dense ? lower_linear : lower_conv)(l, step);
        else
            lower_pointwise(l, step);
    }
    l->tile = whole;
}

/* What windows find outside the sites they read. */
static void surround(Lower *l, const Step *step)
{
    const Node *n = graph_node(l->g, step->root);
    bool undo = n->op == OP_AVG_UNPOOL || n->op == OP_MAX_UNPOOL;
    if (step->load || !(undo || (fuse_is_conv(n) && !fuse_same_site(n))) ||
        (undo && l->near.i))
        return;
    GeometryKind kind = undo                  ? COVER
                        : n->op == OP_CONV_DX ? NEAR_BACKWARD
                                              : NEAR_FORWARD;
    lower_surround(l, kind, n, n->arg[0], step->root);
    if (n->op == OP_MAX_UNPOOL)
        lower_surround(l, kind, n, n->arg[1], step->root);
}

/* A value on the lattice that is walked. */
static Val walked(Lower *l, const Group *group)
{
    if (fuse_pool(group))
        return group->window;
    return group->window.i ? graph_node(l->g, group->window)->arg[0]
                           : group->step[0].root;
}

/* Whole tiles of so many sites, from where the larger ones ended. */
static void lower_tiles(Lower *l, const Group *group, const Ix *from, const Ix *to,
                        int sites)
{
    Build *b = l->b;
    Var s = put_for(b, "s", from, to, sites);
    lower_tile(l, group, ix_var(b, s), sites);
    put_end(b);
}

/* The sites of a tile that is to follow one of so many; 0: none.  Four of one channel are
 * sums enough to hide most of a latency, a single site waits for every product. */
static int next_tile(int sites)
{
    return sites > 4 ? 4 : sites > 1;
}

/* Whole tiles, then smaller ones, then single sites. */
static void lower_range(Lower *l, const Group *group, const Ix *from, const Ix *to)
{
    Build *b = l->b;
    if (l->near.i) {
        Var s = put_for(b, "s", from, to, 1);
        lower_tile(l, group, ix_var(b, s), l->tile.sites);
        put_end(b);
        return;
    }
    const Ix *sites = ix_add(b, to, ix_scale(b, from, -1)), *done = from;
    for (int size = l->tile.sites; size; size = next_tile(size)) {
        const Ix *whole = ix_add(b, from, ix_trunc(b, sites, size));
        bool none = whole->kind == IX_CONST && done->kind == IX_CONST &&
                    whole->value == done->value;
        if (!none)
            lower_tiles(l, group, done, to, size);
        done = whole;
    }
}

static void lower_sites(Lower *l, const Group *group)
{
    Build *b = l->b;
    l->tile = tile_of_group(&b->p->target, l->g, group);
    l->walked = lower_lattice(l, walked(l, group));
    l->near = (BufId){0};
    if (group->window.i)
        lower_windows_begin(l, group);
    for (int s = 0; s < group->steps; s++) {
        surround(l, &group->step[s]);
        lower_share(l, &group->step[s]);
    }
    lower_sinks_begin(l, group);
    if (lower_has_sums(l, group)) {
        const Ix *to;
        Var from = lower_strips(l, l->walked, STRIP, &to);
        lower_strip_begin(l, group);
        lower_range(l, group, ix_var(b, from), to);
        lower_strip_end(l, group);
        put_end(b);
    } else {
        lower_range(l, group, ix_first(b, l->walked), ix_end(b, l->walked));
    }
    lower_sinks_end(l, group);
    l->near = (BufId){0};
}

/* ---- calls of the prelude ---- */

static const Ix *sites_of(Lower *l, Val v)
{
    return ix_sites(l->b, lower_lattice(l, v));
}

/* Between the caller's arrays and lanes. */
static void lower_transfer(Lower *l, Val v, const char *function, const char *array)
{
    Build *b = l->b;
    int lattice = lower_lattice(l, v);
    const Ix *from = ix_scale(b, ix_first(b, lattice),
                              (int64_t)lower_row(graph_node(l->g, v)) * LANES);
    put_call(b, function, 8,
             (CallArg[]){arg_word("call"), arg_word("block"), arg_parts(),
                         arg_extent(lattice), arg_word(array),
                         arg_buf(b, lower_buffer(l, v), from),
                         arg_int(b, graph_node(l->g, v)->shape.channels),
                         arg_int(b, lower_row(graph_node(l->g, v)))});
}

static void lower_loss(Lower *l, Val v)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, v);
    bool value = n->op == OP_MSE || n->op == OP_BCE;
    CallArg arg[] = {arg_word("call"),
                     arg_word("block"),
                     arg_parts(),
                     arg_extent(lower_lattice(l, n->arg[0])),
                     arg_word("target"),
                     arg_buf(b, lower_buffer(l, n->arg[0]), NULL),
                     arg_int(b, graph_node(l->g, n->arg[0])->shape.channels),
                     arg_int(b, lower_row(graph_node(l->g, n->arg[0]))),
                     value ? arg_word("loss") : arg_buf(b, lower_buffer(l, v), NULL)};
    put_call(b, op_info[n->op].name, countof(arg), arg);
}

/* What windows see at the winners: arguments of pick, and of pick_window. */
static void lower_pick(Lower *l, Val v)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, v), *x = graph_node(l->g, n->arg[0]);
    Node window = *n; /* from the lattice of x to the one that was pooled */
    Val pooled = graph_node(l->g, n->arg[1])->arg[0];
    window.shape = graph_node(l->g, pooled)->shape;
    CallArg arg[] = {arg_buf(b, lower_buffer(l, n->arg[0]), NULL),
                     arg_int(b, lower_row(x)),
                     arg_buf(b, lower_buffer(l, n->arg[1]), NULL),
                     arg_ix(sites_of(l, pooled)),
                     arg_buf(b, lower_buffer(l, v), NULL),
                     arg_int(b, lower_row(n)),
                     arg_ix(sites_of(l, v)),
                     arg_int(b, x->shape.channels),
                     arg_int(b, lower_taps(&window)),
                     arg_word("near")};
    if (fuse_same_site(&window)) {
        put_call(b, "pick", 8, arg);
        return;
    }
    lower_surround(l, NEAR_FORWARD, &window, n->arg[0], pooled);
    arg[9] = arg_buf(b, lower_table(l, NEAR_FORWARD, &window, n->arg[0], pooled), NULL);
    put_call(b, "pick_window", countof(arg), arg);
}

static void lower_pick_dy(Lower *l, Val v)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, v);
    put_call(b, "pick_dy", 5,
             (CallArg[]){arg_parts(), arg_buf(b, lower_buffer(l, n->arg[0]), NULL),
                         arg_buf(b, lower_buffer(l, n->arg[1]), NULL),
                         arg_buf(b, lower_buffer(l, v), NULL), arg_ix(sites_of(l, v))});
}

/* Flatten and its adjoint. */
static void lower_flatten(Lower *l, Val v)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, v);
    Val field = n->op == OP_FLATTEN ? n->arg[0] : v;
    put_call(b, op_info[n->op].name, 7,
             (CallArg[]){arg_parts(), arg_extent(lower_lattice(l, field)),
                         arg_buf(b, lower_buffer(l, n->arg[0]), NULL),
                         arg_buf(b, lower_buffer(l, v), NULL),
                         arg_int(b, graph_node(l->g, field)->shape.channels),
                         arg_int(b, lower_row(graph_node(l->g, field))),
                         arg_ix(sites_of(l, field))});
}

static void lower_move(Lower *l, Val v)
{
    Op op = graph_node(l->g, v)->op;
    if (op == OP_PICK)
        lower_pick(l, v);
    else if (op == OP_PICK_DY)
        lower_pick_dy(l, v);
    else
        lower_flatten(l, v);
}

static void begin_phase(Lower *l, const Group *group, const char *suffix)
{
    Build *b = l->b;
    bool of_sites = group->kind == GROUP_SITES;
    const Node *n = graph_node(l->g, of_sites ? group->step[0].root : group->value);
    bool of_weights = group->kind == GROUP_WEIGHT || group->kind == GROUP_BIAS;
    Val on = of_sites ? walked(l, group) : of_weights ? n->arg[0] : group->value;
    phase_begin(b, arena_printf(b->arena, "%s%s", group_name(l, group), suffix),
                group_note(l, group), lower_lattice(l, on));
    b->phase.formula = formula(l, group);
    if (of_sites)
        lower_overwrites(l, group);
    b->phase.span = n->span;
}

int lower_group(Lower *l, const Group *group)
{
    Val v = group->value;
    const Node *n = graph_node(l->g, v);
    begin_phase(l, group, "");
    switch (group->kind) {
    case GROUP_SITES: lower_sites(l, group); break;
    case GROUP_READ:
        if (n->op == OP_SEED)
            lower_transfer(l, v, "read_field", "dy");
        else
            lower_transfer(l, v, "vec_read_input", "x");
        break;
    case GROUP_WRITE:
        lower_transfer(l, v, "write_field", l->f->what == WHAT_FORWARD ? "y" : "dx");
        break;
    case GROUP_WEIGHT: lower_weight(l, v); break;
    case GROUP_BIAS: lower_bias(l, v); break;
    case GROUP_MOVE: lower_move(l, v); break;
    case GROUP_LOSS: lower_loss(l, v); break;
    }
    return phase_end(l->b);
}

int lower_group_of_one(Lower *l, const Group *group)
{
    begin_phase(l, group, "_of_one");
    l->dense = lower_made_dense(l, group);
    lower_sites(l, group);
    l->dense = NULL;
    return phase_end(l->b);
}

int lower_group_tiles(Lower *l, const Group *group)
{
    begin_phase(l, group, "_winograd");
    if (group->kind == GROUP_SITES)
        winograd_sites(l, group);
    else
        winograd_weight(l, group->value);
    return phase_end(l->b);
}
