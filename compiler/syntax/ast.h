/* ast.h - a source text as a tree, before anybody asks whether it makes sense.
 *
 * A Unit is a list of models and blocks, each a list of items in the order of the
 * text. An item that could not be parsed is there as ITEM_ERROR, so that what
 * follows it can be checked without blaming it for the error. */
#ifndef ARCHC_SYNTAX_AST_H
#define ARCHC_SYNTAX_AST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/intern.h"
#include "base/span.h"

enum { WINDOW_AXES_MAX = 4, EXPR_DEPTH_MAX = 100 };

typedef struct Expr Expr;

/* One of the things between the parentheses of a call; `option` is "" if it has no
 * name. */
typedef struct Arg {
    const char *option;
    Expr *value;
    Span span;
    struct Arg *next;
} Arg;

typedef struct ArgList {
    Arg *first, **end;
    int count;
} ArgList;

typedef enum ExprKind {
    EXPR_INTEGER, /* 32       integer              */
    EXPR_REAL,    /* 0.01     real                 */
    EXPR_WINDOW,  /* 2x2      window               */
    EXPR_NAME,    /* h        name                 */
    EXPR_CALL,    /* Conv*(2x2, 4, 8, pad=zero)    */
    EXPR_FIELD,   /* x.channels                    */
    EXPR_CHAIN,   /* x -> Conv(..) -> Tanh         */
    EXPR_NEG,     /* -a       binary.left          */
    EXPR_ADD,     /* a + b    binary               */
    EXPR_SUB,
    EXPR_MUL
} ExprKind;

struct Expr {
    ExprKind kind;
    int depth; /* of the tree: 1 for a leaf; at most EXPR_DEPTH_MAX */
    Span span;
    Expr *next; /* in a chain */
    union {
        int64_t integer;
        double real;
        struct {
            int axes, extent[WINDOW_AXES_MAX];
        } window;
        Name name;
        struct {
            Name name;
            Span name_span;
            bool starred, parens;
            Arg *args;
        } call;
        struct {
            Expr *of;
            Name name;
        } field;
        struct {
            Expr *first, **end;
        } chain;
        struct {
            Expr *left, *right;
        } binary;
    };
};

typedef struct Axis {
    Name name;
    int64_t extent; /* 0: free */
    Span span;
    struct Axis *next;
} Axis;

typedef struct AxisList {
    Axis *first, **end;
} AxisList;

typedef enum ItemKind {
    ITEM_ERROR,
    ITEM_INPUT,  /* input flux[4] on (T, X)   input        */
    ITEM_BIAS,   /* bias off                  on           */
    ITEM_PARAMS, /* params 1800               integer      */
    ITEM_LOSS,   /* loss MSE                  word         */
    ITEM_ASSERT, /* assert equivariant        word         */
    ITEM_CHAIN,  /* Conv(..)  or  x -> Conv(..)   value    */
    ITEM_LET,    /* h = Conv(..) -> Tanh      let          */
    ITEM_RETURN  /* return a + b              value        */
} ItemKind;

typedef struct Item {
    ItemKind kind;
    Span span;
    struct Item *next;
    union {
        struct {
            Name name;
            int64_t channels;
            Span channels_span;
            Axis *axes;
            Span axes_span;
        } input;
        bool on;
        int64_t integer;
        Name word;
        Expr *value;
        struct {
            Name name;
            Span name_span;
            Expr *value;
        } let;
    };
} Item;

typedef struct ItemList {
    Item *first, **end;
} ItemList;

typedef struct Definition {
    bool is_block;
    Name name;
    Span name_span; /* of "model NAME" */
    Axis *params;   /* of a block      */
    Item *items;
    struct Definition *next;
} Definition;

typedef struct Unit {
    Definition *first, **end;
    Names *names;
} Unit;

Unit *unit_new(Arena *a);
void unit_add(Unit *u, Definition *d);

/* Lists grow at their end. */
ArgList arg_list(ArgList l, Arg *arg);
AxisList axis_list(AxisList l, Axis *axis);
ItemList item_list(ItemList l, Item *item);

Arg *arg_new(Arena *a, Span span, const char *option, Expr *value);
Axis *axis_new(Arena *a, Span span, Name name, int64_t extent);
Item *item_new(Arena *a, Item item);
Definition *definition_new(Arena *a, Definition d);

Expr *expr_new(Arena *a, Expr e); /* a leaf or a call: sets its depth */
Expr *expr_binary(Arena *a, Span span, ExprKind kind, Expr *left, Expr *right);
Expr *expr_field(Arena *a, Span span, Expr *of, Name name);
Expr *expr_chain(Arena *a, Span span, Expr *chain, Expr *link); /* appends to a chain */

/* The expression as a paper would print it: "Conv*(2x2, 4, 8, pad=zero)". */
void expr_text(const Expr *e, TextBuf *out);

/* --dump=ast: the tree as a text with one item a line; the golden tests compare it. */
void unit_print(const Unit *u, FILE *out);

#endif
