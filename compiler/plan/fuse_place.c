#include "plan/fuse.h"

static void needs_work(Fusion *f, Val v)
{
    if (v.i && f->home[v.i] >= 0)
        f->place[v.i] = PLACE_WORK;
}

static void needs_memory(Fusion *f, Val v, int group)
{
    if (f->home[v.i] != group)
        needs_work(f, v);
    else if (f->place[v.i] == PLACE_REG)
        f->place[v.i] = PLACE_STACK;
}

static void place_root(Fusion *f, const Step *step, int group)
{
    const Node *root = graph_node(f->graph, step->root);
    if (step->load)
        needs_memory(f, step->root, group);
    else
        for (int k = 0; k < OPERANDS_MAX; k++)
            needs_memory(f, root->arg[k], group);
}

static void place_chain(Fusion *f, const Step *step, int group)
{
    Val current = step->root;
    for (int c = 0; c < step->chains; c++) {
        const Node *n = graph_node(f->graph, step->chain[c]);
        for (int k = 0; k < op_info[n->op].operands; k++)
            if (n->arg[k].i != current.i)
                needs_memory(f, n->arg[k], group);
        current = step->chain[c];
    }
    needs_work(f, step->arg);
    for (int s = 0; s < step->sinks; s++) {
        if (fuse_is_sum(graph_node(f->graph, step->sink[s])->op))
            f->place[step->sink[s].i] = PLACE_NONE;
        else
            needs_work(f, step->sink[s]);
        needs_work(f, f->arg_of[step->sink[s].i]);
    }
}

void fuse_place(Fusion *f)
{
    const Graph *g = f->graph;
    for (uint32_t i = 1; i < g->nodes; i++)
        f->place[i] = f->home[i] >= 0 ? PLACE_REG : PLACE_NONE;
    for (int n = 0; n < f->groups; n++) {
        const Group *group = &f->group[n];
        if (group->kind == GROUP_SITES) {
            for (int s = 0; s < group->steps; s++) {
                place_root(f, &group->step[s], n);
                place_chain(f, &group->step[s], n);
            }
            if (fuse_pool(group))
                place_chain(f, fuse_pool(group), n);
            continue;
        }
        if (group->kind == GROUP_WRITE) {
            needs_work(f, group->value);
            continue;
        }
        const Node *node = graph_node(g, group->value);
        for (int k = 0; k < OPERANDS_MAX; k++)
            needs_work(f, node->arg[k]);
        bool field = !fuse_is_sum(node->op) && node->op != OP_MSE && node->op != OP_BCE;
        f->place[group->value.i] = field ? PLACE_WORK : PLACE_NONE;
    }
}
