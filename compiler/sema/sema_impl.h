/* sema_impl.h - what the files of this room share while one model is lowered. */
#ifndef ARCHC_SEMA_IMPL_H
#define ARCHC_SEMA_IMPL_H

#include "sema/layers.h"
#include "sema/sema.h"

/* Nothing a network can sensibly have lies beyond; below them nothing overflows. */
enum { CHANNELS_MAX = 1 << 20, KERNEL_MAX = 1 << 16, PARAMS_MAX = 1 << 30 };
enum { LAYERS_MAX = 1000 };
enum { EXTENT_MAX = 1 << 24, FEATURES_MAX = 1 << 26 };

/* What a name or an expression stands for.  After an error `val` is none; a layer
 * behind it is checked as far as `channels` (0: unknown) allows. */
typedef struct Value {
    Val val;
    int channels;
    Span from; /* the layer or input that set the number of channels */
} Value;

typedef struct Binding {
    const Definition *owner;
    Value value;
    Span at;
} Binding;

/* A layer with parameters, as the check of `params` sees it. */
typedef struct Weighted {
    Layer layer;
    const char *text; /* "Conv*(2x2, 4, 32)" */
    Span span;
    int64_t weights;
    int biases; /* as many as it would have */
    bool has_bias;
    struct Weighted *next;
} Weighted;

typedef struct Sema {
    Arena *arena;
    Diag *diag;
    const Definition *model;
    bool damaged;   /* an item could not be parsed: a name may be missing for that */
    Binding *scope; /* by Name.id                     */
    const Definition *const *defined; /* by Name.id: the model or block */
    GraphBuilder b;
    Value current; /* result of the item before: what a layer acts on */
    int number[LAYER_COUNT];
    int added, subtracted, multiplied;
    Weighted *weighted, **weighted_end;

    const Item *input, *bias, *params, *loss, *assertion, *output;
} Sema;

/* What stands between the parentheses of a layer. */
typedef struct LayerArgs {
    const Expr *call;
    const LayerInfo *info;
    const Expr *arg[3];  /* by place in the signature; NULL: not given */
    Expr window, stride; /* of kind EXPR_WINDOW; EXPR_INTEGER: the same on each axis */
    int in, out;
    Boundary pad;
    bool bias;
    double slope;
} LayerArgs;

/* layer_args.c: false after an error; `in` and `out` are 0 where they are unknown. */
bool layer_args(Sema *s, const Expr *call, Layer layer, LayerArgs *args);

/* layer_lower.c */
bool layers_left(Sema *s,
                 Span at); /* false, and an error, behind the last that may be */
Value layer_apply(Sema *s, const Expr *call, Value x);

/* expr.c */
Value expr_value(Sema *s, const Expr *e);
bool expr_number(Sema *s, const Expr *e, int64_t *out);
const Binding *scope_find(const Sema *s, Name name);
void scope_add(Sema *s, Name name, Span at, Value value);

/* params.c */
void params_check(Sema *s);

/* The layer that node v of the graph comes from, as the table prints it. */
const char *layer_row_text(const Graph *g, Val v);

/* "[32](T/2, X/2)" */
const char *shape_text(const Graph *g, const Shape *shape, Arena *a);

#endif
