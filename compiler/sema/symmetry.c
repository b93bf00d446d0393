#include "sema/symmetry.h"

#include <inttypes.h>

#include "sema/sema_impl.h"

enum { STEP_MAX = 1 << 30 };

/* Windows that reach over the edge of the lattice, or leave out sites near it. */
static bool has_edge(const Node *n, int d)
{
    switch (n->window.boundary[d]) {
    case BOUNDARY_CIRCULAR: return false;
    case BOUNDARY_ZERO: return n->window.kernel[d] > 1;
    case BOUNDARY_NONE: return n->window.kernel[d] > n->window.stride[d];
    }
    unreachable();
}

/* A stride that does not divide a fixed extent: the seam of the lattice is a special place,
 * and only the whole way around the axis is a symmetry. */
static bool has_seam(const Graph *g, const Node *n, int d)
{
    Extent in = graph_node(g, n->arg[0])->shape.extent[d];
    return in.axis < 0 && in.add % n->window.stride[d] != 0;
}

static bool is_windowed(const Node *n)
{
    return n->op == OP_CONV || n->op == OP_AVG_POOL || n->op == OP_MAX_POOL;
}

static bool sees_edges(const Node *n)
{
    for (int d = 0; is_windowed(n) && d < n->shape.rank; d++)
        if (has_edge(n, d))
            return true;
    return false;
}

static bool breaks_all(const Node *n)
{
    return n->op == OP_FLATTEN || sees_edges(n);
}

static bool is_strided(const Node *n)
{
    for (int d = 0; d < n->shape.rank; d++)
        if (n->window.stride[d] > 1)
            return true;
    return false;
}

/* step[v][d] of every node: the product of the strides before it, or the extent of the axis
 * behind a seam. */
static void steps(const Graph *g, int64_t (*step)[AXES_MAX])
{
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        for (int d = 0; d < g->rank; d++) {
            step[i][d] = 1;
            for (int k = 0; k < OPERANDS_MAX; k++)
                if (n->arg[k].i && step[n->arg[k].i][d] > step[i][d])
                    step[i][d] = step[n->arg[k].i][d];
            if (d < n->shape.rank && n->window.stride[d] > 1)
                step[i][d] *= n->window.stride[d];
            int64_t most = g->fixed[d] ? g->fixed[d] : STEP_MAX;
            bool seam = d < n->shape.rank && is_windowed(n) && has_seam(g, n, d);
            if (seam || step[i][d] > most)
                step[i][d] = most;
        }
    }
}

Symmetry symmetry_of(const Graph *g)
{
    Symmetry s = {.kind = SYMMETRY_ALL};
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        SymmetryKind kind = breaks_all(n)   ? SYMMETRY_NONE
                            : is_strided(n) ? SYMMETRY_STRIDED
                                            : SYMMETRY_ALL;
        if (kind > s.kind) {
            s.kind = kind;
            s.breaker = (Val){i};
            s.culprit = n->span;
        }
    }
    Arena *scratch = arena_new();
    int64_t(*step)[AXES_MAX] = arena_alloc(scratch, g->nodes * sizeof *step);
    steps(g, step);
    bool trivial = true;
    for (int d = 0; d < g->rank; d++) {
        s.step[d] = step[g->output.i][d];
        trivial &= s.step[d] == g->fixed[d];
    }
    if (s.kind == SYMMETRY_STRIDED && trivial)
        s.kind = SYMMETRY_NONE;
    arena_free(scratch);
    return s;
}

static const char *describe_none(const Graph *g, Val breaker, Arena *a)
{
    const Node *n = graph_node(g, breaker);
    if (n->op != OP_FLATTEN)
        return arena_printf(a, "none: %s %s", layer_row_text(g, breaker),
                            sees_edges(n) ? "sees the edges of the lattice"
                                          : "leaves no translation of this lattice");
    TextBuf lattice = buf_in(a);
    for (int d = 0; d < g->rank; d++)
        buf_printf(&lattice, "%s%" PRId64, d ? "x" : "", g->fixed[d]);
    return arena_printf(a, "none: %s fixes the lattice at %s",
                        layer_row_text(g, breaker), lattice.data);
}

static bool is_free(const Graph *g)
{
    for (int d = 0; d < g->rank; d++)
        if (!g->fixed[d])
            return true;
    return false;
}

const char *symmetry_describe(const Graph *g, Arena *a)
{
    if (g->rank == 0)
        return "no lattice";
    Symmetry s = symmetry_of(g);
    TextBuf steps = buf_in(a);
    switch (s.kind) {
    case SYMMETRY_ALL: return "equivariant under all translations";
    case SYMMETRY_NONE: return describe_none(g, s.breaker, a);
    case SYMMETRY_STRIDED:
        for (int d = 0; d < g->rank; d++)
            buf_printf(&steps, "%s%" PRId64, d ? "x" : "", s.step[d]);
        return arena_printf(
            a, "equivariant only under translations divisible by %s, from %s on%s%s",
            steps.data, layer_row_text(g, s.breaker),
            is_free(g) ? "; none on lattices not divisible by " : "",
            is_free(g) ? steps.data : "");
    }
    unreachable();
}
