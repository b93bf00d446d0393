/* A network on a given lattice: where no site is left, and where sites are dropped. */
#include <inttypes.h>

#include "sema/sema_impl.h"

/* "T/2", "(T-1)/2", "60" */
static void extent_text(const Graph *g, Extent e, TextBuf *out)
{
    if (e.axis < 0) {
        buf_printf(out, "%" PRId64, e.add);
        return;
    }
    bool parens = e.add != 0 && e.div != 1;
    buf_printf(out, "%s%s", parens ? "(" : "", g->axis[e.axis]);
    if (e.add)
        buf_printf(out, "%+" PRId64, e.add);
    buf_puts(out, parens ? ")" : "");
    if (e.div != 1)
        buf_printf(out, "/%" PRId64, e.div);
}

const char *shape_text(const Graph *g, const Shape *shape, Arena *a)
{
    TextBuf out = buf_in(a);
    buf_printf(&out, "[%d]", shape->channels);
    for (int d = 0; d < shape->rank; d++) {
        buf_puts(&out, d ? ", " : "(");
        extent_text(g, shape->extent[d], &out);
    }
    buf_puts(&out, shape->rank ? ")" : "");
    return out.data;
}

/* The extent, 0 if it is unknown; *known tells. */
static int64_t value_if_known(Extent e, const int64_t *lattice, bool *known)
{
    *known = e.axis < 0 || lattice[e.axis] > 0;
    return *known ? extent_value(e, lattice) : 0;
}

/* Rows stand in the order of their nodes. */
const char *layer_row_text(const Graph *g, Val v)
{
    int low = 0, high = g->layers; /* the row of v, if any, is in [low, high) */
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (g->layer[middle].value.i <= v.i)
            low = middle;
        else
            high = middle;
    }
    bool found = low < high && g->layer[low].value.i == v.i;
    return found ? g->layer[low].text : graph_node(g, v)->name;
}

/* False if the window leaves no site. */
static bool check_window(const Graph *g, Val v, const int64_t *lattice, Diag *diag)
{
    const Node *node = graph_node(g, v);
    const Shape *x = &graph_node(g, node->arg[0])->shape;
    for (int d = 0; d < node->shape.rank; d++) {
        bool known;
        int64_t in = value_if_known(x->extent[d], lattice, &known);
        int64_t out = value_if_known(node->shape.extent[d], lattice, &known);
        int kernel = node->window.kernel[d], stride = node->window.stride[d];
        if (!known)
            continue;
        if (out < 1) {
            diag_error(diag, node->span,
                       "%s leaves no site: its input has extent %" PRId64
                       " on axis %s, its window %d",
                       layer_row_text(g, v), in, g->axis[d], kernel);
            return false;
        }
        int64_t covered = (out - 1) * stride + kernel;
        if (node->window.boundary[d] == BOUNDARY_NONE && stride > 1 && covered < in)
            diag_warning(diag, node->span,
                         "%s drops the last %" PRId64 " of %" PRId64
                         " sites on axis %s",
                         layer_row_text(g, v), in - covered, in, g->axis[d]);
    }
    return true;
}

static void check_fixed(const Graph *g, const int64_t *lattice, Diag *diag)
{
    for (int d = 0; d < g->rank; d++)
        if (lattice[d] && g->fixed[d] && lattice[d] != g->fixed[d]) {
            diag_error(diag, graph_node(g, g->input)->span,
                       "extent %" PRId64
                       " of axis %s does not fit: the model fixes %" PRId64,
                       lattice[d], g->axis[d], g->fixed[d]);
            return;
        }
}

void sema_check_lattice(const Graph *g, const int64_t *lattice, Diag *diag)
{
    check_fixed(g, lattice, diag);
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *node = &g->node[i];
        bool windowed =
            node->op == OP_CONV || node->op == OP_AVG_POOL || node->op == OP_MAX_POOL;
        if (windowed && !check_window(g, (Val){i}, lattice, diag))
            return;
    }
}
