#include "ir/eval.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "ir/eval_impl.h"

static Field field_of(const Graph *g, const EvalInput *in, Val v, const Eval *e)
{
    const Node *n = graph_node(g, v);
    Field f = {.batch = 1,
               .channels = 1,
               .value = e->value[v.i],
               .magnitude = e->magnitude[v.i]};
    if (n->param >= 0) {
        f.sites = g->param[n->param].count;
        return f;
    }
    f.batch = in->batch;
    f.channels = n->shape.channels;
    f.rank = n->shape.rank;
    f.sites = shape_sites(&n->shape, in->extent);
    for (int d = 0; d < f.rank; d++)
        f.extent[d] = extent_value(n->shape.extent[d], in->extent);
    return f;
}

static void load(Field *out, const double *x)
{
    assert(x != NULL);
    for (int64_t i = 0; i < field_count(out); i++) {
        out->value[i] = x[i];
        out->magnitude[i] = fabs(x[i]);
    }
}

static void eval_leaf(Step *s, const double *x)
{
    load(&s->out, x);
}

static void eval_node(Step *s, const Graph *g, const EvalInput *in)
{
    switch (s->node->op) {
    case OP_INPUT: eval_leaf(s, in->x); break;
    case OP_PARAM: eval_leaf(s, in->params + g->param[s->node->param].offset); break;
    case OP_TARGET: eval_leaf(s, in->target); break;
    case OP_SEED: eval_leaf(s, in->seed); break;
    case OP_CONV: eval_conv(s); break;
    case OP_CONV_DX: eval_conv_dx(s); break;
    case OP_CONV_DW: eval_conv_dw(s); break;
    case OP_CONV_DB: eval_conv_db(s); break;
    case OP_PICK: eval_pick(s); break;
    case OP_PICK_DY: eval_pick_dy(s); break;
    case OP_PICK_DX: eval_pick_dx(s); break;
    case OP_PICK_DW: eval_pick_dw(s); break;
    case OP_AVG_POOL: eval_avg_pool(s); break;
    case OP_MAX_POOL: eval_max_pool(s); break;
    case OP_MAX_ARG: eval_max_arg(s); break;
    case OP_AVG_UNPOOL: eval_avg_unpool(s); break;
    case OP_MAX_UNPOOL: eval_max_unpool(s); break;
    case OP_GLOBAL_SUM: eval_global_sum(s); break;
    case OP_GLOBAL_AVG: eval_global_avg(s); break;
    case OP_GLOBAL_MAX: eval_global_max(s); break;
    case OP_GLOBAL_ARG: eval_global_arg(s); break;
    case OP_SPREAD: eval_spread(s); break;
    case OP_SPREAD_AVG: eval_spread_avg(s); break;
    case OP_SPREAD_MAX: eval_spread_max(s); break;
    case OP_LEAKY_RELU: eval_point(s, point_leaky_relu); break;
    case OP_LEAKY_RELU_DX: eval_point(s, point_leaky_relu_dx); break;
    case OP_SIGMOID: eval_point(s, point_sigmoid); break;
    case OP_SIGMOID_DX: eval_point(s, point_sigmoid_dx); break;
    case OP_TANH: eval_point(s, point_tanh); break;
    case OP_TANH_DX: eval_point(s, point_tanh_dx); break;
    case OP_ADD: eval_point(s, point_add); break;
    case OP_SUB: eval_point(s, point_sub); break;
    case OP_MUL: eval_point(s, point_mul); break;
    /* Channel-major, row-major sites: the memory of a field is its flattened self. */
    case OP_FLATTEN: eval_point(s, point_copy); break;
    case OP_UNFLATTEN: eval_point(s, point_copy); break;
    case OP_MSE: eval_loss(s, point_mse); break;
    case OP_MSE_DX: eval_point(s, point_mse_dx); break;
    case OP_BCE: eval_loss(s, point_bce); break;
    case OP_BCE_DX: eval_point(s, point_bce_dx); break;
    case OP_NONE:
    case OP_COUNT: unreachable();
    }
}

Eval *graph_eval(const Graph *g, const EvalInput *in, Arena *a)
{
    Arena *scratch = arena_new();
    Eval *e = NEW(a, Eval);
    e->value = NEW_ARRAY(a, double *, g->nodes);
    e->magnitude = NEW_ARRAY(a, double *, g->nodes);
    for (uint32_t i = 1; i < g->nodes; i++) {
        Step s = {.node = &g->node[i], .scratch = scratch};
        s.out = field_of(g, in, (Val){i}, e);
        s.out.value = e->value[i] = NEW_ARRAY(a, double, field_count(&s.out));
        s.out.magnitude = e->magnitude[i] = NEW_ARRAY(a, double, field_count(&s.out));
        for (int k = 0; k < OPERANDS_MAX && s.node->arg[k].i; k++)
            s.arg[k] = field_of(g, in, s.node->arg[k], e);
        eval_node(&s, g, in);
    }
    arena_free(scratch);
    return e;
}
