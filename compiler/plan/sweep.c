#include "plan/sweep.h"

#include <limits.h>

#include "plan/outer.h"

/* One field that a group reads, and whether in the bands beside its own. */
typedef struct Reading {
    Val value;
    bool before, after;
} Reading;

typedef struct Sweeper {
    const Fusion *f;
    Sweep *sweep;
    Reading *reading; /* of one group */
    int readings;
    bool can;
} Sweeper;

enum { ROWS = 0 }; /* the axis that is cut into bands */

static const Node *at(const Sweeper *z, Val v)
{
    return graph_node(z->f->graph, v);
}

static bool has_sites(const Sweeper *z, Val v)
{
    return at(z, v)->shape.rank > 0;
}

/* ---- what a group reads ---- */

static int beyond(const Window *w)
{
    int after = w->kernel[ROWS] - w->before[ROWS] - w->stride[ROWS];
    return after > 0 ? after : 0;
}

int sweep_reach(const Window *w)
{
    return w->before[ROWS] > beyond(w) ? w->before[ROWS] : beyond(w);
}

/* `before`, `after`: whether bands beside its own are read of v. */
static void add_reading(Sweeper *z, Val v, bool before, bool after)
{
    if (z->f->place[v.i] == PLACE_WORK)
        z->reading[z->readings++] = (Reading){v, before, after};
}

/* What a window sees; mirrored: the windows that see it. */
static void add_window(Sweeper *z, const Window *w, Val v, bool mirrored)
{
    bool before = w->before[ROWS] > 0, after = beyond(w) > 0;
    if ((before || after) && w->boundary[ROWS] != BOUNDARY_CIRCULAR)
        z->can = false;
    add_reading(z, v, mirrored ? after : before, mirrored ? before : after);
}

static void add_root(Sweeper *z, const Step *step)
{
    const Node *n = at(z, step->root);
    if (step->load) {
        add_reading(z, step->root, false, false);
        return;
    }
    if (n->op == OP_GLOBAL_ARG || n->op == OP_SPREAD_MAX || n->op == OP_PICK_DX)
        z->can = false; /* sites have other numbers in a sweep */
    bool window = n->op == OP_CONV || op_info[n->op].class == WINDOW;
    for (int k = 0; k < op_info[n->op].operands; k++)
        if (k == 0 && (window || n->op == OP_CONV_DX))
            add_window(z, &n->window, n->arg[k], n->op == OP_CONV_DX);
        else if (n->arg[k].i)
            add_reading(z, n->arg[k], false, false);
}

static void add_chain(Sweeper *z, const Step *step)
{
    Val current = step->root;
    for (int c = 0; c < step->chains; c++) {
        const Node *n = at(z, step->chain[c]);
        for (int k = 0; k < op_info[n->op].operands; k++)
            if (n->arg[k].i != current.i)
                add_reading(z, n->arg[k], false, false);
        current = step->chain[c];
    }
    z->can &= !step->arg.i || at(z, step->arg)->op == OP_MAX_ARG;
}

/* The gradient of weights walks dy or, turned around, x. */
static void add_sum(Sweeper *z, Val v)
{
    const Node *n = at(z, v);
    if (n->op == OP_CONV_DW && outer_form(z->f->graph, n->param) == OUTER_X) {
        add_window(z, &n->window, n->arg[0], true);
        add_reading(z, n->arg[1], false, false);
        return;
    }
    add_reading(z, n->arg[0], false, false);
    if (n->op == OP_CONV_DW)
        add_window(z, &n->window, n->arg[1], false);
}

static void read_group(Sweeper *z, const Group *group)
{
    z->readings = 0;
    if (group->kind == GROUP_WEIGHT || group->kind == GROUP_BIAS)
        add_sum(z, group->value);
    for (int s = 0; group->kind == GROUP_SITES && s < group->steps; s++) {
        add_root(z, &group->step[s]);
        add_chain(z, &group->step[s]);
        if (group->step[s].pool)
            add_chain(z, group->step[s].pool);
    }
}

/* ---- what is swept, and what comes before and behind ---- */

static bool walks(const Sweeper *z, const Group *group)
{
    bool sum = group->kind == GROUP_WEIGHT || group->kind == GROUP_BIAS;
    Val v = group->kind == GROUP_SITES ? group->step[0].root : group->value;
    return has_sites(z, sum ? at(z, v)->arg[0] : v);
}

/* Nothing but pools leads from what is swept to the rest. */
static bool ends_in_pools(const Sweeper *z)
{
    bool good = true, any = false;
    for (int i = 0; i < z->f->groups; i++) {
        GroupKind kind = z->f->group[i].kind;
        bool swept = z->sweep->bands[i].stage == STAGE_SWEPT;
        good &= kind != GROUP_MOVE && (!swept || kind != GROUP_WRITE);
        any |= swept;
    }
    return good && any;
}

/* What is read of values without sites is made before: from dL/dy alone. */
static void find_before(Sweeper *z, int group)
{
    read_group(z, &z->f->group[group]);
    for (int i = 0; i < z->readings; i++) {
        Val v = z->reading[i].value;
        if (has_sites(z, v) || v.i == z->sweep->slope.i)
            continue;
        Bands *maker = &z->sweep->bands[z->f->home[v.i]];
        z->can &= maker->stage == STAGE_BEHIND || maker->stage == STAGE_BEFORE;
        maker->stage = STAGE_BEFORE;
    }
}

/* dL/dy, if it is one number of a sample. */
static Val slope_of(const Sweeper *z)
{
    for (uint32_t i = 1; i < z->f->graph->nodes; i++) {
        const Node *n = &z->f->graph->node[i];
        if ((n->op == OP_MSE_DX || n->op == OP_BCE_DX) && n->shape.rank == 0 &&
            n->shape.channels == 1)
            return (Val){i};
    }
    return (Val){0};
}

static void find_stages(Sweeper *z)
{
    const Fusion *f = z->f;
    for (int i = 0; i < f->groups; i++)
        z->sweep->bands[i].stage = walks(z, &f->group[i])           ? STAGE_SWEPT
                                   : f->group[i].kind == GROUP_LOSS ? STAGE_LOSS
                                                                    : STAGE_BEHIND;
    z->can = ends_in_pools(z) && (f->what == WHAT_FORWARD || z->sweep->slope.i);
    for (int i = f->groups - 1; z->can && i >= 0; i--)
        if (z->sweep->bands[i].stage <= STAGE_SWEPT)
            find_before(z, i);
}

/* ---- which band when ---- */

static int most(int a, int b)
{
    return a > b ? a : b;
}

/* A phase waits for the band that it reads beside its own. */
static void find_lag(Sweeper *z, Bands *bands)
{
    for (int i = 0; i < z->readings; i++) {
        const Reading *r = &z->reading[i];
        const Bands *maker = &z->sweep->bands[z->f->home[r->value.i]];
        if (maker->stage == STAGE_SWEPT)
            bands->lag = most(bands->lag, maker->lag + r->after);
    }
}

/* The latest lag with which `maker` is there for all who read it. */
static int latest(Sweeper *z, int maker)
{
    int lag = INT_MAX;
    for (int i = maker + 1; i < z->f->groups; i++) {
        if (z->sweep->bands[i].stage != STAGE_SWEPT)
            continue;
        read_group(z, &z->f->group[i]);
        for (int k = 0; k < z->readings; k++) {
            const Reading *r = &z->reading[k];
            int wanted = z->sweep->bands[i].lag - r->after;
            if (z->f->home[r->value.i] == maker && wanted < lag)
                lag = wanted;
        }
    }
    return lag;
}

static bool waits(Sweeper *z, const bool *waiting, int group)
{
    bool any = z->f->group[group].kind == GROUP_READ;
    read_group(z, &z->f->group[group]);
    for (int k = 0; k < z->readings; k++)
        any |= waiting[z->f->home[z->reading[k].value.i]];
    return any;
}

/* What hangs on no band of the input, but on the derivative by a pool, is made when it is
 * read: so it need not be held for long. */
static void delay(Sweeper *z, Arena *a)
{
    bool *waiting = NEW_ARRAY(a, bool, z->f->groups);
    for (int i = 0; i < z->f->groups; i++)
        waiting[i] = z->sweep->bands[i].stage == STAGE_SWEPT && waits(z, waiting, i);
    for (int i = z->f->groups - 1; i >= 0; i--) {
        Bands *bands = &z->sweep->bands[i];
        int lag = bands->stage == STAGE_SWEPT && !waiting[i] ? latest(z, i) : INT_MAX;
        if (lag != INT_MAX)
            bands->lag = lag;
    }
}

/* What is made must reach as far as who reads it, and stay until then. */
static void reach_back(Sweeper *z, const Bands *bands)
{
    for (int i = 0; i < z->readings; i++) {
        const Reading *r = &z->reading[i];
        Bands *maker = &z->sweep->bands[z->f->home[r->value.i]];
        if (maker->stage != STAGE_SWEPT)
            continue;
        maker->before = most(maker->before, bands->before + r->before);
        maker->after = most(maker->after, bands->after + r->after);
        z->sweep->ring = most(z->sweep->ring, bands->lag - maker->lag + r->before + 1);
    }
}

/* A maximum, other than a sum, takes what it is given, also from bands beyond the part. */
static void find_bands(Sweeper *z, Arena *a)
{
    const Fusion *f = z->f;
    for (int i = 0; i < f->groups; i++) {
        Bands *bands = &z->sweep->bands[i];
        if (bands->stage != STAGE_SWEPT)
            continue;
        read_group(z, &f->group[i]);
        find_lag(z, bands);
    }
    delay(z, a);
    for (int i = f->groups - 1; i >= 0; i--) {
        const Bands *bands = &z->sweep->bands[i];
        if (bands->stage != STAGE_SWEPT)
            continue;
        read_group(z, &f->group[i]);
        reach_back(z, bands);
        z->can &=
            !fuse_has_max(f->graph, &f->group[i]) || (!bands->before && !bands->after);
    }
}

bool sweep_of(const Fusion *f, Sweep *sweep, Arena *a)
{
    *sweep = (Sweep){.bands = NEW_ARRAY(a, Bands, f->groups), .ring = 1};
    Sweeper z = {.f = f, .sweep = sweep};
    z.reading = NEW_ARRAY(a, Reading, 4 * f->graph->nodes);
    if (f->what != WHAT_FORWARD)
        sweep->slope = slope_of(&z);
    find_stages(&z);
    if (z.can)
        find_bands(&z, a);
    return z.can;
}
