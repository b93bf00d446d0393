#include "plan/cost.h"

#include <string.h>

#include "plan/memory.h"

/* A walk over the statements of a phase. */
typedef struct Walk {
    const Program *p;
    const CostSites *at;
    bool *shapes;   /* variables on which numbers of turns depend */
    int64_t *value; /* of variables                               */
    Cost sum;
} Walk;

static void add(Cost *sum, const Cost *c, double times)
{
    sum->fma += times * c->fma;
    sum->other += times * c->other;
    sum->shuffle += times * c->shuffle;
    sum->load += times * c->load;
    sum->store += times * c->store;
    sum->bytes += times * c->bytes;
}

/* ---- integers ---- */

/* No number of turns hangs on a table: what one holds counts as 0. */
static int64_t value_of(const Walk *z, const Ix *i)
{
    switch (i->kind) {
    case IX_CONST: return i->value;
    case IX_VAR: return z->value[i->var.i];
    case IX_END:
    case IX_SITES: return z->at->sites[i->value];
    case IX_FIRST: return 0;
    case IX_ADD: return value_of(z, i->a) + value_of(z, i->b);
    case IX_MUL: return value_of(z, i->a) * value_of(z, i->b);
    case IX_TRUNC: return value_of(z, i->a) / i->value * i->value;
    case IX_DIV: return value_of(z, i->a) / value_of(z, i->b);
    case IX_MIN: {
        int64_t a = value_of(z, i->a), b = value_of(z, i->b);
        return a < b ? a : b;
    }
    case IX_TABLE: return 0;
    case IX_WORD: return 1; /* what a band is: first, last, inside */
    case IX_TILES:          /* these are of threads */
    case IX_SHARES: break;
    }
    unreachable();
}

static void mark_ix(bool *shapes, const Ix *i, bool *news)
{
    if (!i)
        return;
    if (i->kind == IX_VAR && !shapes[i->var.i])
        shapes[i->var.i] = *news = true;
    mark_ix(shapes, i->a, news);
    mark_ix(shapes, i->b, news);
}

/* Marks the variables that numbers of turns and arguments of calls depend on; *news tells
 * whether there were any. */
static void mark_stmts(bool *shapes, const Stmt *s, bool *news)
{
    for (; s; s = s->next) {
        if (s->kind == ST_LOOP) {
            mark_ix(shapes, s->loop.from, news);
            mark_ix(shapes, s->loop.to, news);
            mark_stmts(shapes, s->loop.body, news);
        } else if (s->kind == ST_LET && shapes[s->let.var.i]) {
            mark_ix(shapes, s->let.value, news);
        } else if (s->kind == ST_CALL) {
            for (int k = 0; k < s->call.args; k++)
                if (s->call.arg[k].kind == ARG_IX)
                    mark_ix(shapes, s->call.arg[k].ix, news);
        }
    }
}

/* ---- vectors ---- */

/* A division keeps its port for about 10 operations; an exponential is a series of 7 terms,
 * in double of 13. */
static void count_op(Walk *z, VxOp op, double times)
{
    switch (op) {
    case VX_ZERO: /* made when a register is renamed */
    case VX_CONST:
    case VX_REG: return;
    case VX_BROADCAST:
    case VX_LOAD: z->sum.load += times; return;
    case VX_ADD:
    case VX_SUB:
    case VX_MUL:
    case VX_MAX: z->sum.other += times; return;
    case VX_INDEX: /* into every lane, and converted     */
    case VX_POS:   /* compare, select                    */
    case VX_GT:
    case VX_EQ: z->sum.other += 2 * times; return;
    case VX_DIV: z->sum.other += 10 * times; return;
    case VX_FMA: z->sum.fma += times; return;
    case VX_SIGMOID:
    case VX_TANH:
        z->sum.other += (z->p->precision == PRECISION_F64 ? 38 : 32) * times;
        return;
    case VX_OPS: break;
    }
    unreachable();
}

static void count_vx(Walk *z, const Vx *v, double times)
{
    if (!v)
        return;
    count_op(z, v->op, times);
    for (int k = 0; k < VX_ARGS; k++)
        count_vx(z, v->arg[k], times);
}

/* ---- calls ---- */

typedef enum Times {
    TIMES_ONE,
    TIMES_SITES,
    TIMES_HALO,
    TIMES_SUMS,
    A_SIXTEENTH
} Times;

typedef struct CallCost {
    const char *function;
    int first, last;
    Times times;
    double row[4], register_[4]; /* loads, stores, shuffles, other */
} CallCost;

/* clang-format off */
static const CallCost call_cost[] = {
#define CALL(name, first, last, times, l0, s0, h0, o0, l1, s1, h1, o1) \
    {#name, first, last, times, {l0, s0, h0, o0}, {l1, s1, h1, o1}},
#include "plan/calls.def"
#undef CALL
};
/* clang-format on */

static const CallCost *find_call(const char *function)
{
    for (size_t i = 0; i < countof(call_cost); i++)
        if (!strcmp(call_cost[i].function, function))
            return &call_cost[i];
    return NULL;
}

bool cost_knows(const char *function)
{
    return find_call(function) != NULL;
}

static void add_counts(Cost *sum, const double count[4], double times)
{
    const Cost c = {
        .load = count[0], .store = count[1], .shuffle = count[2], .other = count[3]};
    add(sum, &c, times);
}

static double times_of(const Walk *z, const Stmt *s, Times times)
{
    double vectors = 0, sites = 1, halo = 0;
    for (int k = 0; k < s->call.args; k++) {
        const CallArg *arg = &s->call.arg[k];
        if (arg->kind == ARG_VECTOR)
            vectors++;
        if (arg->kind == ARG_EXTENT)
            sites = (double)z->at->sites[arg->lattice];
        if (arg->kind == ARG_HALO && z->at->halo)
            halo = (double)z->at->halo[plan_buffer(z->p, arg->buf)->geometry];
    }
    switch (times) {
    case TIMES_ONE: return 1;
    case TIMES_SITES: return sites;
    case TIMES_HALO: return halo;
    case TIMES_SUMS: return vectors - 1;
    case A_SIXTEENTH: return 1. / LANES;
    }
    unreachable();
}

static void count_call(Walk *z, const Stmt *s, double turns)
{
    const CallCost *c = find_call(s->call.function);
    if (!c)
        return;
    double rows = turns * times_of(z, s, c->times);
    for (int k = c->first; k <= c->last; k++)
        if (s->call.arg[k].kind == ARG_IX)
            rows *= (double)value_of(z, s->call.arg[k].ix);
    add_counts(&z->sum, c->row, rows);
    add_counts(&z->sum, c->register_, rows * LANES / plan_width(z->p));
    for (int k = 0; k < s->call.args; k++)
        if (s->call.arg[k].kind == ARG_VECTOR)
            count_vx(z, s->call.arg[k].vector, turns);
}

/* ---- statements ---- */

static void count_stmts(Walk *z, const Stmt *s, double turns);

/* A body that is the same each time is walked once. */
static void count_loop(Walk *z, const Stmt *s, double turns)
{
    int64_t from = value_of(z, s->loop.from), to = value_of(z, s->loop.to),
            step = s->loop.step, trips = to - from < step ? 0 : (to - from) / step;
    bool same = !z->shapes[s->loop.var.i];
    if (trips > 0 && same) {
        z->value[s->loop.var.i] = from;
        count_stmts(z, s->loop.body, turns * (double)trips);
    }
    for (int64_t i = 0; i < trips && !same; i++) {
        z->value[s->loop.var.i] = from + i * step;
        count_stmts(z, s->loop.body, turns);
    }
}

static void count_stmts(Walk *z, const Stmt *s, double turns)
{
    for (; s; s = s->next) {
        switch (s->kind) {
        case ST_LOOP:
            /* lattices count as even ones, and as one band, the first and the last */
            if (s->loop.kind != LOOP_IF || s->loop.to->kind == IX_WORD)
                count_loop(z, s, turns);
            break;
        case ST_LET: z->value[s->let.var.i] = value_of(z, s->let.value); break;
        case ST_POINT: break;
        case ST_SET: count_vx(z, s->set.value, turns); break;
        case ST_STORE:
            z->sum.store += turns;
            count_vx(z, s->store.value, turns);
            break;
        case ST_CALL: count_call(z, s, turns); break;
        }
    }
}

static double bytes_touched(const Program *p, const Phase *phase, const int64_t *sites,
                            Arena *a)
{
    bool *touched = NEW_ARRAY(a, bool, p->buffers);
    double bytes = 0;
    memory_touched(phase, touched);
    for (int i = 1; i < p->buffers; i++)
        if (touched[i] && p->buffer[i].space == SPACE_WORK)
            bytes += (double)(p->buffer[i].channels * sites[p->buffer[i].lattice]);
    return bytes * LANES * (p->precision == PRECISION_F64 ? 8 : 4);
}

Cost cost_phase(const Program *p, const Phase *phase, const CostSites *at)
{
    Arena *a = arena_new();
    Walk z = {.p = p, .at = at};
    z.shapes = NEW_ARRAY(a, bool, phase->vars + 1);
    z.value = NEW_ARRAY(a, int64_t, phase->vars + 1);
    for (bool news = true; news;) {
        news = false;
        mark_stmts(z.shapes, phase->body, &news);
    }
    count_stmts(&z, phase->body, 1);
    z.sum.bytes = bytes_touched(p, phase, at->sites, a);
    arena_free(a);
    return z.sum;
}

double cost_block(const Program *p, const Kernel *k, const CostSites *at, Cost *sum)
{
    double cycles = 0;
    *sum = (Cost){0};
    for (int i = 0; i < k->blocks; i++) {
        if (!cost_runs(p, &k->block[i], at->sites))
            continue;
        Cost c = cost_phase(p, &p->phase[k->block[i].phase], at);
        cycles += cost_cycles(p, &c, cost_busiest(p, &c));
        add(sum, &c, 1);
    }
    return cycles;
}
