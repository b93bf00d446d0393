#include "opt/rewrite.h"

/* The logit of a BCE is the operand of the output, and stays with it. */
static void mark_results(const Graph *g, bool *alive)
{
    const Val result[] = {g->input, g->output, g->loss_value, g->dx};
    for (size_t i = 0; i < countof(result); i++)
        alive[result[i].i] = true;
    for (int p = 0; g->dparam && p < g->params; p++)
        alive[g->dparam[p].i] = true;
}

/* Drops what no result needs.
 * Needs: topological order.  Keeps: input, output, loss, dx, dparam. */
Graph *opt_dce(const Graph *g, Arena *a)
{
    bool *alive = NEW_ARRAY(a, bool, g->nodes);
    mark_results(g, alive);
    for (uint32_t i = g->nodes - 1; i > 0; i--)
        for (int k = 0; alive[i] && k < OPERANDS_MAX; k++)
            alive[g->node[i].arg[k].i] = true;
    Rewrite r;
    rewrite_begin(&r, g, a);
    for (uint32_t i = 1; i < g->nodes; i++)
        if (alive[i])
            r.to[i] = graph_add(&r.b, rewrite_node(&r, i));
    return rewrite_end(&r);
}
