#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ir/graph.h"

/* As short as a reader can turn back into the same number. */
static void print_number(double x, FILE *out)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    fputs(text, out);
}

static const char *axis_name(const Graph *g, int axis)
{
    return axis < g->rank && g->axis[axis] ? g->axis[axis] : "?";
}

void extent_print(const Graph *g, Extent e, FILE *out)
{
    if (e.axis < 0) {
        fprintf(out, "%" PRId64, e.add);
        return;
    }
    const char *name = axis_name(g, e.axis);
    if (e.add == 0)
        fputs(name, out);
    else if (e.div == 1)
        fprintf(out, "%s%+" PRId64, name, e.add);
    else
        fprintf(out, "(%s%+" PRId64 ")", name, e.add);
    if (e.div != 1)
        fprintf(out, "/%" PRId64, e.div);
}

static void print_shape(const Graph *g, const Shape *s, FILE *out)
{
    fprintf(out, s->winners ? " [%d] winners" : " [%d]", s->channels);
    for (int d = 0; d < s->rank; d++) {
        fputc(d ? ',' : '(', out);
        extent_print(g, s->extent[d], out);
    }
    if (s->rank)
        fputc(')', out);
}

static void print_dims(const Param *p, FILE *out)
{
    fputc(' ', out);
    for (int d = 0; d < p->rank; d++)
        fprintf(out, "[%d]", p->dim[d]);
}

static void print_sizes(const char *what, const int *size, int rank, FILE *out)
{
    fprintf(out, " %s ", what);
    for (int d = 0; d < rank; d++)
        fprintf(out, "%s%d", d ? "x" : "", size[d]);
}

static bool any_above(const int *size, int rank, int bound)
{
    for (int d = 0; d < rank; d++)
        if (size[d] > bound)
            return true;
    return false;
}

static void print_boundary(const Boundary *boundary, int rank, FILE *out)
{
    static const char *const word[] = {
        [BOUNDARY_CIRCULAR] = "circular",
        [BOUNDARY_ZERO] = "zero",
        [BOUNDARY_NONE] = "none",
    };
    bool same = true;
    for (int d = 1; d < rank; d++)
        same &= boundary[d] == boundary[0];
    for (int d = 0; d < (same ? 1 : rank); d++)
        fprintf(out, "%c%s", d ? ',' : ' ', word[boundary[d]]);
}

/* A window has the rank of the lattice it slides over. */
static void print_window(const Window *w, int rank, FILE *out)
{
    if (!rank)
        return;
    print_sizes("window", w->kernel, rank, out);
    if (any_above(w->before, rank, 0))
        print_sizes("before", w->before, rank, out);
    if (any_above(w->stride, rank, 1))
        print_sizes("stride", w->stride, rank, out);
    print_boundary(w->boundary, rank, out);
}

static bool has_window(Op op)
{
    return op_info[op].class == WINDOW || op == OP_CONV || op == OP_CONV_DX ||
           op == OP_CONV_DW || op == OP_PICK;
}

static void print_node(const Graph *g, uint32_t i, FILE *out)
{
    const Node *n = &g->node[i];
    const OpInfo *info = &op_info[n->op];
    fprintf(out, "%%%" PRIu32 " %s", i, info->name);
    if (n->name[0])
        fprintf(out, " %s", n->name);
    if (n->param >= 0)
        print_dims(&g->param[n->param], out);
    else
        print_shape(g, &n->shape, out);
    if (info->operands > 0)
        fprintf(out, " = %s(", info->name);
    for (int k = 0; k < info->operands && n->arg[k].i; k++)
        fprintf(out, "%s%%%" PRIu32, k ? ", " : "", n->arg[k].i);
    if (info->operands > 0)
        fputc(')', out);
    if (n->op == OP_LEAKY_RELU || n->op == OP_LEAKY_RELU_DX) {
        fputs(" slope ", out);
        print_number(n->slope, out);
    }
    if (has_window(n->op)) {
        /* The field of conv_dw is its second operand, its own shape is a parameter's; what
         * pick reads is its first. */
        const Shape *lattice = n->op == OP_CONV_DW ? &graph_node(g, n->arg[1])->shape
                               : n->op == OP_PICK  ? &graph_node(g, n->arg[0])->shape
                                                   : &n->shape;
        print_window(&n->window, lattice->rank, out);
    }
    if (n->param >= 0 && strcmp(n->name, g->param[n->param].name))
        fprintf(out, " of %s", g->param[n->param].name);
    fputc('\n', out);
}

static void print_header(const Graph *g, FILE *out)
{
    fprintf(out, "graph %s on (", g->name);
    for (int d = 0; d < g->rank; d++) {
        fprintf(out, "%s%s", d ? ", " : "", axis_name(g, d));
        if (g->fixed[d])
            fprintf(out, "=%" PRId64, g->fixed[d]);
    }
    fprintf(out, ") params %" PRId64 "\n", g->param_count);
    for (int p = 0; p < g->params; p++) {
        fprintf(out, "param %s", g->param[p].name);
        print_dims(&g->param[p], out);
        fprintf(out, " offset %" PRId64 " fan_in %d\n", g->param[p].offset,
                g->param[p].fan_in);
    }
}

static void print_result(const char *what, Val v, FILE *out)
{
    if (v.i)
        fprintf(out, "%s %%%" PRIu32 "\n", what, v.i);
}

void graph_print(const Graph *g, FILE *out)
{
    static const char *const loss[] = {"none", "MSE", "BCE"};
    print_header(g, out);
    for (uint32_t i = 1; i < g->nodes; i++)
        print_node(g, i, out);
    print_result("output", g->output, out);
    print_result("logit", g->logit, out);
    fprintf(out, "loss %s", loss[g->loss]);
    if (g->loss_value.i)
        fprintf(out, " %%%" PRIu32, g->loss_value.i);
    fputc('\n', out);
    print_result("dx", g->dx, out);
    for (int p = 0; g->dparam && p < g->params; p++)
        if (g->dparam[p].i)
            fprintf(out, "dparam %s %%%" PRIu32 "\n", g->param[p].name, g->dparam[p].i);
}
