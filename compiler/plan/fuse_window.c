#include "plan/fuse.h"
#include "plan/value.h"
#include "plan/winograd.h"

/* Sites of a window of which each is made by registers of its own. */
enum { WINDOW_MOST = 4 };

/* Windows that share no site and reach beyond no edge, of a few sites each. */
static bool stand_apart(const Node *pool, int rank)
{
    const Window *w = &pool->window;
    int sites = 1;
    bool apart = !value_can_miss(NEAR_FORWARD, w, rank);
    for (int k = 0; k < rank; k++) {
        sites *= w->kernel[k];
        apart &= w->stride[k] >= w->kernel[k] && w->boundary[k] == BOUNDARY_NONE;
    }
    return apart && sites > 1 && sites <= WINDOW_MOST;
}

static bool same_windows(const Node *a, const Node *b)
{
    bool same = a->shape.rank == b->shape.rank;
    for (int k = 0; k < a->shape.rank; k++)
        same &= a->window.kernel[k] == b->window.kernel[k] &&
                a->window.stride[k] == b->window.stride[k];
    return same;
}

bool fuse_covers(const Graph *g, const Shape *sites, const Node *pool)
{
    for (int k = 0; k < sites->rank; k++) {
        const Extent *e = &sites->extent[k];
        if (pool->window.kernel[k] != pool->window.stride[k] ||
            (e->axis >= 0 && !g->fixed[e->axis]) ||
            extent_value(*e, g->fixed) % pool->window.stride[k])
            return false;
    }
    return true;
}

bool fuse_keeps_zeros(Op op)
{
    return op == OP_LEAKY_RELU_DX;
}

bool fuse_spreads(const Node *unpool)
{
    return (unpool->op == OP_AVG_UNPOOL || unpool->op == OP_MAX_UNPOOL) &&
           stand_apart(unpool, unpool->shape.rank);
}

/* A gradient that is zero at sites in no window: what stands there in the other operand,
 * and was never made, is multiplied by zero, or not at all. */
static bool is_sign_only(const Graph *g, const Node *user, int operand,
                         const Node *pool)
{
    const Node *dy = graph_node(g, user->arg[0]);
    return fuse_keeps_zeros(user->op) && operand == 1 &&
           (dy->op == OP_AVG_UNPOOL || dy->op == OP_MAX_UNPOOL) &&
           same_windows(dy, pool);
}

/* Whether others than the pool ask for what the walk makes at sites in no window. */
static bool leaves_out(const Fusion *f, int group, Val pool)
{
    const Graph *g = f->graph;
    if (f->home[g->output.i] == group)
        return true;
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *user = &g->node[i];
        if (!f->needed[i] || f->home[i] == group || i == pool.i ||
            i == f->arg_of[pool.i].i)
            continue;
        for (int k = 0; k < op_info[user->op].operands; k++)
            if (user->arg[k].i && f->home[user->arg[k].i] == group &&
                !is_sign_only(g, user, k, graph_node(g, pool)))
                return true;
    }
    return false;
}

bool fuse_joins_pool(const Fusion *f, int group, Val pool)
{
    const Graph *g = f->graph;
    const Node *n = graph_node(g, pool);
    const Group *walk = &f->group[group];
    if ((n->op != OP_AVG_POOL && n->op != OP_MAX_POOL) || fuse_pool(walk) ||
        !stand_apart(n, n->shape.rank) || (!f->direct && winograd_walks(g, walk)))
        return false;
    const Step *only = &walk->step[0];
    if (walk->steps > 1 || only->load || only->sinks ||
        !fuse_is_conv(graph_node(g, only->root)))
        return false;
    return fuse_covers(g, &graph_node(g, n->arg[0])->shape, n) ||
           !leaves_out(f, group, pool);
}

bool fuse_has_max(const Graph *g, const Group *group)
{
    bool max = false;
    for (int s = 0; group->kind == GROUP_SITES && s < group->steps; s++)
        for (int k = 0; k < group->step[s].sinks; k++)
            max |= graph_node(g, group->step[s].sink[k])->op == OP_GLOBAL_MAX;
    return max;
}
