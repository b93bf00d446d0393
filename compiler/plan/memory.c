#include "plan/memory.h"

typedef struct Life {
    int first, last; /* phases of the block; first -1: never used */
} Life;

static void touch(Life *life, BufId buf, int phase)
{
    Life *l = &life[buf.i];
    if (!buf.i)
        return;
    if (l->first < 0)
        l->first = phase;
    l->last = phase;
}

static void touch_ix(Life *life, const Ix *i, int phase)
{
    if (!i)
        return;
    touch(life, i->buf, phase);
    touch_ix(life, i->a, phase);
    touch_ix(life, i->b, phase);
}

static void touch_vx(Life *life, const Vx *v, int phase)
{
    if (!v)
        return;
    touch_ix(life, v->ix, phase);
    for (int k = 0; k < VX_ARGS; k++)
        touch_vx(life, v->arg[k], phase);
}

static void touch_stmts(Life *life, const Stmt *s, int phase)
{
    for (; s; s = s->next) {
        switch (s->kind) {
        case ST_LOOP: touch_stmts(life, s->loop.body, phase); break;
        case ST_LET: touch_ix(life, s->let.value, phase); break;
        case ST_POINT:
            touch(life, s->point.buf, phase);
            touch_ix(life, s->point.ix, phase);
            break;
        case ST_SET: touch_vx(life, s->set.value, phase); break;
        case ST_STORE: touch_vx(life, s->store.value, phase); break;
        case ST_CALL:
            for (int k = 0; k < s->call.args; k++)
                touch(life, s->call.arg[k].buf, phase);
            break;
        }
    }
}

static bool fits(const Program *p, const Slot *slot, const Life *life, BufId buf)
{
    const Buffer *b = plan_buffer(p, buf);
    if (b->space != SPACE_WORK || plan_buffer(p, slot->buf[0])->space != SPACE_WORK ||
        b->lattice != slot->lattice)
        return false;
    for (int k = 0; k < slot->bufs; k++) {
        const Life *other = &life[slot->buf[k].i], *mine = &life[buf.i];
        if (mine->first <= other->last && other->first <= mine->last)
            return false;
    }
    return true;
}

static void assign(const Program *p, Kernel *k, const Life *life, BufId buf, Arena *a)
{
    const Buffer *b = plan_buffer(p, buf);
    int n = 0;
    while (n < k->slots && !fits(p, &k->slot[n], life, buf))
        n++;
    Slot *slot = &k->slot[n];
    if (n == k->slots) {
        k->slots++;
        *slot = (Slot){.lattice = b->lattice, .buf = NEW_ARRAY(a, BufId, p->buffers)};
    }
    slot->buf[slot->bufs++] = buf;
    slot->ghost |= b->ghost;
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
        touch_stmts(life, p->phase[k->begin[i].phase].body, 0);
    for (int i = 0; i < k->blocks; i++)
        touch_stmts(life, p->phase[k->block[i].phase].body, i);
    k->slot = NEW_ARRAY(a, Slot, p->buffers);
    k->slots = 0;
    for (int phase = 0; phase <= k->blocks; phase++)
        for (int i = 1; i < p->buffers; i++)
            if (life[i].first == phase && in_work(&p->buffer[i]))
                assign(p, k, life, (BufId){i}, a);
}
