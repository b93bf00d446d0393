#include "plan/memory.h"

typedef struct Life {
    int first, last; /* phases of the block; first -1: never used */
} Life;

/* ---- which buffers a phase touches ---- */

static void touch_ix(bool *touched, const Ix *i)
{
    if (!i)
        return;
    touched[i->buf.i] = true;
    touch_ix(touched, i->a);
    touch_ix(touched, i->b);
}

static void touch_vx(bool *touched, const Vx *v)
{
    if (!v)
        return;
    touch_ix(touched, v->ix);
    for (int k = 0; k < VX_ARGS; k++)
        touch_vx(touched, v->arg[k]);
}

static void touch_stmts(bool *touched, const Stmt *s)
{
    for (; s; s = s->next) {
        switch (s->kind) {
        case ST_LOOP: touch_stmts(touched, s->loop.body); break;
        case ST_LET: touch_ix(touched, s->let.value); break;
        case ST_POINT:
            touched[s->point.buf.i] = true;
            touch_ix(touched, s->point.ix);
            break;
        case ST_SET: touch_vx(touched, s->set.value); break;
        case ST_STORE: touch_vx(touched, s->store.value); break;
        case ST_CALL:
            for (int k = 0; k < s->call.args; k++) {
                touched[s->call.arg[k].buf.i] = true;
                touch_ix(touched, s->call.arg[k].ix);
                touch_vx(touched, s->call.arg[k].vector);
            }
            break;
        }
    }
}

void memory_touched(const Phase *phase, bool *touched)
{
    touch_stmts(touched, phase->body);
    touched[0] = false;
}

/* ---- lives and slots ---- */

static void live(const Program *p, const PhaseUse *use, int when, Life *life, Arena *a)
{
    bool *touched = NEW_ARRAY(a, bool, p->buffers);
    memory_touched(&p->phase[use->phase], touched);
    for (int i = 1; i < p->buffers; i++) {
        if (!touched[i])
            continue;
        if (life[i].first < 0)
            life[i].first = when;
        life[i].last = when;
    }
}

/* What a sweep touches it touches from its first step to its last. */
static void live_through_sweep(const Program *p, const Kernel *k, Life *life, Arena *a)
{
    bool *touched = NEW_ARRAY(a, bool, p->buffers);
    int first = k->blocks, last = 0;
    for (int i = 0; i < k->blocks; i++) {
        if (k->block[i].bands.stage != STAGE_SWEPT)
            continue;
        memory_touched(&p->phase[k->block[i].phase], touched);
        first = first < i ? first : i;
        last = i;
    }
    for (int i = 1; i < p->buffers; i++) {
        if (!touched[i])
            continue;
        life[i].first = life[i].first < first ? life[i].first : first;
        life[i].last = life[i].last > last ? life[i].last : last;
    }
}

static bool overwrites(const Phase *phase, BufId old, BufId new)
{
    for (int i = 0; i < phase->overs; i++)
        if (phase->over[i].old.i == old.i && phase->over[i].new.i == new.i)
            return true;
    return false;
}

/* Whether all phases that touch both make `new` in the place of `old`. */
static bool takes_over(const Program *p, const Kernel *k, const Life *life, BufId old,
                       BufId new)
{
    if (life[old.i].first >= life[new.i].first || life[old.i].last > life[new.i].last)
        return false;
    for (int i = life[new.i].first; i <= life[old.i].last; i++)
        if (!overwrites(&p->phase[k->block[i].phase], old, new))
            return false;
    return true;
}

static bool fits(const Program *p, const Kernel *k, const Slot *slot, const Life *life,
                 BufId buf)
{
    const Buffer *b = plan_buffer(p, buf);
    if (b->space != SPACE_WORK || plan_buffer(p, slot->buf[0])->space != SPACE_WORK ||
        b->lattice != slot->lattice)
        return false;
    for (int i = 0; i < slot->bufs; i++) {
        const Life *other = &life[slot->buf[i].i], *mine = &life[buf.i];
        if (mine->first <= other->last && other->first <= mine->last &&
            !takes_over(p, k, life, slot->buf[i], buf))
            return false;
    }
    return true;
}

/* What takes the place of another does so where that lies in near memory already. */
static bool is_near(const Program *p, const Kernel *k, const Slot *slot,
                    const Life *life, BufId buf)
{
    const Phase *phase = &p->phase[k->block[life[buf.i].first].phase];
    bool near = false;
    for (int i = 0; i < slot->bufs; i++)
        near |= overwrites(phase, slot->buf[i], buf);
    return near && fits(p, k, slot, life, buf);
}

static void assign(const Program *p, Kernel *k, const Life *life, BufId buf, Arena *a)
{
    const Buffer *b = plan_buffer(p, buf);
    int n = 0;
    while (n < k->slots && !is_near(p, k, &k->slot[n], life, buf))
        n++;
    if (n == k->slots)
        n = 0;
    while (n < k->slots && !fits(p, k, &k->slot[n], life, buf))
        n++;
    Slot *slot = &k->slot[n];
    if (n == k->slots) {
        k->slots++;
        *slot = (Slot){.lattice = b->lattice, .buf = NEW_ARRAY(a, BufId, p->buffers)};
    }
    slot->buf[slot->bufs++] = buf;
    slot->around |= b->around;
    if (slot->channels < b->channels)
        slot->channels = b->channels;
}

static bool in_work(const Buffer *b)
{
    return b->space == SPACE_WORK || b->space == SPACE_SUM || b->space == SPACE_TABLE;
}

void memory_plan(const Program *p, Kernel *k, Arena *a)
{
    Life *life = NEW_ARRAY(a, Life, p->buffers);
    for (int i = 0; i < p->buffers; i++)
        life[i].first = -1;
    for (int i = 0; i < k->begins; i++)
        live(p, &k->begin[i], 0, life, a);
    for (int i = 0; i < k->blocks; i++)
        live(p, &k->block[i], i, life, a);
    if (k->ring)
        live_through_sweep(p, k, life, a);
    k->slot = NEW_ARRAY(a, Slot, p->buffers);
    k->slots = 0;
    for (int phase = 0; phase <= k->blocks; phase++)
        for (int i = 1; i < p->buffers; i++)
            if (life[i].first == phase && in_work(&p->buffer[i]))
                assign(p, k, life, (BufId){i}, a);
}
