#include "calls.h"

#include <stdlib.h>
#include <string.h>

int64_t y_count(const Calls *k)
{
    return k->instances * BATCH * k->c->out;
}

int64_t dx_count(const Calls *k)
{
    return k->instances * BATCH * k->c->channels * k->c->sites;
}

int64_t params_count(const Calls *k)
{
    return k->instances * k->m->param_count;
}

static Answer answer_new(const Calls *k)
{
    return (Answer){.y = real_new(k->m, y_count(k)),
                    .dx = real_new(k->m, dx_count(k)),
                    .dparams = real_new(k->m, params_count(k)),
                    .dgradient = real_new(k->m, params_count(k))};
}

void answer_free(Answer *a)
{
    free(a->y);
    free(a->dx);
    free(a->dparams);
    free(a->dgradient);
}

ArchCall with_work(const Calls *k, const ArchCall *call, ArchWhat what)
{
    ArchCall own = trial_call(k->trial, call->batch, what, k->isa);
    void *work = own.work;
    own = *call;
    own.work = work;
    return own;
}

Answer answer(const Calls *k, const ArchCall *call)
{
    Answer a = answer_new(k);
    ArchCall forward = with_work(k, call, ARCH_FORWARD),
             vjp = with_work(k, call, ARCH_VJP);
    k->m->forward(&forward, a.y);
    k->m->vjp(&vjp, k->dy, a.dx, a.dparams);
    call_free(&forward);
    call_free(&vjp);
    if (k->m->gradient) {
        ArchCall gradient = with_work(k, call, ARCH_GRADIENT);
        k->m->gradient(&gradient, k->target, a.loss, a.dgradient);
        call_free(&gradient);
    }
    return a;
}

bool same(const Calls *k, const void *a, const void *b, int64_t count)
{
    return !memcmp(a, b, real_size(k->m) * (size_t)count);
}

bool answers_equal(const Calls *k, const Answer *a, const Answer *b)
{
    return same(k, a->y, b->y, y_count(k)) && same(k, a->dx, b->dx, dx_count(k)) &&
           same(k, a->dparams, b->dparams, params_count(k)) &&
           same(k, a->dgradient, b->dgradient, params_count(k)) &&
           !memcmp(a->loss, b->loss, sizeof a->loss);
}

ArchCall plain_call(const Calls *k)
{
    ArchCall call = trial_call(k->trial, BATCH, ARCH_FORWARD, k->isa);
    call_free(&call);
    call.work = NULL;
    return call;
}
