#include "opt/rewrite.h"

void rewrite_begin(Rewrite *r, const Graph *g, Arena *a)
{
    r->old = g;
    r->to = NEW_ARRAY(a, Val, g->nodes);
    graph_continue(&r->b, g, a);
    r->b.g.nodes = 1;
}

Node rewrite_node(const Rewrite *r, uint32_t i)
{
    Node n = r->old->node[i];
    for (int k = 0; k < OPERANDS_MAX; k++)
        n.arg[k] = r->to[n.arg[k].i];
    return n;
}

Graph *rewrite_end(Rewrite *r)
{
    Graph *g = &r->b.g;
    Val *const result[] = {&g->input, &g->output, &g->logit, &g->loss_value, &g->dx};
    for (size_t i = 0; i < countof(result); i++)
        *result[i] = r->to[result[i]->i];
    for (int i = 0; i < g->layers; i++)
        g->layer[i].value = r->to[g->layer[i].value.i];
    if (r->old->dparam) {
        g->dparam = NEW_ARRAY(r->b.arena, Val, g->params);
        for (int p = 0; p < g->params; p++)
            g->dparam[p] = r->to[r->old->dparam[p].i];
    }
    return graph_end(&r->b);
}
