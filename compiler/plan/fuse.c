#include "plan/fuse.h"

#include <assert.h>
#include <string.h>

typedef struct Fuser {
    Fusion *f;
    const Graph *g;
    Arena *arena;
    int open; /* the SITES group that may still grow, or -1  */
    bool *for_dx, *for_dparams;
    Val *waiting; /* conv_dw, conv_db not yet placed             */
    int waitings;
} Fuser;

static const Node *at(const Fuser *z, Val v)
{
    return graph_node(z->g, v);
}

bool fuse_is_sum(Op op)
{
    return op == OP_CONV_DW || op == OP_CONV_DB || op == OP_PICK_DW;
}

static bool is_arg(Op op)
{
    return op == OP_MAX_ARG || op == OP_GLOBAL_ARG;
}

bool fuse_is_conv(const Node *n)
{
    return n->op == OP_CONV || n->op == OP_CONV_DX;
}

bool fuse_same_site(const Node *conv)
{
    return window_is_one_site(&conv->window, conv->shape.rank);
}

/* ---- what is needed, and what for ---- */

static void mark(const Graph *g, Val root, bool *seen)
{
    if (!root.i)
        return;
    seen[root.i] = true;
    for (uint32_t i = root.i; i > 0; i--) {
        if (!seen[i])
            continue;
        for (int k = 0; k < OPERANDS_MAX; k++)
            seen[g->node[i].arg[k].i] = true;
    }
    seen[0] = false;
}

static void mark_roots(Fuser *z)
{
    const Graph *g = z->g;
    Fusion *f = z->f;
    if (f->what != WHAT_FORWARD)
        for (int i = 0; i < g->params; i++)
            mark(g, g->dparam[i], z->for_dparams);
    if (f->what == WHAT_VJP)
        mark(g, g->dx, z->for_dx);
    for (uint32_t i = 1; i < g->nodes; i++)
        f->needed[i] = z->for_dx[i] || z->for_dparams[i];
    if (f->what == WHAT_FORWARD)
        mark(g, g->output, f->needed);
    if (f->what == WHAT_GRADIENT || f->what == WHAT_WINNERS)
        mark(g, g->loss_value, f->needed);
}

static When when_needed(const Fuser *z, Val v)
{
    if (z->f->what != WHAT_VJP || (z->for_dx[v.i] && z->for_dparams[v.i]))
        return WHEN_ALWAYS;
    return z->for_dx[v.i] ? WHEN_DX : WHEN_DPARAMS;
}

/* ---- groups ---- */

static bool made(const Fuser *z, Val v)
{
    return at(z, v)->op == OP_PARAM || at(z, v)->op == OP_TARGET ||
           z->f->home[v.i] >= 0;
}

static Group *group_new(Fuser *z, GroupKind kind, Val v)
{
    Group *group = &z->f->group[z->f->groups++];
    *group = (Group){.kind = kind, .when = when_needed(z, v), .value = v};
    if (kind == GROUP_SITES)
        group->step = NEW_ARRAY(z->arena, Step, z->g->nodes);
    else if (kind != GROUP_WRITE)
        z->f->home[v.i] = z->f->groups - 1;
    return group;
}

/* Ends the open walk; sums whose operands are complete follow it at once, while these are
 * still in near memory. */
static void group_close(Fuser *z)
{
    z->open = -1;
    int kept = 0;
    for (int i = 0; i < z->waitings; i++) {
        Val v = z->waiting[i];
        bool ready = true;
        for (int k = 0; k < OPERANDS_MAX; k++)
            if (at(z, v)->arg[k].i)
                ready &= made(z, at(z, v)->arg[k]);
        if (ready)
            group_new(z, at(z, v)->op == OP_CONV_DB ? GROUP_BIAS : GROUP_WEIGHT, v);
        else
            z->waiting[kept++] = v;
    }
    z->waitings = kept;
}

static Group *group_single(Fuser *z, GroupKind kind, Val v)
{
    group_close(z);
    return group_new(z, kind, v);
}

static bool in_open(const Fuser *z, Val v)
{
    return z->open >= 0 && v.i && z->f->home[v.i] == z->open;
}

const Step *fuse_pool(const Group *group)
{
    return group->kind == GROUP_SITES ? group->step[group->steps - 1].pool : NULL;
}

/* The open group ends in a pool: no further step may follow. */
static bool open_pools(const Fuser *z)
{
    return z->open >= 0 && fuse_pool(&z->f->group[z->open]);
}

/* What comes next is not for windows alone. */
static void walk_sites(Fuser *z)
{
    assert(!open_pools(z));
    z->f->group[z->open].window = (Val){0};
}

/* The step of the open group that ends in v, if v is still in registers then. */
static Step *step_ending_in(const Fuser *z, Val v)
{
    if (!in_open(z, v))
        return NULL;
    Group *group = &z->f->group[z->open];
    Step *last = &group->step[group->steps - 1];
    if (last->pool)
        last = last->pool;
    Val end = last->chains ? last->chain[last->chains - 1] : last->root;
    return end.i == v.i ? last : NULL;
}

static bool same_when(const Fuser *z, Val v)
{
    return z->f->group[z->open].when == when_needed(z, v);
}

static bool same_walk(const Fuser *z, Val v)
{
    if (z->open < 0)
        return false;
    const Group *group = &z->f->group[z->open];
    const Step *first = fuse_pool(group) ? fuse_pool(group) : &group->step[0];
    return same_when(z, v) &&
           shape_same_lattice(&at(z, first->root)->shape, &at(z, v)->shape);
}

static void step_init(Fuser *z, Step *step, Val root, bool load)
{
    *step = (Step){.root = root, .load = load};
    step->chain = NEW_ARRAY(z->arena, Val, z->g->nodes);
    step->sink = NEW_ARRAY(z->arena, Val, z->g->nodes);
    if (!load)
        z->f->home[root.i] = z->open;
}

static Step *step_new(Fuser *z, Val root, bool load)
{
    Group *group = &z->f->group[z->open];
    Step *step = &group->step[group->steps++];
    walk_sites(z);
    step_init(z, step, root, load);
    return step;
}

static Step *step_in_new_group(Fuser *z, Val v, Val root, bool load)
{
    group_close(z);
    group_new(z, GROUP_SITES, v);
    z->open = z->f->groups - 1;
    return step_new(z, root, load);
}

/* Operands made in the open group are complete only at the sites walked so far: a node may
 * join the walk if it reads them at its own site alone. */
static bool reads_open(const Fuser *z, Val v)
{
    for (int k = 0; k < OPERANDS_MAX; k++)
        if (in_open(z, at(z, v)->arg[k]))
            return true;
    return false;
}

static void place_conv(Fuser *z, Val v)
{
    const Node *n = at(z, v);
    if (in_open(z, n->arg[0]) && same_walk(z, v) && fuse_same_site(n) && !open_pools(z))
        step_new(z, v, false);
    else
        step_in_new_group(z, v, v, false);
}

static void place_point(Fuser *z, Val v)
{
    const Node *n = at(z, v);
    Step *step = step_ending_in(z, n->arg[0]);
    if (!step && n->arg[1].i)
        step = step_ending_in(z, n->arg[1]);
    if (!step || !same_walk(z, v)) {
        if (reads_open(z, v) && same_walk(z, v) && !open_pools(z))
            step = step_new(z, n->arg[0], true);
        else
            step = step_in_new_group(z, v, n->arg[0], true);
    }
    if (!open_pools(z) && !fuse_keeps_zeros(n->op))
        walk_sites(z);
    step->chain[step->chains++] = v;
    z->f->home[v.i] = z->open;
}

static void place_global(Fuser *z, Val v)
{
    Val x = at(z, v)->arg[0];
    Step *step = step_ending_in(z, x);
    if (!step || open_pools(z))
        step = step_in_new_group(z, x, x, true);
    step->sink[step->sinks++] = v;
    z->f->home[v.i] = z->open;
    if (z->f->arg_of[v.i].i)
        z->f->home[z->f->arg_of[v.i].i] = z->open;
}

/* Pools, and what spreads a gradient over their windows or over all sites. */
static void place_window(Fuser *z, Val v)
{
    Step *step = step_ending_in(z, at(z, v)->arg[0]);
    if (step && same_when(z, v) && fuse_joins_pool(z->f, z->open, v)) {
        step->pool = NEW(z->arena, Step);
        step = step->pool;
        step_init(z, step, v, false);
        z->f->group[z->open].window = v;
    } else {
        step = step_in_new_group(z, v, v, false);
        if (fuse_spreads(at(z, v)))
            z->f->group[z->open].window = v;
    }
    step->arg = z->f->arg_of[v.i];
    if (step->arg.i)
        z->f->home[step->arg.i] = z->open;
}

static bool makes(const Step *step, Val v)
{
    bool made = !step->load && step->root.i == v.i;
    for (int k = 0; k < step->chains; k++)
        made |= step->chain[k].i == v.i;
    return made;
}

static bool sums_param(const Fuser *z, const Group *group, int param)
{
    for (int k = 0; k < group->steps; k++)
        for (int s = 0; s < group->step[k].sinks; s++)
            if (at(z, group->step[k].sink[s])->param == param)
                return true;
    return false;
}

/* A gradient of a bias is summed while the walk that makes its operand has it in registers. */
static bool joins_walk(Fuser *z, Val v)
{
    Val dy = at(z, v)->arg[0];
    int home = z->f->home[dy.i];
    if (at(z, v)->op != OP_CONV_DB || home < 0)
        return false;
    Group *group = &z->f->group[home];
    if (group->kind != GROUP_SITES || group->when != when_needed(z, v) ||
        sums_param(z, group, at(z, v)->param))
        return false;
    for (int k = 0; k < group->steps; k++)
        if (makes(&group->step[k], dy)) {
            group->step[k].sink[group->step[k].sinks++] = v;
            z->f->home[v.i] = home;
            return true;
        }
    return false;
}

static void place_node(Fuser *z, Val v)
{
    Op op = at(z, v)->op;
    if (joins_walk(z, v))
        return;
    if (fuse_is_sum(op)) {
        z->waiting[z->waitings++] = v;
        return;
    }
    if (is_arg(op) || op == OP_PARAM || op == OP_TARGET)
        return;
    if (op == OP_ADD && at(z, v)->param >= 0)
        return; /* two gradients of one parameter: both are summed in its place anyway */
    switch (op_info[op].class) {
    case LEAF: group_single(z, GROUP_READ, v); return;
    case CONTRACT: place_conv(z, v); return;
    case POINT: place_point(z, v); return;
    case RESHAPE: group_single(z, GROUP_MOVE, v); return;
    case LOSS: group_single(z, GROUP_LOSS, v); return;
    case WINDOW: place_window(z, v); return;
    case GLOBAL:
        if (op == OP_GLOBAL_SUM || op == OP_GLOBAL_AVG || op == OP_GLOBAL_MAX)
            place_global(z, v);
        else
            place_window(z, v);
        return;
    }
    unreachable();
}

static bool same_pool(const Node *pool, const Node *arg)
{
    Op op = arg->op == OP_MAX_ARG ? OP_MAX_POOL : OP_GLOBAL_MAX;
    return pool->op == op && pool->arg[0].i == arg->arg[0].i &&
           !memcmp(&pool->window, &arg->window, sizeof pool->window);
}

/* The index of a maximum is found along with the maximum: remember the pair.  Whoever
 * needs the index needs the walk that makes both. */
static void pair_args(Fuser *z)
{
    const Graph *g = z->g;
    for (uint32_t i = 1; i < g->nodes; i++) {
        if (!z->f->needed[i] || !is_arg(g->node[i].op))
            continue;
        for (uint32_t j = 1; j < g->nodes; j++)
            if (same_pool(&g->node[j], &g->node[i])) {
                z->f->arg_of[j] = (Val){i};
                z->f->needed[j] = true;
                z->for_dx[j] |= z->for_dx[i];
                z->for_dparams[j] |= z->for_dparams[i];
            }
    }
}

Fusion *fuse_graph(const Graph *g, What what, bool direct, Arena *a)
{
    Fusion *f = NEW(a, Fusion);
    *f = (Fusion){.graph = g,
                  .what = what,
                  .direct = direct,
                  .group = NEW_ARRAY(a, Group, 2 * g->nodes + 2),
                  .needed = NEW_ARRAY(a, bool, g->nodes),
                  .place = NEW_ARRAY(a, Place, g->nodes),
                  .home = NEW_ARRAY(a, int, g->nodes),
                  .arg_of = NEW_ARRAY(a, Val, g->nodes)};
    Fuser z = {.f = f, .g = g, .arena = a, .open = -1};
    z.for_dx = NEW_ARRAY(a, bool, g->nodes);
    z.for_dparams = NEW_ARRAY(a, bool, g->nodes);
    z.waiting = NEW_ARRAY(a, Val, g->nodes);
    for (uint32_t i = 0; i < g->nodes; i++)
        f->home[i] = -1;
    mark_roots(&z);
    pair_args(&z);
    for (uint32_t i = 1; i < g->nodes; i++)
        if (f->needed[i])
            place_node(&z, (Val){i});
    group_close(&z);
    if (what == WHAT_FORWARD)
        group_new(&z, GROUP_WRITE, g->output);
    if (what == WHAT_VJP)
        group_new(&z, GROUP_WRITE, g->dx);
    fuse_place(f);
    return f;
}
