#include "plan/sweep.h"

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

static void add_reading(Sweeper *z, Val v, bool before, bool after)
{
    if (z->f->place[v.i] == PLACE_WORK && has_sites(z, v))
        z->reading[z->readings++] = (Reading){v, before, after};
}

static void add_window(Sweeper *z, const Node *n, Val v)
{
    const Window *w = &n->window;
    if (sweep_reach(w) && w->boundary[ROWS] != BOUNDARY_CIRCULAR)
        z->can = false;
    add_reading(z, v, w->before[ROWS] > 0, beyond(w) > 0);
}

static void add_root(Sweeper *z, const Step *step)
{
    const Node *n = at(z, step->root);
    if (step->load)
        add_reading(z, step->root, false, false);
    else if (n->op == OP_CONV || n->op == OP_AVG_POOL || n->op == OP_MAX_POOL)
        add_window(z, n, n->arg[0]);
    else
        z->can = false; /* an adjoint */
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
}

static void read_group(Sweeper *z, const Group *group)
{
    z->readings = 0;
    for (int s = 0; group->kind == GROUP_SITES && s < group->steps; s++) {
        add_root(z, &group->step[s]);
        add_chain(z, &group->step[s]);
        if (group->step[s].pool)
            add_chain(z, group->step[s].pool);
    }
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
        z->can &= maker->swept;
        bands->lag = most(bands->lag, maker->lag + r->after);
    }
}

/* What is made must reach as far as who reads it, and stay until then. */
static void reach_back(Sweeper *z, const Bands *bands)
{
    for (int i = 0; i < z->readings; i++) {
        const Reading *r = &z->reading[i];
        Bands *maker = &z->sweep->bands[z->f->home[r->value.i]];
        maker->before = most(maker->before, bands->before + r->before);
        maker->after = most(maker->after, bands->after + r->after);
        z->sweep->ring = most(z->sweep->ring, bands->lag - maker->lag + r->before + 1);
    }
}

static bool walks(const Sweeper *z, const Group *group)
{
    Val v = group->kind == GROUP_SITES ? group->step[0].root : group->value;
    return has_sites(z, v);
}

static bool has_sinks(const Group *group)
{
    bool sinks = false;
    for (int s = 0; group->kind == GROUP_SITES && s < group->steps; s++)
        sinks |=
            group->step[s].sinks || (group->step[s].pool && group->step[s].pool->sinks);
    return sinks;
}

/* Nothing but pools leads from what is swept to the rest. */
static bool ends_in_pools(const Sweeper *z)
{
    bool good = true, any = false;
    for (int i = 0; i < z->f->groups; i++) {
        GroupKind kind = z->f->group[i].kind;
        bool swept = z->sweep->bands[i].swept;
        good &= swept ? kind == GROUP_SITES || kind == GROUP_READ : kind != GROUP_MOVE;
        any |= swept;
    }
    return good && any;
}

/* A pool over all sites takes each of them once: what ends in one reaches no other band. */
bool sweep_of(const Fusion *f, Sweep *sweep, Arena *a)
{
    *sweep = (Sweep){.bands = NEW_ARRAY(a, Bands, f->groups), .ring = 1};
    Sweeper z = {.f = f, .sweep = sweep, .can = true};
    z.reading = NEW_ARRAY(a, Reading, 4 * f->graph->nodes);
    for (int i = 0; i < f->groups; i++)
        sweep->bands[i].swept = walks(&z, &f->group[i]);
    z.can = ends_in_pools(&z);
    for (int i = 0; z.can && i < f->groups; i++)
        if (sweep->bands[i].swept) {
            read_group(&z, &f->group[i]);
            find_lag(&z, &sweep->bands[i]);
        }
    for (int i = f->groups - 1; z.can && i >= 0; i--) {
        const Bands *bands = &sweep->bands[i];
        if (bands->swept) {
            read_group(&z, &f->group[i]);
            reach_back(&z, bands);
            z.can &= !has_sinks(&f->group[i]) || (!bands->before && !bands->after);
        }
    }
    return z.can;
}
