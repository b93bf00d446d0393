#include <inttypes.h>
#include <string.h>

#include "plan/memory.h"
#include "plan/plan.h"

/* What is known at one place of a phase. */
typedef struct Checker {
    const Program *p;
    const Phase *phase;
    bool *var, *reg, *ptr; /* defined by now             */
    bool *constant;        /* var: of an unrolled loop   */
    FILE *err;
    bool good;
} Checker;

static void fault(Checker *z, const char *what, const char *name)
{
    fprintf(z->err, "plan: %s, phase %s: %s: %s\n", z->p->graph->name, z->phase->name,
            what, name);
    z->good = false;
}

static void check_ix(Checker *z, const Ix *i)
{
    if (!i)
        return;
    if (i->kind == IX_VAR && !z->var[i->var.i])
        fault(z, "index used before it is defined", z->phase->var_name[i->var.i]);
    if (i->kind == IX_TABLE && plan_buffer(z->p, i->buf)->space != SPACE_TABLE)
        fault(z, "not a table", plan_buffer(z->p, i->buf)->name);
    check_ix(z, i->a);
    check_ix(z, i->b);
}

static bool is_constant(const Checker *z, const Ix *i)
{
    if (i->kind == IX_VAR)
        return z->constant[i->var.i];
    bool both = i->kind == IX_ADD || i->kind == IX_MUL;
    return i->kind == IX_CONST ||
           (both && is_constant(z, i->a) && is_constant(z, i->b));
}

/* An element of an array of registers or pointers must be known when code is printed. */
static void check_at(Checker *z, const Ix *const at[INDEX_MAX], const char *name)
{
    for (int k = 0; k < INDEX_MAX; k++) {
        if (!at[k] || at[k]->kind == IX_CONST)
            continue;
        check_ix(z, at[k]);
        if (!is_constant(z, at[k]))
            fault(z, "element of an array of registers is not a constant", name);
    }
}

static void check_vx(Checker *z, const Vx *v)
{
    if (!v)
        return;
    check_ix(z, v->ix);
    if (v->op == VX_REG) {
        check_at(z, v->at, z->phase->reg_name[v->reg.i]);
        if (!z->reg[v->reg.i])
            fault(z, "register used before it is defined",
                  z->phase->reg_name[v->reg.i]);
    }
    if (v->op == VX_LOAD || v->op == VX_BROADCAST) {
        check_at(z, v->at, z->phase->ptr_name[v->ptr.i]);
        if (!z->ptr[v->ptr.i])
            fault(z, "pointer used before it is defined", z->phase->ptr_name[v->ptr.i]);
    }
    for (int k = 0; k < VX_ARGS; k++)
        check_vx(z, v->arg[k]);
}

static void check_arg(Checker *z, const CallArg *arg)
{
    check_ix(z, arg->ix);
    check_vx(z, arg->vector);
    if (arg->kind == ARG_PTR && !z->ptr[arg->ptr.i])
        fault(z, "pointer used before it is defined", z->phase->ptr_name[arg->ptr.i]);
}

static void check_stmts(Checker *z, const Stmt *s);

static void check_loop(Checker *z, const Stmt *s)
{
    const char *name = z->phase->var_name[s->loop.var.i];
    check_ix(z, s->loop.from);
    check_ix(z, s->loop.to);
    if (s->loop.step <= 0)
        fault(z, "loop does not advance", name);
    bool straight = s->loop.kind == LOOP_UNROLL;
    if (straight && (s->loop.from->kind != IX_CONST || s->loop.to->kind != IX_CONST))
        fault(z, "straight-line loop without constant bounds", name);
    z->var[s->loop.var.i] = true;
    z->constant[s->loop.var.i] = straight;
    check_stmts(z, s->loop.body);
    z->var[s->loop.var.i] = false;
}

static void check_stmts(Checker *z, const Stmt *s)
{
    for (; s; s = s->next) {
        switch (s->kind) {
        case ST_LOOP: check_loop(z, s); break;
        case ST_LET:
            check_ix(z, s->let.value);
            z->var[s->let.var.i] = true;
            break;
        case ST_POINT:
            check_ix(z, s->point.ix);
            check_at(z, s->point.at, z->phase->ptr_name[s->point.ptr.i]);
            z->ptr[s->point.ptr.i] = true;
            break;
        case ST_SET:
            check_vx(z, s->set.value);
            check_at(z, s->set.at, z->phase->reg_name[s->set.reg.i]);
            if (!s->set.declare && !z->reg[s->set.reg.i])
                fault(z, "register set before it is declared",
                      z->phase->reg_name[s->set.reg.i]);
            z->reg[s->set.reg.i] = true;
            break;
        case ST_STORE:
            check_vx(z, s->store.value);
            check_ix(z, s->store.ix);
            if (!z->ptr[s->store.ptr.i])
                fault(z, "pointer used before it is defined",
                      z->phase->ptr_name[s->store.ptr.i]);
            break;
        case ST_CALL:
            for (int k = 0; k < s->call.args; k++)
                check_arg(z, &s->call.arg[k]);
            break;
        }
    }
}

static bool check_phase(const Program *p, const Phase *phase, FILE *err)
{
    Arena *a = arena_new();
    Checker z = {.p = p, .phase = phase, .err = err, .good = true};
    z.var = NEW_ARRAY(a, bool, phase->vars + 1);
    z.constant = NEW_ARRAY(a, bool, phase->vars + 1);
    z.reg = NEW_ARRAY(a, bool, phase->regs + 1);
    z.ptr = NEW_ARRAY(a, bool, phase->ptrs + 1);
    check_stmts(&z, phase->body);
    arena_free(a);
    return z.good;
}

/* A slot must hold the largest of its buffers, and what lies around it. */
static bool check_slots(const Program *p, const Kernel *k, FILE *err)
{
    bool good = true;
    for (int i = 0; i < k->slots; i++)
        for (int j = 0; j < k->slot[i].bufs; j++) {
            const Buffer *b = plan_buffer(p, k->slot[i].buf[j]);
            bool fits = b->lattice == k->slot[i].lattice &&
                        b->channels <= k->slot[i].channels &&
                        (!b->around || k->slot[i].around);
            if (b->space == SPACE_WORK && !fits) {
                fprintf(err, "plan: %s: buffer %s does not fit its slot\n",
                        p->graph->name, b->name);
                good = false;
            }
        }
    return good;
}

/* What a phase reads must have been made whenever that phase runs: a buffer that is first
 * touched only on a condition is touched later only on the same. */
static bool check_conditions(const Program *p, const PhaseUse *use, int uses, FILE *err)
{
    Arena *a = arena_new();
    When *made = NEW_ARRAY(a, When, p->buffers);
    bool *known = NEW_ARRAY(a, bool, p->buffers), good = true;
    for (int i = 0; i < uses; i++) {
        bool *touched = NEW_ARRAY(a, bool, p->buffers);
        memory_touched(&p->phase[use[i].phase], touched);
        for (int buf = 1; buf < p->buffers; buf++) {
            if (!touched[buf] || p->buffer[buf].space != SPACE_WORK)
                continue;
            if (!known[buf])
                made[buf] = use[i].when;
            known[buf] = true;
            if (made[buf] == WHEN_ALWAYS || made[buf] == use[i].when)
                continue;
            fprintf(err, "plan: %s: phase %s reads %s, which is not always made\n",
                    p->graph->name, p->phase[use[i].phase].name, p->buffer[buf].name);
            good = false;
        }
    }
    arena_free(a);
    return good;
}

/* Only what is far is read by another pass than the one that made it. */
static bool check_schedule(const Program *p, const Schedule *s, FILE *err)
{
    Arena *a = arena_new();
    int *made = NEW_ARRAY(a, int, p->buffers);
    bool good = check_conditions(p, s->use, s->uses, err);
    for (int i = 0; i < s->uses; i++) {
        bool *touched = NEW_ARRAY(a, bool, p->buffers);
        memory_touched(&p->phase[s->use[i].phase], touched);
        for (int buf = 1; buf < p->buffers; buf++) {
            const Buffer *b = &p->buffer[buf];
            if (!touched[buf] || b->space != SPACE_WORK || b->far)
                continue;
            if (made[buf] && made[buf] != s->pass[i] + 1) {
                fprintf(err, "plan: %s: phase %s reads %s, which is of another pass\n",
                        p->graph->name, p->phase[s->use[i].phase].name, b->name);
                good = false;
            }
            made[buf] = s->pass[i] + 1;
        }
    }
    arena_free(a);
    return good;
}

bool plan_verify(const Program *p, FILE *err)
{
    bool good = true;
    for (int i = 0; i < p->phases; i++)
        good &= check_phase(p, &p->phase[i], err);
    for (int what = 0; what < WHAT_COUNT; what++) {
        const Kernel *k = &p->kernel[what];
        good &= check_slots(p, k, err) & check_conditions(p, k->block, k->blocks, err);
        for (Spread to = SPREAD_BLOCK; to < SPREADS; to++)
            if (k->spread[to])
                good &= check_schedule(p, k->spread[to], err);
    }
    return good;
}
