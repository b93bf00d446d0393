#include "plan/cuda.h"
#include "plan/memory.h"

typedef struct Scheduler {
    const Program *p;
    Schedule *s;
    bool grid;
    bool **touched; /* [uses][buffers] */
} Scheduler;

static bool in_order(const Program *p, int buf)
{
    Space space = p->buffer[buf].space;
    return space == SPACE_WORK || space == SPACE_SUM;
}

/* What a phase reads is made by the phase that touches it first; to the gradient of a
 * parameter several may add.  What an earlier pass made is there. */
static int epoch_of(const Scheduler *z, int use)
{
    const Schedule *s = z->s;
    int epoch = 0;
    for (int i = 1; i < z->p->buffers; i++) {
        if (!z->touched[use][i] || !in_order(z->p, i))
            continue;
        bool sum = z->p->buffer[i].space == SPACE_SUM;
        int first = 0;
        while (!z->touched[first][i])
            first++;
        for (int other = first; other < use; other++)
            if (z->touched[other][i] && (other == first || sum) &&
                s->pass[other] == s->pass[use] && s->epoch[other] >= epoch)
                epoch = s->epoch[other] + 1;
    }
    return epoch;
}

/* In the order of passes, and in a pass of epochs, which then are counted through. */
static void sort(Schedule *s, Arena *a)
{
    Schedule old = *s;
    int count = 0, epoch = 0;
    s->use = NEW_ARRAY(a, PhaseUse, s->uses + 1);
    s->pass = NEW_ARRAY(a, int, s->uses + 1);
    s->epoch = NEW_ARRAY(a, int, s->uses + 1);
    for (int pass = 0; pass < s->passes; pass++) {
        int end = count;
        for (int i = 0; i < s->uses; i++)
            end += old.pass[i] == pass;
        for (int at = 0; count < end; at++, epoch++)
            for (int i = 0; i < s->uses; i++)
                if (old.pass[i] == pass && old.epoch[i] == at) {
                    s->use[count] = old.use[i];
                    s->pass[count] = pass;
                    s->epoch[count++] = epoch;
                }
    }
}

/* From when to when a field must keep its place.  Tiles of a pass are in any of its epochs
 * at a time, so that what is far is there for whole passes. */
static void find_lives(Scheduler *z)
{
    Schedule *s = z->s;
    for (int i = 0; i < s->uses; i++) {
        bool *touched = z->touched[i];
        memory_touched(&z->p->phase[s->use[i].phase], touched);
        for (int buf = 1; buf < z->p->buffers; buf++) {
            if (!touched[buf])
                continue;
            bool by_pass = z->grid && z->p->buffer[buf].far;
            int now = by_pass ? s->pass[i] : s->epoch[i];
            Lifetime *life = &s->life[buf];
            if (!life->used)
                *life = (Lifetime){true, now, now};
            life->last = life->last < now ? now : life->last;
        }
    }
}

/* Writes what is far, each thread its own. */
static bool is_apart(const Program *p, const Phase *phase, const bool *touched)
{
    for (int i = 1; i < p->buffers; i++)
        if (touched[i] && in_order(p, i) && !p->buffer[i].far)
            return false;
    for (const Stmt *s = phase->body; s; s = s->next)
        if (s->kind == ST_CALL)
            return false;
    return true;
}

static void find_passes(Scheduler *z, const CudaPasses *passes, Arena *a)
{
    Schedule *s = z->s;
    s->of_pass = NEW_ARRAY(a, Pass, s->passes + 1);
    for (int i = s->uses - 1; i >= 0; i--) {
        Pass *pass = &s->of_pass[s->pass[i]];
        bool last = i + 1 == s->uses || s->pass[i + 1] != s->pass[i];
        bool apart = is_apart(z->p, &z->p->phase[s->use[i].phase], z->touched[i]);
        if (last)
            *pass = (Pass){.when = s->use[i].when, .apart = z->grid};
        else if (pass->when != s->use[i].when)
            pass->when = WHEN_ALWAYS;
        pass->lattice = z->grid ? passes->lattice[s->pass[i]] : 0;
        pass->apart &= apart && (last || s->epoch[i] == s->epoch[i + 1]);
    }
}

Schedule *cuda_schedule(const Program *p, const CudaUse *use, int uses, Spread spread,
                        const CudaPasses *passes, Arena *a)
{
    Schedule *s = NEW(a, Schedule);
    *s = (Schedule){.use = NEW_ARRAY(a, PhaseUse, uses + 1),
                    .pass = NEW_ARRAY(a, int, uses + 1),
                    .epoch = NEW_ARRAY(a, int, uses + 1),
                    .passes = spread == SPREAD_GRID ? passes->passes : 1,
                    .life = NEW_ARRAY(a, Lifetime, p->buffers)};
    Scheduler z = {.p = p,
                   .s = s,
                   .grid = spread == SPREAD_GRID,
                   .touched = NEW_ARRAY(a, bool *, uses + 1)};
    for (int i = 0; i < uses; i++) {
        if (!(use[i].spreads & 1 << spread))
            continue;
        int n = s->uses++;
        z.touched[n] = NEW_ARRAY(a, bool, p->buffers);
        memory_touched(&p->phase[use[i].use.phase], z.touched[n]);
        s->use[n] = use[i].use;
        s->pass[n] = spread == SPREAD_GRID ? use[i].pass : 0;
        s->epoch[n] = epoch_of(&z, n);
    }
    sort(s, a);
    for (int i = 0; i < s->uses; i++)
        z.touched[i] = NEW_ARRAY(a, bool, p->buffers);
    find_lives(&z);
    find_passes(&z, passes, a);
    return s;
}
