#include "opt/rewrite.h"

static bool window_equal(const Window *a, const Window *b)
{
    for (int d = 0; d < AXES_MAX; d++)
        if (a->kernel[d] != b->kernel[d] || a->stride[d] != b->stride[d] ||
            a->before[d] != b->before[d] || a->boundary[d] != b->boundary[d])
            return false;
    return true;
}

static bool node_equal(const Node *a, const Node *b)
{
    if (a->op != b->op || a->param != b->param || a->slope != b->slope)
        return false;
    for (int k = 0; k < OPERANDS_MAX; k++)
        if (a->arg[k].i != b->arg[k].i)
            return false;
    return window_equal(&a->window, &b->window) &&
           (a->param >= 0 || (a->shape.channels == b->shape.channels &&
                              shape_same_lattice(&a->shape, &b->shape)));
}

static uint32_t node_hash(const Node *n)
{
    uint32_t h = (uint32_t)n->op * 31 + (uint32_t)n->param;
    for (int k = 0; k < OPERANDS_MAX; k++)
        h = (h ^ n->arg[k].i) * 2654435761u;
    return h >> 16;
}

/* Merges equal nodes.
 * Needs: topological order.  Keeps: names and spans of the first of each class. */
Graph *opt_cse(const Graph *g, Arena *a)
{
    enum { BUCKETS = 1024 };
    Rewrite r;
    rewrite_begin(&r, g, a);
    uint32_t *head = NEW_ARRAY(a, uint32_t, BUCKETS);
    uint32_t *next = NEW_ARRAY(a, uint32_t, g->nodes); /* of the new graph */
    for (uint32_t i = 1; i < g->nodes; i++) {
        Node n = rewrite_node(&r, i);
        uint32_t *bucket = &head[node_hash(&n) % BUCKETS], j = *bucket;
        while (j && !node_equal(&r.b.g.node[j], &n))
            j = next[j];
        if (!j) {
            j = graph_add(&r.b, n).i;
            next[j] = *bucket;
            *bucket = j;
        }
        r.to[i] = (Val){j};
    }
    return rewrite_end(&r);
}
