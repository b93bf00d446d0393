#include "plan/lower.h"

/* Where dx = f(dy, y) is all that is left to do with y, dx is written over y: its numbers were
 * loaded a moment ago, and no others are moved out of near memory for it. */

/* How often the walk reads v. */
static int reads_of(const Lower *l, const Group *group, Val v)
{
    int reads = 0;
    for (int s = 0; s < group->steps; s++) {
        const Step *step = &group->step[s];
        const Node *root = graph_node(l->g, step->root);
        reads += step->load && step->root.i == v.i;
        for (int k = 0; !step->load && k < OPERANDS_MAX; k++)
            reads += root->arg[k].i == v.i;
        Val current = step->root;
        for (int c = 0; c < step->chains; c++) {
            const Node *n = graph_node(l->g, step->chain[c]);
            for (int k = 0; k < op_info[n->op].operands; k++)
                reads += n->arg[k].i == v.i && v.i != current.i;
            current = step->chain[c];
        }
    }
    return reads;
}

static bool same_rows(const Node *a, const Node *b)
{
    return shape_same_lattice(&a->shape, &b->shape) && lower_row(a) == lower_row(b);
}

/* `new`, of the walk's, in place of `old`, which it reads at the same site and channel. */
static void overwrite(Lower *l, const Group *group, Val old, Val new)
{
    const Fusion *f = l->f;
    if (f->place[old.i] != PLACE_WORK || f->place[new.i] != PLACE_WORK ||
        f->home[old.i] == f->home[new.i] || reads_of(l, group, old) != 1 ||
        !same_rows(graph_node(l->g, old), graph_node(l->g, new)))
        return;
    Phase *phase = &l->b->phase;
    phase->over[phase->overs++] =
        (Overwrite){lower_buffer(l, old), lower_buffer(l, new)};
}

/* What windows leave out is cleared before the walk. */
static bool is_cleared(const Lower *l, const Group *group)
{
    const Shape *sites = &graph_node(l->g, group->step[0].root)->shape;
    return group->window.i &&
           !fuse_covers(l->g, sites, graph_node(l->g, group->window));
}

void lower_overwrites(Lower *l, const Group *group)
{
    if (is_cleared(l, group))
        return;
    l->b->phase.over = NEW_ARRAY(l->b->arena, Overwrite, 2 * l->g->nodes);
    for (int s = 0; s < group->steps; s++) {
        const Step *step = &group->step[s];
        Val current = step->root;
        for (int c = 0; c < step->chains; c++) {
            const Node *n = graph_node(l->g, step->chain[c]);
            for (int k = 0; k < op_info[n->op].operands; k++)
                if (n->arg[k].i != current.i || (step->load && c == 0))
                    overwrite(l, group, n->arg[k], step->chain[c]);
            current = step->chain[c];
        }
    }
}
