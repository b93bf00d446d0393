#include "plan/value.h"

#include <string.h>

/* ---- names ---- */

/* Names that stand for something else in generated code. */
static bool is_taken(const char *name)
{
    static const char *const taken[] = {
        /* loops, pointers and registers of a phase; fields of a Frame */
        "c", "i", "j", "k", "m", "n", "o", "q", "s", "t", "f", "u", "v", "w", "x", "y",
        "at", "db", "dw", "dx", "patch", "product", "corners", "tile", "r0", "r1", "dy",
        "arg", "bias", "block", "call", "dparams", "from", "lane", "loss", "max",
        "mean", "next", "row", "strip", "packed", "real", "sum", "sums", "tap",
        "target", "to", "where",
        /* C */
        "auto", "break", "case", "char", "const", "continue", "default", "do", "double",
        "else", "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long",
        "register", "restrict", "return", "short", "signed", "sizeof", "static",
        "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while",
        "asm", "typeof", "_Bool", "_Complex", "_Imaginary", "_Atomic", "linux", "unix",
        "NULL", "AXES", "PACKED", "INLINE", "Frame", "Window"};
    static const char *const numbered[] = {"sites", "extent", "near",
                                           "back",  "cover",  "cover_tap"};
    for (size_t i = 0; i < countof(taken); i++)
        if (!strcmp(name, taken[i]))
            return true;
    for (size_t i = 0; i < countof(numbered); i++) {
        size_t length = strlen(numbered[i]);
        if (!strncmp(name, numbered[i], length) &&
            strspn(name + length, "0123456789") == strlen(name + length))
            return true;
    }
    return false;
}

/* Parts of one gradient, from where a value is read more than once, share its name. */
static bool has_namesake(const Graph *g, Val v)
{
    const char *name = graph_node(g, v)->name;
    for (uint32_t i = 1; i < v.i; i++) {
        const Node *other = &g->node[i];
        if (other->param < 0 && other->name && !strcmp(other->name, name))
            return true;
    }
    return false;
}

const char *value_name(const Graph *g, Val v, Arena *a)
{
    const Node *n = graph_node(g, v);
    bool named = n->name && n->name[0];
    if (!named && n->op != OP_CONV_DB)
        return arena_printf(a, "%s_%u", op_info[n->op].name, v.i);
    char *name = named ? arena_printf(a, is_taken(n->name) ? "%s_" : "%s", n->name)
                       : arena_printf(a, "d%s", g->param[n->param].name);
    for (char *c = name; *c; c++)
        if (*c == '.')
            *c = '_';
    return named && has_namesake(g, v) ? arena_printf(a, "%s_%u", name, v.i) : name;
}

const char *value_formula(Op op)
{
    if (op == OP_CONV)
        return "y[o,p] = b[o] + sum over taps k and channels c of w[o,c,k] x[c,near[k][p]]";
    if (op == OP_CONV_DX)
        return "dx[c,q] = sum over taps k and channels o of w[o,c,k] dy[o,back[k][q]]";
    if (op == OP_CONV_DW)
        return "dw[o,c,k] += sum over sites p of dy[o,p] x[c,near[k][p]]";
    return NULL;
}

/* ---- one pointwise operator ---- */

/* The case labels of every class but POINT: a new pointwise operator must be spelled out. */
#define CASE_LEAF(id)     case OP_##id:
#define CASE_CONTRACT(id) case OP_##id:
#define CASE_WINDOW(id)   case OP_##id:
#define CASE_GLOBAL(id)   case OP_##id:
#define CASE_RESHAPE(id)  case OP_##id:
#define CASE_LOSS(id)     case OP_##id:
#define CASE_POINT(id)

const Vx *value_point(Build *b, const Node *n, const Vx *const x[2])
{
    const Vx *one = vx_const(b, 1.0);
    switch (n->op) {
    case OP_LEAKY_RELU: {
        const Vx *below = vx_op(b, VX_MUL, x[0], vx_const(b, n->slope));
        return n->slope <= 1 ? vx_op(b, VX_MAX, x[0], below)
                             : vx_op3(b, VX_POS, x[0], x[0], below);
    }
    case OP_LEAKY_RELU_DX:
        return vx_op3(b, VX_POS, x[1], x[0],
                      vx_op(b, VX_MUL, x[0], vx_const(b, n->slope)));
    case OP_SIGMOID: return vx_op(b, VX_SIGMOID, x[0], NULL);
    case OP_TANH: return vx_op(b, VX_TANH, x[0], NULL);
    case OP_SIGMOID_DX:
        return vx_op(b, VX_MUL, x[0],
                     vx_op(b, VX_MUL, x[1], vx_op(b, VX_SUB, one, x[1])));
    case OP_TANH_DX:
        return vx_op(b, VX_MUL, x[0],
                     vx_op(b, VX_SUB, one, vx_op(b, VX_MUL, x[1], x[1])));
    case OP_ADD: return vx_op(b, VX_ADD, x[0], x[1]);
    case OP_SUB: return vx_op(b, VX_SUB, x[0], x[1]);
    case OP_MUL: return vx_op(b, VX_MUL, x[0], x[1]);
#define OP(id, name, operands, class) CASE_##class(id)
#include "ir/ops.def"
#undef OP
    case OP_NONE:
    case OP_COUNT: break;
    }
    unreachable();
}

const Vx *value_mean(Build *b, const Vx *sum, int count)
{
    bool exact = (count & (count - 1)) == 0;
    return exact ? vx_op(b, VX_MUL, sum, vx_const(b, 1.0 / count))
                 : vx_op(b, VX_DIV, sum, vx_const(b, count));
}

/* ---- convolutions ---- */

Packing value_packing(const Graph *g, const Node *n)
{
    bool forward = n->op == OP_CONV;
    Packing p = {.param = graph_node(g, n->arg[1])->param,
                 .out = n->shape.channels,
                 .in = graph_node(g, n->arg[0])->shape.channels,
                 .taps = 1,
                 .stride_tap = 1};
    for (int k = 0; k < n->shape.rank; k++)
        p.taps *= n->window.kernel[k];
    int64_t outer = (int64_t)(forward ? p.in : p.out) * p.taps;
    p.stride_out = forward ? outer : p.taps;
    p.stride_in = forward ? p.taps : outer;
    return p;
}

int64_t value_pack_bias(Build *b, const Graph *g, const Node *n)
{
    if (n->op != OP_CONV || !n->arg[2].i)
        return -1;
    return build_packing(b, (Packing){.param = graph_node(g, n->arg[2])->param,
                                      .out = n->shape.channels,
                                      .in = 1,
                                      .taps = 1,
                                      .stride_out = 1});
}

bool value_can_miss(GeometryKind kind, const Window *window, int rank)
{
    if (kind == COVER || kind == COVER_TAP)
        return true;
    for (int k = 0; k < rank; k++) {
        if (window->boundary[k] == BOUNDARY_ZERO)
            return true;
        if (kind == NEAR_BACKWARD &&
            (window->boundary[k] == BOUNDARY_NONE || window->stride[k] != 1))
            return true;
    }
    return false;
}
