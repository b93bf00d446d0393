/* lower_one.c - which walks are there a second time, for one sample: where there are no sites, that
 * fills one lane of sixteen, and its outputs can lie in the lanes instead. */
#include "plan/lower.h"

bool lower_is_dense(const Lower *l, Val v)
{
    return l->dense && l->dense[v.i] && l->f->place[v.i] == PLACE_STACK;
}

int lower_vectors(int channels)
{
    return (channels + LANES - 1) / LANES;
}

/* Fewer products are not worth it. */
enum { PRODUCTS_LEAST = 100 };

static bool is_linear(const Graph *g, const Step *step)
{
    return !step->load && graph_node(g, step->root)->op == OP_CONV;
}

const bool *lower_made_dense(const Lower *l, const Group *group)
{
    bool *dense = NEW_ARRAY(l->b->arena, bool, l->g->nodes);
    for (int s = 0; s < group->steps; s++) {
        const Step *step = &group->step[s];
        dense[step->root.i] = is_linear(l->g, step);
        for (int c = 0; c < step->chains; c++)
            dense[step->chain[c].i] = is_linear(l->g, step);
    }
    return dense;
}

/* Whether all that a step reads lies as what it makes: in the lanes, or in lane 0. */
static bool lies_alike(const Lower *l, const Step *step)
{
    Val current = step->root;
    for (int c = 0; c < step->chains; c++) {
        const Node *n = graph_node(l->g, step->chain[c]);
        for (int k = 0; k < op_info[n->op].operands; k++)
            if (n->arg[k].i != current.i &&
                lower_is_dense(l, n->arg[k]) != is_linear(l->g, step))
                return false;
        current = step->chain[c];
    }
    return true;
}

static bool has_one(const Lower *l, const Group *group)
{
    int64_t products = 0;
    for (int s = 0; s < group->steps; s++) {
        const Step *step = &group->step[s];
        const Node *n = graph_node(l->g, step->root);
        if (n->shape.rank || step->sinks || !(step->load || is_linear(l->g, step)) ||
            !lies_alike(l, step))
            return false;
        if (is_linear(l->g, step))
            products += l->g->param[graph_node(l->g, n->arg[1])->param].count;
    }
    return products >= PRODUCTS_LEAST;
}

bool lower_has_one(const Lower *l, const Group *group)
{
    if (group->kind != GROUP_SITES)
        return false;
    Lower one = *l;
    one.dense = lower_made_dense(l, group);
    return has_one(&one, group);
}
