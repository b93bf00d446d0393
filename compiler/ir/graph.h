/* graph.h - a network as a list of operators on fields.
 *
 * A Graph is made once and then only read; a pass makes a new one.  Nodes stand in
 * topological order and name their operands by index, so that a loop over the array is an
 * evaluation order.  Node 0 is "none".
 *
 * Everything per sample is a *field*: `channels` numbers at every site of a lattice of
 * `rank` axes, time first.  Rank 0 is one site: a plain vector.  The extents of the input are symbols unless
 * the model fixes them; every other extent is floor((L + add) / div) of one of them.
 *
 *     input [4](T,X) -> conv [32](T,X) -> leaky_relu -> avg_pool [32](T/2,X/2)
 *           -> global_sum [32] -> conv [1]                     (Linear: a conv of rank 0)
 *
 * What a global maximum lets through backwards is not zero at one site of each channel, the
 * *winner*.  A field on the winners has one site for each pooled channel, wherever on the
 * lattice that may lie; all that a window reads there are its channels, so that weights are
 * matrices [out][in * taps].
 *
 * Gradients are nodes like any other.  The nodes conv_dw and conv_db have the shape of a
 * parameter and are summed over the samples. */
#ifndef ARCHC_IR_GRAPH_H
#define ARCHC_IR_GRAPH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/span.h"

enum { AXES_MAX = 4, OPERANDS_MAX = 3, PARAM_RANK_MAX = 2 + AXES_MAX };

typedef enum Op {
    OP_NONE,
#define OP(id, name, operands, class) OP_##id,
#include "ir/ops.def"
#undef OP
    OP_COUNT
} Op;

typedef enum OpClass { LEAF, CONTRACT, WINDOW, GLOBAL, POINT, RESHAPE, LOSS } OpClass;

typedef struct OpInfo {
    const char *name;
    int operands;
    OpClass class;
} OpInfo;
extern const OpInfo op_info[OP_COUNT];

/* A node of one Graph.  Zero is none. */
typedef struct Val {
    uint32_t i;
} Val;

/* floor((L[axis] + add) / div), with L the extents of the input; axis -1: just `add`. */
typedef struct Extent {
    int axis;
    int64_t add, div;
} Extent;

typedef struct Shape {
    int channels;
    int rank;
    Extent extent[AXES_MAX];
    bool winners; /* rank 1: not a lattice, but a list of sites of one (above) */
} Shape;

typedef enum Boundary {
    BOUNDARY_CIRCULAR, /* wraps, any number of times; output as large as the input */
    BOUNDARY_ZERO,     /* zeros outside; output as large as the input              */
    BOUNDARY_NONE      /* only where the whole window fits                         */
} Boundary;

/* Site p of the output sees the sites  p * stride + k - before,  0 <= k < kernel,  of the
 * input, on each axis.  `before` is floor((kernel - 1) / 2), as PyTorch pads, and 0 for a
 * pool or a convolution without padding. */
typedef struct Window {
    int kernel[AXES_MAX], stride[AXES_MAX], before[AXES_MAX];
    Boundary boundary[AXES_MAX];
} Window;

typedef struct Node {
    Op op;
    Val arg[OPERANDS_MAX];
    Shape shape; /* unused where param >= 0: a tensor has the shape of the parameter */
    const char
        *name;    /* the user's name, or the layer's: "conv1"; "" if there is none    */
    Span span;    /* the layer in the source it comes from                            */
    int param;    /* PARAM, *_DW, CONV_DB and the ADD of two gradients of the same
                          parameter: its index, else -1                                    */
    double slope; /* LEAKY_RELU, LEAKY_RELU_DX                                        */
    Window
        window; /* CONV*, *_POOL, MAX_ARG, *_UNPOOL, PICK: of the forward operator  */
} Node;

/* A tensor of parameters, named and laid out as PyTorch does: conv1.weight [out][in][k..],
 * conv1.bias [out].  `offset` counts elements from the start of all parameters. */
typedef struct Param {
    const char *name;
    int rank;
    int dim[PARAM_RANK_MAX];
    int64_t count, offset;
    int fan_in; /* initial values are uniform in +-1/sqrt(fan_in) */
    Span span;
} Param;

typedef enum LossKind { LOSS_NONE, LOSS_MSE, LOSS_BCE } LossKind;

/* What a layer of the source became, for --explain: one row per layer of the text. */
typedef struct LayerRow {
    const char *text; /* as a paper would print it: "Conv(2x2, 32, 8)" */
    Val value;        /* the node that holds its result                */
    Span span;
} LayerRow;

typedef struct Graph {
    const char *name;           /* of the model                                 */
    int rank;                   /* axes of the input lattice                    */
    const char *axis[AXES_MAX]; /* their names: T, X                            */
    int64_t fixed[AXES_MAX];    /* extents fixed by the model, 0 where free     */
    const char *input_name;

    Node *node;     /* node[0] is unused                            */
    uint32_t nodes; /* including node[0]                            */
    Param *param;
    int params;
    int64_t param_count; /* numbers in all parameters together           */
    LayerRow *layer;
    int layers;

    LossKind loss;
    Val input;
    Val output; /* y, what forward returns                      */
    Val logit;  /* loss BCE: the operand of the final sigmoid   */

    /* Filled by grad_reverse. */
    Val loss_value; /* per-sample loss; none in a vjp               */
    Val dx;         /* vjp: adjoint of the input                    */
    Val *dparam;    /* [params]                                     */
} Graph;

/* Building.  A builder grows `node` as needed inside its arena. */
typedef struct GraphBuilder {
    Graph g;
    uint32_t node_cap;
    int param_cap, layer_cap;
    Arena *arena;
} GraphBuilder;

void graph_begin(GraphBuilder *b, Arena *arena);
void graph_continue(GraphBuilder *b, const Graph *g,
                    Arena *arena); /* with a copy of g */
Val graph_add(GraphBuilder *b,
              Node node); /* sets node.shape by the operator's shape rule
                                              unless node.shape.channels is already set  */
int graph_add_param(GraphBuilder *b, Param param); /* sets count and offset */
void graph_add_layer(GraphBuilder *b, LayerRow row);
Graph *graph_end(GraphBuilder *b);

/* The shape rule of every operator; `node` needs op, arg, param and window. */
Shape graph_shape(const Graph *g, const Node *node);

static inline const Node *graph_node(const Graph *g, Val v)
{
    return &g->node[v.i];
}

/* Extents. */
Extent extent_number(int64_t n);
Extent extent_axis(int axis);
Extent extent_floor(Extent e, int64_t add, int64_t div); /* floor((e + add) / div) */
bool extent_equal(Extent a, Extent b);
int64_t extent_value(Extent e, const int64_t *lattice);
Shape shape_winners(int channels, int pooled); /* `channels` at `pooled` winners */
bool shape_same_lattice(const Shape *a, const Shape *b);
int64_t shape_sites(const Shape *s, const int64_t *lattice); /* 1 for rank 0 */
Shape shape_windowed(const Shape *in, const Window *w); /* extents behind a window */
bool window_is_one_site(const Window *w, int rank);     /* sees its own site alone */

/* True if every node has at least one site on this lattice and no fixed extent differs.
 * Otherwise *culprit is the first node without a site (0: a fixed extent). */
bool graph_accepts(const Graph *g, const int64_t *lattice, Val *culprit);

/* print.c: one line a node, stable text; the golden tests compare it. */
void graph_print(const Graph *g, FILE *out);
/* T, T-1, T/2 or (T+1)/2; a division is rounded down. */
void extent_print(const Graph *g, Extent e, FILE *out);

/* verify.c: operands before use, arities, shapes equal to their rules, parameters in range.
 * Says what is wrong on `err` and returns false. */
bool graph_verify(const Graph *g, FILE *err);

#endif
