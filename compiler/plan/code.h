/* code.h - what a phase does: loops over integers (Ix), vectors (Vx) and statements (Stmt).
 *
 * A loop kind says what a loop becomes: a `for`, straight-line code, or the lanes.  What a
 * loop variable is to be is decided where code is made; emit/ only spells it. */
#ifndef ARCHC_PLAN_CODE_H
#define ARCHC_PLAN_CODE_H

#include <stdbool.h>
#include <stdint.h>

/* Handles, each a type of its own, so that the compiler tells them apart: an integer (loop
 * index, site, tap), an array of vectors in registers, an array of pointers, and a buffer of
 * the Program (0 is none). */
typedef struct Var {
    int i;
} Var;

typedef struct Reg {
    int i;
} Reg;

typedef struct Ptr {
    int i;
} Ptr;

typedef struct BufId {
    int i;
} BufId;

/* ---- integer expressions ---- */

typedef enum IxKind {
    IX_CONST, /* value                                 */
    IX_VAR,   /* var                                   */
    IX_SITES, /* number of sites of lattice `value`    */
    IX_FIRST, /* first site of the band that is walked */
    IX_END,   /* ... and the end of it                 */
    IX_ADD,   /* a + b                                 */
    IX_MUL,   /* a * b                                 */
    IX_TRUNC, /* a rounded down to a multiple of value */
    IX_MIN,   /* the smaller of a and b                */
    IX_DIV,   /* a / b, rounded down                   */
    IX_TABLE, /* buf[a], a table of int32              */
    IX_WORD,  /* word: a number that every phase has   */
    IX_TILES, /* CUDA: tiles of `value` lattice        */
    IX_SHARES /* into how many shares the threads of a block cut a sum over a sites that
                 `value` of them can do at once        */
} IxKind;

typedef struct Ix {
    IxKind kind;
    int64_t value;
    Var var;
    BufId buf;
    const char *word;
    const struct Ix *a, *b;
} Ix;

/* ---- vectors ---- */

typedef enum VxOp {
    VX_ZERO,
    VX_CONST,     /* number in every lane                         */
    VX_INDEX,     /* ix, an integer, in every lane                */
    VX_BROADCAST, /* buf[ix] of the packed parameters             */
    VX_LOAD,      /* ptr[ix ..]                                   */
    VX_REG,       /* reg                                          */
    VX_ADD,
    VX_SUB,
    VX_MUL,
    VX_DIV,
    VX_MAX,
    VX_FMA, /* a * b + c                                    */
    VX_POS, /* a > 0 ? b : c                                */
    VX_GT,  /* a > b ? c : d                                */
    VX_EQ,  /* a == b ? c : d                               */
    VX_SIGMOID,
    VX_TANH,
    VX_OPS
} VxOp;

enum { VX_ARGS = 4, INDEX_MAX = 2 };

typedef struct Vx {
    VxOp op;
    const struct Vx *arg[VX_ARGS];
    double number;
    const Ix *ix;
    Ptr ptr;
    Reg reg;
    const Ix *at[INDEX_MAX]; /* which element of the array ptr or reg */
} Vx;

/* ---- statements ---- */

typedef enum LoopKind {
    LOOP_FOR,     /* a loop                                          */
    LOOP_UNROLL,  /* straight-line code                              */
    LOOP_LANES,   /* the 16 lanes, one vector at a time              */
    LOOP_THREADS, /* dealt to the threads of a block, in any order   */
    LOOP_WARPS,   /* dealt to warps: 32 threads do a turn together   */
    LOOP_IF       /* once, if from < to                              */
} LoopKind;

typedef enum StmtKind { ST_LOOP, ST_LET, ST_POINT, ST_SET, ST_STORE, ST_CALL } StmtKind;

/* An argument of a call of the prelude. */
typedef struct CallArg {
    enum {
        ARG_BUF,
        ARG_IX,
        ARG_WORD,
        ARG_PARTS,
        ARG_EXTENT,
        ARG_HALO,
        ARG_PTR,
        ARG_VECTOR,
        ARG_REG
    } kind;
    BufId buf; /* ARG_BUF: the address of element ix; ARG_HALO: its table */
    const Ix *ix;
    const char *word; /* ARG_WORD: a variable of every kernel: call, block, y .. */
    int lattice;      /* ARG_EXTENT: its extents, null for a single site        */
    Ptr ptr;          /* ARG_PTR: ptr + ix                                      */
    const Vx *vector; /* ARG_VECTOR; ARG_REG: the register that it is, to be set */
} CallArg;

enum { CALL_ARGS = 18 };

typedef struct Stmt {
    StmtKind kind;
    union {
        struct {
            LoopKind kind;
            Var var;
            const Ix *from, *to;
            int64_t step;     /* whole steps only: from + step <= to */
            const char *over; /* what it runs over: "sites"          */
            struct Stmt *body;
            int at_once; /* turns that a compiler may unroll; 0: as it likes */
        } loop;
        struct {
            Var var;
            const Ix *value;
        } let;
        /* aligned: to four numbers, so that these may be loaded at once */
        struct {
            Ptr ptr;
            const Ix *at[INDEX_MAX];
            BufId buf;
            const Ix *ix;
            bool aligned;
        } point;
        /* hold: keep it in its register (compilers like to reload a vector they could hold) */
        struct {
            Reg reg;
            const Ix *at[INDEX_MAX];
            const Vx *value;
            bool declare, hold;
        } set;
        struct {
            Ptr ptr;
            const Ix *at[INDEX_MAX];
            const Ix *ix;
            const Vx *value;
        } store;
        struct {
            const char *function;
            CallArg arg[CALL_ARGS];
            int args;
        } call;
    };
    struct Stmt *next;
} Stmt;

#endif
