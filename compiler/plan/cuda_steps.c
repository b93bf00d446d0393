#include "plan/cuda.h"
#include "plan/value.h"

#include <string.h>

typedef struct Stepper {
    CudaSteps *f;
    const Graph *g;
    Arena *arena;
    bool *for_dx, *for_dparams, *needed;
} Stepper;

static const Node *at(const Stepper *z, Val v)
{
    return graph_node(z->g, v);
}

static bool is_arg(Op op)
{
    return op == OP_MAX_ARG || op == OP_GLOBAL_ARG;
}

/* ---- what is needed, and what for ---- */

static void mark(const Graph *g, Val root, bool *seen)
{
    seen[root.i] = true;
    for (uint32_t i = root.i; i > 0; i--)
        for (int k = 0; seen[i] && k < OPERANDS_MAX; k++)
            seen[g->node[i].arg[k].i] = true;
    seen[0] = false;
}

static void mark_roots(Stepper *z)
{
    const Graph *g = z->g;
    What what = z->f->what;
    for (int i = 0; what != WHAT_FORWARD && i < g->params; i++)
        mark(g, g->dparam[i], z->for_dparams);
    if (what == WHAT_VJP)
        mark(g, g->dx, z->for_dx);
    if (what == WHAT_FORWARD)
        mark(g, g->output, z->needed);
    if (what == WHAT_GRADIENT)
        mark(g, g->loss_value, z->needed);
    for (uint32_t i = 1; i < g->nodes; i++)
        z->needed[i] |= z->for_dx[i] || z->for_dparams[i];
}

static When when_needed(const Stepper *z, Val v)
{
    if (z->f->what != WHAT_VJP || (z->for_dx[v.i] && z->for_dparams[v.i]))
        return WHEN_ALWAYS;
    return z->for_dx[v.i] ? WHEN_DX : WHEN_DPARAMS;
}

static bool same_pool(const Node *pool, const Node *arg)
{
    Op op = arg->op == OP_MAX_ARG ? OP_MAX_POOL : OP_GLOBAL_MAX;
    return pool->op == op && pool->arg[0].i == arg->arg[0].i &&
           !memcmp(&pool->window, &arg->window, sizeof pool->window);
}

/* The index of a maximum is found along with the maximum: whoever needs the index needs
 * the step that makes both. */
static void pair_args(Stepper *z)
{
    const Graph *g = z->g;
    for (uint32_t i = 1; i < g->nodes; i++) {
        if (!z->needed[i] || !is_arg(g->node[i].op))
            continue;
        for (uint32_t j = 1; j < g->nodes; j++)
            if (same_pool(&g->node[j], &g->node[i])) {
                z->f->arg_of[j] = (Val){i};
                z->needed[j] = true;
                z->for_dx[j] |= z->for_dx[i];
                z->for_dparams[j] |= z->for_dparams[i];
            }
    }
}

/* ---- steps ---- */

static CudaStep *step_new(Stepper *z, CudaKind kind, Val v)
{
    CudaStep *step = &z->f->step[z->f->steps++];
    *step = (CudaStep){.kind = kind, .when = when_needed(z, v), .value = v};
    if (kind == CUDA_WALK)
        step->chain = NEW_ARRAY(z->arena, Val, z->g->nodes);
    if (kind != CUDA_WRITE) {
        z->f->home[v.i] = z->f->steps - 1;
        z->f->home[z->f->arg_of[v.i].i] = z->f->steps - 1;
    }
    return step;
}

static Val end_of(const CudaStep *step)
{
    return step->chains ? step->chain[step->chains - 1] : step->value;
}

/* The walk at whose end v may be made: it ends in an operand of v, and the others are made
 * by then. */
static CudaStep *walk_for(const Stepper *z, Val v)
{
    const Node *n = at(z, v);
    for (int k = 0; k < op_info[n->op].operands; k++) {
        int home = z->f->home[n->arg[k].i];
        CudaStep *step = home >= 0 ? &z->f->step[home] : NULL;
        if (!step || step->kind != CUDA_WALK || end_of(step).i != n->arg[k].i ||
            step->when != when_needed(z, v))
            continue;
        bool made = true;
        for (int j = 0; j < op_info[n->op].operands; j++)
            made &= z->f->home[n->arg[j].i] <= home;
        if (made)
            return step;
    }
    return NULL;
}

static void place_point(Stepper *z, Val v)
{
    CudaStep *step = walk_for(z, v);
    if (!step) {
        step = step_new(z, CUDA_WALK, v);
        step->value = at(z, v)->arg[0];
        step->load = true;
    }
    step->chain[step->chains++] = v;
    z->f->home[v.i] = (int)(step - z->f->step);
}

static void place_node(Stepper *z, Val v)
{
    Op op = at(z, v)->op;
    if (is_arg(op) || op == OP_PARAM || op == OP_TARGET)
        return;
    if (op == OP_ADD && at(z, v)->param >= 0)
        return; /* two gradients of one parameter: both are summed in its place anyway */
    switch (op_info[op].class) {
    case LEAF: step_new(z, CUDA_READ, v); return;
    case CONTRACT:
        step_new(z,
                 op == OP_CONV_DW   ? CUDA_WEIGHT
                 : op == OP_CONV_DB ? CUDA_BIAS
                                    : CUDA_WALK,
                 v);
        return;
    case POINT: place_point(z, v); return;
    case RESHAPE: step_new(z, CUDA_MOVE, v); return;
    case LOSS: step_new(z, CUDA_LOSS, v); return;
    case WINDOW: step_new(z, CUDA_WALK, v); return;
    case GLOBAL:
        if (op == OP_GLOBAL_SUM || op == OP_GLOBAL_AVG || op == OP_GLOBAL_MAX)
            step_new(z, CUDA_POOL, v);
        else
            step_new(z, CUDA_WALK, v);
        return;
    }
    unreachable();
}

/* ---- what must be in memory ---- */

static void store_operands(CudaSteps *f, Val v, Val in_register)
{
    const Node *n = graph_node(f->g, v);
    for (int k = 0; k < op_info[n->op].operands; k++)
        if (n->arg[k].i != in_register.i)
            f->stored[n->arg[k].i] = true;
}

static void store_values(CudaSteps *f)
{
    for (int i = 0; i < f->steps; i++) {
        const CudaStep *step = &f->step[i];
        if (step->load || step->kind == CUDA_WRITE)
            f->stored[step->value.i] = true;
        else
            store_operands(f, step->value, (Val){0});
        Val current = step->value;
        for (int c = 0; c < step->chains; c++) {
            store_operands(f, step->chain[c], current);
            current = step->chain[c];
        }
        if (step->kind == CUDA_POOL)
            f->stored[step->value.i] = true;
    }
}

/* Fields that are read through a table which can name the ghost site: none is needed to look
 * at a site itself. */
static void mark_ghosts(CudaSteps *f)
{
    for (int i = 0; i < f->steps; i++) {
        const CudaStep *step = &f->step[i];
        const Node *n = graph_node(f->g, step->value);
        if (step->load || step->kind == CUDA_WRITE)
            continue;
        const Shape *shape = &n->shape;
        GeometryKind kind = n->op == OP_CONV_DX ? NEAR_BACKWARD : NEAR_FORWARD;
        Val read = n->arg[0];
        bool window = n->op == OP_CONV || n->op == OP_CONV_DX;
        if (n->op == OP_CONV_DW) {
            shape = &graph_node(f->g, n->arg[0])->shape;
            read = n->arg[1];
            window = true;
        }
        if (n->op == OP_AVG_UNPOOL || n->op == OP_MAX_UNPOOL) {
            kind = COVER;
            window = true;
            f->ghost[n->arg[1].i] = true;
        }
        if (window && !cuda_same_site(n, shape) &&
            value_can_miss(kind, &n->window, shape->rank))
            f->ghost[read.i] = true;
    }
    f->ghost[0] = false;
}

CudaSteps *cuda_steps(const Graph *g, What what, Arena *a)
{
    CudaSteps *f = NEW(a, CudaSteps);
    *f = (CudaSteps){.g = g,
                     .what = what,
                     .step = NEW_ARRAY(a, CudaStep, g->nodes + 1),
                     .home = NEW_ARRAY(a, int, g->nodes),
                     .stored = NEW_ARRAY(a, bool, g->nodes),
                     .ghost = NEW_ARRAY(a, bool, g->nodes),
                     .arg_of = NEW_ARRAY(a, Val, g->nodes)};
    Stepper z = {.f = f, .g = g, .arena = a};
    z.for_dx = NEW_ARRAY(a, bool, g->nodes);
    z.for_dparams = NEW_ARRAY(a, bool, g->nodes);
    z.needed = NEW_ARRAY(a, bool, g->nodes);
    for (uint32_t i = 0; i < g->nodes; i++)
        f->home[i] = -1;
    mark_roots(&z);
    pair_args(&z);
    for (uint32_t i = 1; i < g->nodes; i++)
        if (z.needed[i])
            place_node(&z, (Val){i});
    if (what == WHAT_FORWARD)
        step_new(&z, CUDA_WRITE, g->output);
    if (what == WHAT_VJP)
        step_new(&z, CUDA_WRITE, g->dx);
    store_values(f);
    mark_ghosts(f);
    return f;
}
