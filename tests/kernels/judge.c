#include "judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const what_name[] = {"forward", "gradient", "vjp"};

/* eps * 30 is far below 1e-12 in double: the ratio is the stricter of the two. */
static void judge(Judge *k, ArchWhat what, double ratio, const char *part)
{
    const ArchModel *m = k->trial->m;
    char lattice[64] = "";
    k->worst[what] = fmax(k->worst[what], ratio);
    k->proved[what] += k->exact;
    for (int d = 0; d < m->rank; d++)
        snprintf(lattice + strlen(lattice), sizeof lattice - strlen(lattice), "%s%lld",
                 d ? "x" : "", (long long)k->trial->c->extent[d]);
    tally(&k->tally, k->exact ? ratio == 0 : ratio <= RATIO_MAX,
          "%s %s%s, lattice %s, batch %lld, x %s, %s: %sratio %.3g", m->name,
          what_name[what], part, lattice, (long long)k->batch, k->x ? "real" : "int8",
          isa_name[k->isa], k->exact ? "not exact, " : "", ratio);
}

static ArchCall call_new(const Judge *k, ArchWhat what)
{
    ArchCall call = trial_call(k->trial, k->batch, what, k->isa);
    if (k->x) {
        call.x = k->x;
        call.x_type = k->trial->m->real;
    }
    return call;
}

/* A field of the batch. */
static double field_ratio(const Judge *k, const Eval *e, Val v, const void *got,
                          int64_t count)
{
    return error_ratio(k->trial->m, got, e->value[v.i], e->magnitude[v.i], count);
}

/* The gradient of all parameters, tensor by tensor. */
static double params_ratio(const Judge *k, const Graph *g, const Eval *e,
                           const void *got)
{
    double worst = 0;
    for (int i = 0; i < g->params; i++) {
        const Param *p = &g->param[i];
        const char *tensor =
            (const char *)got + real_size(k->trial->m) * (size_t)p->offset;
        worst = fmax(worst, field_ratio(k, e, g->dparam[i], tensor, p->count));
    }
    return worst;
}

void judge_forward(Judge *k, const Graph *g, const Eval *e)
{
    const ArchModel *m = k->trial->m;
    int64_t count = k->batch * k->trial->c->out;
    ArchCall call = call_new(k, ARCH_FORWARD);
    void *got = real_new(m, count);
    m->forward(&call, got);
    judge(k, ARCH_FORWARD, field_ratio(k, e, g->output, got, count), "");
    free(got);
    call_free(&call);
}

void judge_gradient(Judge *k, const Graph *g, const Eval *e)
{
    const ArchModel *m = k->trial->m;
    double loss = NAN, expected = 0,
           near = k->exact              ? 0
                  : m->real == ARCH_F64 ? 1e-10
                                        : 1e-3;
    ArchCall call = call_new(k, ARCH_GRADIENT);
    void *got = real_new(m, m->param_count);
    m->gradient(&call, k->trial->target, &loss, got);
    for (int64_t n = 0; n < k->batch; n++)
        expected += e->value[g->loss_value.i][n];
    judge(k, ARCH_GRADIENT, params_ratio(k, g, e, got), "");
    tally(&k->tally, fabs(loss - expected) <= near * fabs(expected),
          "%s loss, batch %lld, %s: %.17g, not %.17g", m->name, (long long)k->batch,
          isa_name[k->isa], loss, expected);
    free(got);
    call_free(&call);
}

static void same_bits(Judge *k, const void *a, const void *b, int64_t count,
                      const char *what)
{
    tally(&k->tally, !memcmp(a, b, real_size(k->trial->m) * (size_t)count),
          "%s vjp, batch %lld, %s: %s has other bits", k->trial->m->name,
          (long long)k->batch, isa_name[k->isa], what);
}

void judge_vjp(Judge *k, const Graph *g, const Eval *e)
{
    const ArchModel *m = k->trial->m;
    const Case *c = k->trial->c;
    int64_t count = k->batch * c->channels * c->sites;
    ArchCall call = call_new(k, ARCH_VJP);
    void *dx = real_new(m, count), *alone = real_new(m, count);
    void *dparams = real_new(m, m->param_count), *single = real_new(m, m->param_count);
    m->vjp(&call, k->trial->dy, dx, dparams);
    judge(k, ARCH_VJP, params_ratio(k, g, e, dparams), " dparams");
    judge(k, ARCH_VJP, field_ratio(k, e, g->dx, dx, count), " dx");
    m->vjp(&call, k->trial->dy, alone, NULL);
    m->vjp(&call, k->trial->dy, NULL, single);
    same_bits(k, alone, dx, count, "dx without dparams");
    same_bits(k, single, dparams, m->param_count, "dparams without dx");
    free(dx);
    free(alone);
    free(dparams);
    free(single);
    call_free(&call);
}
