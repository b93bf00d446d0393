#include <inttypes.h>
#include <stdarg.h>

#include "ir/verify_impl.h"

bool verify_require(Check *c, bool holds, const char *rule, ...)
{
    if (holds)
        return true;
    c->ok = false;
    if (c->node) {
        const Node *n = &c->g->node[c->node];
        bool known = n->op < OP_COUNT;
        fprintf(c->err, "graph %s: %%%" PRIu32 " %s: ", c->g->name, c->node,
                known ? op_info[n->op].name : "?");
    } else {
        fprintf(c->err, "graph %s: ", c->g->name);
    }
    va_list args;
    va_start(args, rule);
    vfprintf(c->err, rule, args);
    va_end(args);
    fputc('\n', c->err);
    return false;
}

static bool is_field(const Check *c, Val v)
{
    return graph_node(c->g, v)->param < 0;
}

/* ---- parameters ------------------------------------------------------------------ */

static void check_params(Check *c)
{
    const Graph *g = c->g;
    int64_t offset = 0;
    for (int p = 0; p < g->params; p++) {
        const Param *param = &g->param[p];
        const char *name = param->name ? param->name : "?";
        verify_require(c, param->name && param->name[0], "parameter %d has no name", p);
        if (!verify_require(c, param->rank >= 1 && param->rank <= PARAM_RANK_MAX,
                            "parameter %s has rank %d", name, param->rank))
            return;
        int64_t count = 1;
        for (int d = 0; d < param->rank; d++) {
            verify_require(c, param->dim[d] > 0, "parameter %s: dimension %d is %d",
                           name, d, param->dim[d]);
            if (__builtin_mul_overflow(count, param->dim[d], &count))
                count = -1;
        }
        verify_require(c, param->count == count,
                       "parameter %s: count is not the product of "
                       "its dimensions",
                       name);
        verify_require(c, param->offset == offset,
                       "parameter %s: offset %" PRId64 " is not the end %" PRId64
                       " of the one before",
                       name, param->offset, offset);
        offset += param->count;
    }
    verify_require(c, g->param_count == offset,
                   "param_count is not the sum of the counts");
}

/* ---- operands -------------------------------------------------------------------- */

static bool may_miss_last(Op op)
{
    return op == OP_CONV;
}

static bool check_operands(Check *c, const Node *n)
{
    int operands = op_info[n->op].operands;
    for (int k = 0; k < OPERANDS_MAX; k++) {
        uint32_t i = n->arg[k].i;
        if (k >= operands) {
            if (!verify_require(c, i == 0, "operand %d is one too many", k + 1))
                return false;
            continue;
        }
        if (i == 0 && may_miss_last(n->op) && k == operands - 1)
            continue;
        if (!verify_require(c, i != 0, "operand %d is missing", k + 1) ||
            !verify_require(c, i < c->node, "operand %%%" PRIu32 " comes later", i))
            return false;
    }
    return true;
}

static bool is_weight_operand(Op op, int k)
{
    return (op == OP_CONV && k >= 1) ||
           ((op == OP_CONV_DX || op == OP_PICK_DX) && k == 1);
}

/* Weights stand where weights belong, fields everywhere else. */
static bool check_operand_kinds(Check *c, const Node *n)
{
    if (n->op == OP_ADD && n->param >= 0)
        return verify_require(c,
                              graph_node(c->g, n->arg[0])->param == n->param &&
                                  graph_node(c->g, n->arg[1])->param == n->param,
                              "adds gradients of different parameters");
    for (int k = 0; k < op_info[n->op].operands && n->arg[k].i; k++) {
        const Node *arg = graph_node(c->g, n->arg[k]);
        if (is_weight_operand(n->op, k)) {
            if (!verify_require(c, arg->op == OP_PARAM, "operand %d is no parameter",
                                k + 1))
                return false;
        } else if (!verify_require(c, arg->param < 0, "operand %d is no field",
                                   k + 1)) {
            return false;
        }
    }
    return true;
}

static bool check_param_index(Check *c, const Node *n)
{
    bool has = n->op == OP_PARAM || n->op == OP_CONV_DW || n->op == OP_CONV_DB ||
               n->op == OP_PICK_DW;
    if (!has && n->op != OP_ADD)
        return verify_require(c, n->param == -1, "has a parameter index");
    return verify_require(c, n->param >= (has ? 0 : -1) && n->param < c->g->params,
                          "parameter index %d is out of range", n->param);
}

static void check_node(Check *c, const Node *n)
{
    if (!verify_require(c, n->op > OP_NONE && n->op < OP_COUNT, "unknown operator %d",
                        n->op) ||
        !verify_require(c, n->name != NULL, "name is NULL") ||
        !check_param_index(c, n) || !check_operands(c, n) || !check_operand_kinds(c, n))
        return;
    verify_op(c, n);
}

/* ---- results --------------------------------------------------------------------- */

static bool check_result(Check *c, Val v, const char *what)
{
    return verify_require(c, v.i < c->g->nodes, "%s %%%" PRIu32 " is no node", what,
                          v.i);
}

static void check_dparam(Check *c)
{
    const Graph *g = c->g;
    for (int p = 0; g->dparam && p < g->params; p++) {
        Val v = g->dparam[p];
        const char *name = g->param[p].name;
        if (!check_result(c, v, "gradient") ||
            !verify_require(c, v.i != 0, "parameter %s has no gradient", name))
            continue;
        const Node *n = graph_node(g, v);
        verify_require(c, n->op != OP_PARAM && n->param == p,
                       "%%%" PRIu32 " is no gradient of %s", v.i, name);
    }
}

static void check_loss(Check *c)
{
    const Graph *g = c->g;
    if (g->loss == LOSS_BCE) {
        const Node *y = graph_node(g, g->output);
        verify_require(c,
                       y->op == OP_SIGMOID && y->arg[0].i == g->logit.i && g->logit.i,
                       "loss BCE, but the logit is not the operand of a final sigmoid");
    }
    if (g->loss_value.i) {
        Op op = graph_node(g, g->loss_value)->op;
        verify_require(
            c, g->loss != LOSS_NONE && op == (g->loss == LOSS_MSE ? OP_MSE : OP_BCE),
            "the value of the loss is %s", op_info[op].name);
    }
}

static void check_results(Check *c)
{
    const Graph *g = c->g;
    if (!check_result(c, g->input, "input") || !check_result(c, g->output, "output") ||
        !check_result(c, g->logit, "logit") || !check_result(c, g->dx, "dx") ||
        !check_result(c, g->loss_value, "loss"))
        return;
    const Node *x = graph_node(g, g->input);
    verify_require(c, x->op == OP_INPUT, "the input is no input node");
    verify_require(c, g->output.i && is_field(c, g->output), "the output is no field");
    if (g->dx.i)
        verify_require(
            c, is_field(c, g->dx) && shape_equal(verify_shape(c, g->dx), &x->shape),
            "dx has not the shape of the input");
    check_loss(c);
    check_dparam(c);
}

static void check_leaves(Check *c)
{
    const Graph *g = c->g;
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        c->node = i;
        if (n->op == OP_INPUT)
            verify_require(c, i == g->input.i, "a second input");
        if (n->op == OP_TARGET || n->op == OP_SEED)
            verify_require(c, shape_equal(&n->shape, verify_shape(c, g->output)),
                           "has not the shape of the output");
    }
    c->node = 0;
}

bool graph_verify(const Graph *g, FILE *err)
{
    Check c = {.g = g, .err = err, .ok = true};
    verify_require(&c, g->rank >= 0 && g->rank <= AXES_MAX, "rank %d", g->rank);
    verify_require(&c, g->nodes > 1 && g->node[0].op == OP_NONE, "node 0 is not none");
    if (c.ok)
        check_params(&c);
    if (!c.ok)
        return false;
    for (uint32_t i = 1; i < g->nodes && c.ok; i++) {
        c.node = i;
        check_node(&c, &g->node[i]);
    }
    c.node = 0;
    if (c.ok)
        check_results(&c);
    if (c.ok)
        check_leaves(&c);
    return c.ok;
}
