/* The table of a network: one row a layer. */
#include <inttypes.h>

#include "base/buf.h"
#include "sema/sema_impl.h"
#include "sema/symmetry.h"

/* What one site of a value depends on: `extent` input sites on each axis, and
 * neighbours of the value are `step` input sites apart.  `all`: on the whole
 * lattice. */
typedef struct Field {
    bool all;
    int64_t extent[AXES_MAX], step[AXES_MAX];
} Field;

enum { FIELD_MAX = 1 << 30 };

static int64_t clamp(int64_t n)
{
    return n < FIELD_MAX ? n : FIELD_MAX;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static Field field_of(const Graph *g, const Node *n, const Field *field)
{
    Field f = {.all = op_info[n->op].class == GLOBAL || n->op == OP_FLATTEN};
    for (int d = 0; d < g->rank; d++) {
        f.extent[d] = f.step[d] = 1;
        for (int k = 0; k < OPERANDS_MAX; k++) {
            const Field *x = &field[n->arg[k].i];
            f.all |= x->all;
            f.extent[d] = max(f.extent[d], x->extent[d]);
            f.step[d] = max(f.step[d], x->step[d]);
        }
        if (d < n->shape.rank && n->window.kernel[d]) {
            f.extent[d] = clamp(f.extent[d] + (n->window.kernel[d] - 1) * f.step[d]);
            f.step[d] = clamp(f.step[d] * n->window.stride[d]);
        }
    }
    return f;
}

static int64_t taps(const Node *n)
{
    int64_t k = 1;
    for (int d = 0; d < n->shape.rank; d++)
        k *= n->window.kernel[d];
    return k;
}

/* Floating-point operations at one site of the layer's output; sites the sum runs
 * over for a global pool count as one.  A multiplication with an addition counts as
 * two. */
static int64_t flops_per_site(const Graph *g, const Node *n)
{
    int64_t channels = n->shape.channels;
    if (n->op == OP_CONV) {
        const Node *w = graph_node(g, n->arg[1]);
        return 2 * g->param[w->param].count + (n->arg[2].i ? channels : 0);
    }
    if (n->op == OP_AVG_POOL || n->op == OP_MAX_POOL)
        return channels * taps(n);
    return n->op == OP_FLATTEN ? 0 : channels;
}

/* Where the operations of a layer happen: at its own sites, for a global pool at
 * those of its input. */
static const Shape *where(const Graph *g, const Node *n)
{
    return op_info[n->op].class == GLOBAL ? &graph_node(g, n->arg[0])->shape
                                          : &n->shape;
}

static int64_t layer_params(const Graph *g, const Node *n)
{
    int64_t count = 0;
    for (int k = 1; n->op == OP_CONV && k < OPERANDS_MAX; k++)
        if (n->arg[k].i)
            count += g->param[graph_node(g, n->arg[k])->param].count;
    return count;
}

static const char *field_text(const Graph *g, const Field *f, Arena *a)
{
    if (f->all || g->rank == 0)
        return "all";
    TextBuf out = buf_in(a);
    for (int d = 0; d < g->rank; d++)
        buf_printf(&out, "%s%" PRId64, d ? "x" : "", f->extent[d]);
    return out.data;
}

/* The shape with numbers in place of the extents that are known. */
static const char *output_text(const Graph *g, const Shape *shape,
                               const int64_t *lattice, Arena *a)
{
    Shape known = *shape;
    for (int d = 0; d < known.rank; d++) {
        Extent e = known.extent[d];
        if (e.axis >= 0 && lattice[e.axis])
            known.extent[d] = extent_number(extent_value(e, lattice));
    }
    return shape_text(g, &known, a);
}

static bool is_complete(const Graph *g, const int64_t *lattice)
{
    for (int d = 0; d < g->rank; d++)
        if (lattice[d] == 0)
            return false;
    return true;
}

enum { LAYER, OUTPUT, PARAMETERS, SEES, FLOP, TOTAL, COLUMNS };

/* One line of the table, empty cells as blanks, nothing behind the last one. */
static void print_cells(const char *const cell[COLUMNS], FILE *out)
{
    static const int width[COLUMNS] = {-28, -18, 10, 9, 14, 14};
    int last = COLUMNS - 1;
    while (!cell[last] || !*cell[last])
        last--;
    for (int i = 0; i < last; i++)
        fprintf(out, "%*s  ", width[i], cell[i] ? cell[i] : "");
    fprintf(out, "%*s\n", last == LAYER ? 0 : width[last], cell[last]);
}

static double layer_flops(const Graph *g, const LayerRow *row, const int64_t *lattice)
{
    const Node *n = graph_node(g, row->value);
    return (double)flops_per_site(g, n) * (double)shape_sites(where(g, n), lattice);
}

static void print_row(const Graph *g, const LayerRow *row, const Field *field,
                      const int64_t *lattice, FILE *out)
{
    Arena *a = arena_new();
    const Node *n = graph_node(g, row->value);
    int64_t params = layer_params(g, n);
    bool complete = is_complete(g, lattice);
    const char *cell[COLUMNS] = {
        [LAYER] = row->text,
        [OUTPUT] = output_text(g, &n->shape, lattice, a),
        [PARAMETERS] = params ? arena_printf(a, "%" PRId64, params) : "",
        [SEES] = field_text(g, field, a),
        [FLOP] = arena_printf(a, "%" PRId64 "%s", flops_per_site(g, n),
                              where(g, n)->rank ? "/site" : "/sample"),
        [TOTAL] = complete ? arena_printf(a, "%.0f", layer_flops(g, row, lattice)) : "",
    };
    print_cells(cell, out);
    arena_free(a);
}

static void print_total(const Graph *g, const int64_t *lattice, FILE *out)
{
    Arena *a = arena_new();
    bool complete = is_complete(g, lattice);
    double sum = 0;
    for (int i = 0; complete && i < g->layers; i++)
        sum += layer_flops(g, &g->layer[i], lattice);
    const char *cell[COLUMNS] = {
        [LAYER] = "total",
        [PARAMETERS] = arena_printf(a, "%" PRId64, g->param_count),
        [TOTAL] = complete ? arena_printf(a, "%.0f", sum) : "",
    };
    print_cells(cell, out);
    arena_free(a);
}

static void print_head(const Graph *g, const int64_t *lattice, FILE *out)
{
    Arena *a = arena_new();
    const Shape *input = &graph_node(g, g->input)->shape;
    const char *cell[COLUMNS] = {"layer",      "output",
                                 "parameters", "sees",
                                 "flop",       is_complete(g, lattice) ? "total" : ""};
    fprintf(out, "%s: %s%s\n\n", g->name, g->input_name,
            output_text(g, input, lattice, a));
    print_cells(cell, out);
    arena_free(a);
}

void sema_explain(const Graph *g, const int64_t *lattice, FILE *out)
{
    static const char *const loss[] = {
        [LOSS_NONE] = "none", [LOSS_MSE] = "MSE", [LOSS_BCE] = "BCE"};
    Arena *a = arena_new();
    if (!lattice)
        lattice = g->fixed;
    Field *field = NEW_ARRAY(a, Field, g->nodes);
    for (uint32_t i = 1; i < g->nodes; i++)
        field[i] = field_of(g, &g->node[i], field);
    print_head(g, lattice, out);
    for (int i = 0; i < g->layers; i++)
        print_row(g, &g->layer[i], &field[g->layer[i].value.i], lattice, out);
    print_total(g, lattice, out);
    fprintf(out, "\nloss      %s\nsymmetry  %s\n", loss[g->loss],
            symmetry_describe(g, a));
    arena_free(a);
}
