/* build.h - how phases are put together: small constructors, and a place where the next
 * statement goes.
 *
 *     Var s = put_for(b, "s", ix(0), ix_sites(lattice), 2);
 *         put_set(...);
 *     put_end(b);
 */
#ifndef ARCHC_PLAN_BUILD_H
#define ARCHC_PLAN_BUILD_H

#include "plan/plan.h"

enum { DEPTH_MAX = 16 };

typedef struct Build {
    Program *p;
    Arena *arena;
    int buffer_cap, lattice_cap, geometry_cap, packing_cap, phase_cap;
    bool by_bands; /* walks are over a band of their lattice: a kernel is swept */

    Phase phase; /* the one being built */
    int var_cap, reg_cap, ptr_cap;
    Stmt **tail[DEPTH_MAX];
    int depth;
} Build;

/* Integers. */
const Ix *ix(Build *b, int64_t value);
const Ix *ix_var(Build *b, Var v);
const Ix *ix_sites(Build *b, int lattice); /* of a part; 1 where there is no lattice */
const Ix *ix_first(Build *b, int lattice); /* the sites that are walked */
const Ix *ix_end(Build *b, int lattice);
bool build_has_bands(const Build *b, int lattice);
const Ix *ix_add(Build *b, const Ix *l, const Ix *r);
const Ix *ix_mul(Build *b, const Ix *l, const Ix *r);
const Ix *ix_scale(Build *b, const Ix *l, int64_t factor);
const Ix *ix_trunc(Build *b, const Ix *l, int64_t multiple);
const Ix *ix_min(Build *b, const Ix *l, const Ix *r);
const Ix *ix_div(Build *b, const Ix *l, const Ix *r);
const Ix *ix_shares(Build *b, const Ix *sites, int64_t at_once);
const Ix *ix_table(Build *b, BufId table, const Ix *at);
const Ix *ix_word(Build *b, const char *word);
const Ix *ix_tiles(Build *b, int lattice);
bool ix_is(const Ix *i, int64_t value);
/* The index of an element of an array of `count` registers or pointers; NULL where one
 * will do. */
const Ix *ix_element(const Ix *i, int count);

/* Vectors.  `i`, `j` select an element of an array of registers or pointers; NULL: it is
 * not an array. */
const Vx *vx_zero(Build *b);
const Vx *vx_const(Build *b, double number);
const Vx *vx_index(Build *b, const Ix *value);
const Vx *vx_load(Build *b, Ptr p, const Ix *i, const Ix *at);
const Vx *vx_broadcast(Build *b, Ptr p, const Ix *at);
const Vx *vx_broadcast_of(Build *b, Ptr p, const Ix *i, const Ix *at);
const Vx *vx_reg(Build *b, Reg r, const Ix *i, const Ix *j);
const Vx *vx_op(Build *b, VxOp op, const Vx *x, const Vx *y);
const Vx *vx_op3(Build *b, VxOp op, const Vx *x, const Vx *y, const Vx *z);
const Vx *vx_op4(Build *b, VxOp op, const Vx *x, const Vx *y, const Vx *z, const Vx *w);

/* A phase, from phase_begin to phase_end, which returns its number; a phase equal to one
 * that is there already is not kept twice. */
void phase_begin(Build *b, const char *name, const char *note, int lattice);
int phase_end(Build *b);

Reg reg_new(Build *b, const char *name);
Ptr ptr_new(Build *b, const char *name);

Var put_loop(Build *b, LoopKind kind, const char *name, const Ix *from, const Ix *to,
             int64_t step);
Var put_for(Build *b, const char *name, const Ix *from, const Ix *to, int64_t step);
/* ... of which compilers are to unroll no more turns than these. */
Var put_for_rolled(Build *b, const char *name, const Ix *from, const Ix *to,
                   int64_t step, int at_once);
Var put_unroll(Build *b, const char *name, int64_t count);
Var put_lanes(Build *b); /* over the 16 lanes in steps of a register */
void put_if(Build *b, const Ix *less, const Ix *than);
void put_end(Build *b); /* closes the innermost loop, or `if` */
Var put_let(Build *b, const char *name, const Ix *value);
void put_point(Build *b, Ptr p, const Ix *i, BufId buf, const Ix *at);
void put_point_aligned(Build *b, Ptr p, const Ix *i, BufId buf, const Ix *at);
void put_set(Build *b, Reg r, const Ix *i, const Ix *j, const Vx *value);
void put_declare(Build *b, Reg r, const Ix *i, const Ix *j, const Vx *value);
void put_hold(Build *b, Reg r, const Ix *i, const Ix *j, const Vx *value);
void put_store(Build *b, Ptr p, const Ix *i, const Ix *at, const Vx *value);
void put_call(Build *b, const char *function, int args, const CallArg *arg);

CallArg arg_buf(Build *b, BufId buf, const Ix *at); /* at NULL: its first element */
CallArg arg_ix(const Ix *value);
CallArg arg_int(Build *b, int64_t value);
CallArg arg_word(const char *word);
CallArg arg_ptr(Ptr p, const Ix *at);
CallArg arg_vector(const Vx *vector);
CallArg arg_reg(const Vx *reg);
CallArg arg_parts(void);
CallArg arg_extent(int lattice);
CallArg arg_halo(BufId table);

/* Things of the Program; equal ones are found again. */
int build_lattice(Build *b, const Shape *shape);
int build_tiles(Build *b, int lattice); /* of 2 x 2 x .. sites */
BufId build_buffer(Build *b, Buffer buffer);
BufId build_packed(Build *b); /* the packed parameters */
BufId build_table(Build *b, GeometryKind kind, const Window *w, int in, int out);
/* Offset of a matrix in the packed parameters. */
int64_t build_packing(Build *b, Packing packing);

/* Makes room for one more element of an array that lives in the arena. */
void *build_grow(Arena *a, void *items, int count, int *cap, size_t size);
#define GROW(arena, items, count, cap) \
    ((items) = build_grow((arena), (items), (count), &(cap), sizeof *(items)))

#endif
