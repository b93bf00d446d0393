#include "plan/build.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *build_grow(Arena *a, void *items, int count, int *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap ? 2 * *cap : 16;
    void *more = arena_alloc(a, size * (size_t)*cap);
    if (count)
        memcpy(more, items, size * (size_t)count);
    return more;
}

/* ---- names of a phase ---- */

static int name_add(Build *b, const char ***names, int *count, int *cap,
                    const char *name)
{
    GROW(b->arena, *names, *count, *cap);
    (*names)[*count] = name;
    return (*count)++;
}

static Var var_new(Build *b, const char *name)
{
    Phase *ph = &b->phase;
    return (Var){name_add(b, &ph->var_name, &ph->vars, &b->var_cap, name)};
}

Reg reg_new(Build *b, const char *name)
{
    Phase *ph = &b->phase;
    return (Reg){name_add(b, &ph->reg_name, &ph->regs, &b->reg_cap, name)};
}

Ptr ptr_new(Build *b, const char *name)
{
    Phase *ph = &b->phase;
    return (Ptr){name_add(b, &ph->ptr_name, &ph->ptrs, &b->ptr_cap, name)};
}

/* ---- statements ---- */

static Stmt *put(Build *b, Stmt stmt)
{
    Stmt *s = NEW(b->arena, Stmt);
    *s = stmt;
    *b->tail[b->depth] = s;
    b->tail[b->depth] = &s->next;
    return s;
}

/* The name of a loop variable says what it counts, everywhere. */
static const char *loop_over(const char *name)
{
    static const struct {
        const char *name, *over;
    } loops[] = {
        {"s",     "sites"                      },
        {"from",  "strips of sites"            },
        {"tap",   "taps"                       },
        {"t",     "tiles"                      },
        {"r0",    "rows of the tile"           },
        {"r1",    "rows of the tile"           },
        {"n",     "tiles at once"              },
        {"m",     "products"                   },
        {"at",    "sites or tiles of the strip"},
        {"v",     "vectors of a panel"         },
        {"q",     "lanes, one after the other" },
        {"item",  "tiles, one to a thread"     },
        {"tile",  "tiles, one to a warp"       },
        {"once",  NULL                         },
        {"share", "shares of the sum"          },
        {"c",     "channels read"              },
        {"o",     "channels made"              },
        {"block", "channels made, 8 at a time" },
        {"lane",  "samples"                    },
        {"i",     "channels of the tile"       },
        {"j",     "channels of the tile"       },
        {"k",     "sites of the tile"          },
        {"row",   "channels made, 16 at a time"}
    };
    for (size_t i = 0; i < countof(loops); i++)
        if (!strcmp(name, loops[i].name))
            return loops[i].over;
    unreachable();
}

Var put_loop(Build *b, LoopKind kind, const char *name, const Ix *from, const Ix *to,
             int64_t step)
{
    assert(b->depth + 1 < DEPTH_MAX);
    Var v = var_new(b, name);
    Stmt *s = put(b, (Stmt){
                         .kind = ST_LOOP,
                         .loop = {kind, v, from, to, step, loop_over(name), NULL, 0}
    });
    b->tail[++b->depth] = &s->loop.body;
    return v;
}

Var put_for(Build *b, const char *name, const Ix *from, const Ix *to, int64_t step)
{
    return put_loop(b, LOOP_FOR, name, from, to, step);
}

Var put_for_rolled(Build *b, const char *name, const Ix *from, const Ix *to,
                   int64_t step, int at_once)
{
    Stmt **loop = b->tail[b->depth];
    Var v = put_for(b, name, from, to, step);
    (*loop)->loop.at_once = at_once;
    return v;
}

Var put_unroll(Build *b, const char *name, int64_t count)
{
    return put_loop(b, LOOP_UNROLL, name, ix(b, 0), ix(b, count), 1);
}

Var put_lanes(Build *b)
{
    return put_loop(b, LOOP_LANES, "lane", ix(b, 0), ix(b, LANES), plan_width(b->p));
}

void put_if(Build *b, const Ix *less, const Ix *than)
{
    put_loop(b, LOOP_IF, "once", less, than, 1);
}

void put_end(Build *b)
{
    assert(b->depth > 0);
    b->depth--;
}

Var put_let(Build *b, const char *name, const Ix *value)
{
    Var v = var_new(b, name);
    put(b, (Stmt){
               .kind = ST_LET, .let = {v, value}
    });
    return v;
}

void put_point(Build *b, Ptr p, const Ix *i, BufId buf, const Ix *at)
{
    put(b, (Stmt){
               .kind = ST_POINT, .point = {p, {i}, buf, at, false}
    });
}

void put_point_aligned(Build *b, Ptr p, const Ix *i, BufId buf, const Ix *at)
{
    put(b, (Stmt){
               .kind = ST_POINT, .point = {p, {i}, buf, at, true}
    });
}

static void put_assign(Build *b, Reg r, const Ix *const at[2], const Vx *value,
                       bool declare, bool hold)
{
    put(b, (Stmt){
               .kind = ST_SET, .set = {r, {at[0], at[1]}, value, declare, hold}
    });
}

void put_set(Build *b, Reg r, const Ix *i, const Ix *j, const Vx *value)
{
    put_assign(b, r, (const Ix *const[]){i, j}, value, false, false);
}

void put_declare(Build *b, Reg r, const Ix *i, const Ix *j, const Vx *value)
{
    put_assign(b, r, (const Ix *const[]){i, j}, value, true, false);
}

void put_hold(Build *b, Reg r, const Ix *i, const Ix *j, const Vx *value)
{
    put_assign(b, r, (const Ix *const[]){i, j}, value, true, true);
}

void put_store(Build *b, Ptr p, const Ix *i, const Ix *at, const Vx *value)
{
    put(b, (Stmt){
               .kind = ST_STORE, .store = {p, {i}, at, value}
    });
}

void put_call(Build *b, const char *function, int args, const CallArg *arg)
{
    assert(args <= CALL_ARGS);
    Stmt *s =
        put(b, (Stmt){
                   .kind = ST_CALL, .call = {.function = function, .args = args}
    });
    memcpy(s->call.arg, arg, sizeof *arg * (size_t)args);
}

CallArg arg_buf(Build *b, BufId buf, const Ix *at)
{
    return (CallArg){.kind = ARG_BUF, .buf = buf, .ix = at ? at : ix(b, 0)};
}

CallArg arg_ix(const Ix *value)
{
    return (CallArg){.kind = ARG_IX, .ix = value};
}

CallArg arg_int(Build *b, int64_t value)
{
    return arg_ix(ix(b, value));
}

CallArg arg_word(const char *word)
{
    return (CallArg){.kind = ARG_WORD, .word = word};
}

CallArg arg_ptr(Ptr p, const Ix *at)
{
    return (CallArg){.kind = ARG_PTR, .ptr = p, .ix = at};
}

CallArg arg_vector(const Vx *vector)
{
    return (CallArg){.kind = ARG_VECTOR, .vector = vector};
}

CallArg arg_reg(const Vx *reg)
{
    return (CallArg){.kind = ARG_REG, .vector = reg};
}

CallArg arg_parts(void)
{
    return (CallArg){.kind = ARG_PARTS};
}

CallArg arg_extent(int lattice)
{
    return (CallArg){.kind = ARG_EXTENT, .lattice = lattice};
}

CallArg arg_halo(BufId table)
{
    return (CallArg){.kind = ARG_HALO, .buf = table};
}

/* ---- phases ---- */

void phase_begin(Build *b, const char *name, const char *note, int lattice)
{
    b->phase = (Phase){.name = name, .note = note, .lattice = lattice};
    b->var_cap = b->reg_cap = b->ptr_cap = 0;
    b->depth = 0;
    b->tail[0] = (Stmt **)&b->phase.body;
}

static const char *phase_text(const Program *p, const Phase *phase, Arena *a)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    phase_print(p, phase, out);
    fclose(out);
    char *copy = arena_strndup(a, text, size);
    free(text);
    return copy;
}

static const char *unused_name(const Program *p, const char *name, Arena *a)
{
    const char *unique = name;
    int namesakes = 1;
    for (int i = 0; i < p->phases; i++)
        if (!strcmp(p->phase[i].name, unique)) {
            unique = arena_printf(a, "%s_%d", name, ++namesakes);
            i = -1;
        }
    return unique;
}

int phase_end(Build *b)
{
    assert(b->depth == 0);
    Program *p = b->p;
    b->phase.text = phase_text(p, &b->phase, b->arena);
    for (int i = 0; i < p->phases; i++)
        if (!strcmp(b->phase.text, p->phase[i].text))
            return i;
    GROW(b->arena, p->phase, p->phases, b->phase_cap);
    b->phase.name = unused_name(p, b->phase.name, b->arena);
    p->phase[p->phases] = b->phase;
    return p->phases++;
}
