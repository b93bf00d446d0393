#include "opt/opt.h"
#include "opt/rewrite.h"

/* A pool and the operator before it that may as well come after. */
static bool commutes(const Node *pool, const Node *before)
{
    if (pool->op == OP_MAX_POOL || pool->op == OP_GLOBAL_MAX)
        return before->op == OP_LEAKY_RELU && before->slope > 0;
    return pool->op == OP_AVG_POOL && before->op == OP_CONV &&
           window_is_one_site(&before->window, before->shape.rank);
}

static int *count_uses(const Graph *g, Arena *a)
{
    int *uses = NEW_ARRAY(a, int, g->nodes);
    for (uint32_t i = 1; i < g->nodes; i++)
        for (int k = 0; k < OPERANDS_MAX; k++)
            uses[g->node[i].arg[k].i]++;
    uses[g->output.i]++;
    uses[g->logit.i]++;
    return uses;
}

/* The pool over what `before` reads, then `before`. */
static Val swapped(Rewrite *r, const Node *pool, const Node *before)
{
    Node first = *pool, second = *before;
    first.shape = second.shape = (Shape){0};
    first.arg[0] = r->to[before->arg[0].i];
    second.arg[0] = graph_add(&r->b, first);
    for (int k = 1; k < OPERANDS_MAX; k++)
        second.arg[k] = r->to[before->arg[k].i];
    return graph_add(&r->b, second);
}

Graph *opt_reorder(const Graph *g, Arena *a)
{
    const int *uses = count_uses(g, a);
    bool *moved = NEW_ARRAY(a, bool, g->nodes);
    for (uint32_t i = 1; i < g->nodes; i++) {
        Val x = g->node[i].arg[0];
        if (x.i && uses[x.i] == 1 && commutes(&g->node[i], graph_node(g, x)))
            moved[x.i] = true;
    }
    Rewrite r;
    rewrite_begin(&r, g, a);
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        if (moved[i])
            continue;
        r.to[i] = moved[n->arg[0].i] ? swapped(&r, n, graph_node(g, n->arg[0]))
                                     : graph_add(&r.b, rewrite_node(&r, i));
    }
    return rewrite_end(&r);
}
