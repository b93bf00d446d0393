#include "plan/outer.h"

/* Cycles of a core with AVX-512 for one site and the samples of a block, as measured. */
enum {
    TURN = 75,         /* 16 channels turned around: 64 shuffles, and their memory */
    SUM_OF_LANES = 32, /* of 16 sums: 30 shuffles                                  */
    FREE_EXTENT = 8,   /* of an axis that the model leaves free                    */
    ROWS_LEAST = 4     /* fewer do not hide how long a multiply-add takes          */
};

/* One matrix of weights for each tap, at so many sites. */
typedef struct Size {
    int out, in, taps;
    double sites;
} Size;

static double matrices(const Size *z)
{
    return (double)z->out * z->in * z->taps;
}

/* Two multiply-adds a cycle, of which a tenth is lost; a fifth where no second tap finds in
 * near memory what the first has read. */
static double cost_of_lanes(const Size *z)
{
    int at_once = lower_taps_at_once(z->out, z->taps);
    int tiles =
        (z->out + 3) / 4 * ((z->in + 3) / 4) * ((z->taps + at_once - 1) / at_once);
    double strip = z->sites < STRIP ? z->sites : STRIP;
    return matrices(z) / 2 / (z->taps > 1 ? 0.9 : 0.8) + tiles * SUM_OF_LANES / strip;
}

/* Broadcasts are one a cycle: with one vector of columns they take twice as long as the
 * multiply-adds. */
static double cost_turned(const Size *z, int columns)
{
    int vectors = columns / LANES;
    double rate = vectors > 2 ? 2 * 0.95 : vectors * 0.9;
    double strip = z->sites < OUTER_SITES ? z->sites : OUTER_SITES;
    return matrices(z) / rate + vectors * TURN + matrices(z) / LANES / strip;
}

static double sites_of(const Graph *g, const Shape *s)
{
    double sites = 1;
    int64_t extents[AXES_MAX];
    for (int axis = 0; axis < AXES_MAX; axis++)
        extents[axis] = g->fixed[axis] ? g->fixed[axis] : FREE_EXTENT;
    for (int k = 0; k < s->rank; k++)
        sites *= (double)extent_value(s->extent[k], extents);
    return sites > 0 ? sites : 1;
}

/* The sites of the gradients of one parameter; false: one of them cannot be made so.
 * An x turned around must be looked at from one site by each tap, so steps of 1. */
static bool gather(const Graph *g, int param, Size *z, bool *steps_of_one)
{
    const Param *p = &g->param[param];
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        if (n->param != param || (n->op != OP_CONV_DW && n->op != OP_PICK_DW))
            continue;
        const Shape *dy = &graph_node(g, n->arg[0])->shape;
        if (n->op == OP_PICK_DW || (dy->winners && z->taps > 1))
            return false;
        z->sites = sites_of(g, dy);
        for (int k = 0; k < p->rank - 2; k++)
            *steps_of_one &= n->window.stride[k] == 1;
    }
    return z->sites > 0;
}

OuterForm outer_form(const Graph *g, int param)
{
    const Param *p = &g->param[param];
    if (p->rank < 2)
        return OUTER_NOT;
    Size z = {.out = p->dim[0], .in = p->dim[1]};
    z.taps = (int)(p->count / ((int64_t)z.out * z.in));
    bool steps_of_one = true;
    if (!gather(g, param, &z, &steps_of_one))
        return OUTER_NOT;
    OuterForm form = OUTER_NOT;
    double least = cost_of_lanes(&z);
    if (z.out % LANES == 0 && z.in * z.taps >= ROWS_LEAST &&
        cost_turned(&z, z.out) < least) {
        form = OUTER_DY;
        least = cost_turned(&z, z.out);
    }
    if (z.in % LANES == 0 && steps_of_one && z.out * z.taps >= ROWS_LEAST &&
        cost_turned(&z, z.in) < least)
        form = OUTER_X;
    return form;
}
