/* An answer of a device against the double-precision oracle. */
#include <math.h>
#include <stdlib.h>

#include "check_cuda.h"

const char *const what_name[3] = {"forward", "gradient", "vjp"};

const char *where(const Check *k)
{
    static char text[128];
    const Batch *b = &k->b;
    int used = snprintf(text, sizeof text, "%s,", k->m->name);
    for (int d = 0; d < k->m->rank; d++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%lld",
                         d ? "x" : " ", (long long)b->call.extent[d]);
    snprintf(text + used, sizeof text - (size_t)used,
             ", batch %lld, instances %lld, %d threads, %lld bytes near",
             (long long)b->batch, (long long)b->instances, b->device.threads,
             (long long)b->device.shared_block);
    return text;
}

static void judge(Check *k, ArchWhat what, double ratio, const char *part)
{
    k->worst[what] = fmax(k->worst[what], ratio);
    tally(&k->tally, ratio <= k->most, "%s: %s%s, ratio %.3g", where(k),
          what_name[what], part, ratio);
}

static const void *piece(const Check *k, const void *p, int64_t count, int instance)
{
    return (const char *)p + real_size(k->m) * (size_t)(count * instance);
}

/* Tensor by tensor; a gradient is a mean over `terms`, a vjp a sum. */
static void judge_params(Check *k, ArchWhat what, const Graph *g, const Eval *e,
                         const void *got, double terms)
{
    double worst = 0;
    for (int i = 0; i < g->params; i++) {
        const Param *p = &g->param[i];
        uint32_t v = g->dparam[i].i;
        void *sum = real_new(k->m, p->count);
        for (int64_t j = 0; j < p->count; j++)
            real_set(k->m, sum, j, real_at(k->m, got, p->offset + j) * terms);
        worst =
            fmax(worst, error_ratio(k->m, sum, e->value[v], e->magnitude[v], p->count));
        free(sum);
    }
    judge(k, what, worst, " dparams");
}

static void judge_loss(Check *k, const Eval *e, double got, double terms)
{
    double expected = 0, near = k->m->real == ARCH_F64 ? 1e-10 : 1e-3;
    for (int64_t n = 0; n < k->b.batch; n++)
        expected += e->value[k->loss->loss_value.i][n] / terms;
    tally(&k->tally, fabs(got - expected) <= near * fabs(expected),
          "%s: loss %.17g, not %.17g", where(k), got, expected);
}

static void compare(Check *k, ArchWhat what, const Answer *a, int i)
{
    const Graph *g = what == ARCH_FORWARD ? k->g : what == ARCH_VJP ? k->vjp : k->loss;
    Arena *arena = arena_new();
    const Eval *e = case_eval(&k->c[i], g, k->b.batch, arena);
    const void *dparams = piece(k, a->dparams, a->params, i);
    double terms = (double)(k->b.batch * k->c[0].out);
    uint32_t y = g->output.i, dx = g->dx.i;
    switch (what) {
    case ARCH_FORWARD:
        judge(k, what,
              error_ratio(k->m, piece(k, a->y, a->y_count, i), e->value[y],
                          e->magnitude[y], a->y_count),
              "");
        break;
    case ARCH_VJP:
        judge(k, what,
              error_ratio(k->m, piece(k, a->dx, a->dx_count, i), e->value[dx],
                          e->magnitude[dx], a->dx_count),
              " dx");
        judge_params(k, what, g, e, dparams, 1);
        break;
    case ARCH_GRADIENT:
        judge_params(k, what, g, e, dparams, terms);
        judge_loss(k, e, a->loss[i], terms);
        break;
    }
    arena_free(arena);
}

void compare_all(Check *k, ArchWhat what, const Answer *a)
{
    tally(&k->tally, a->good, "%s: %s has no plan, or threads part at a barrier",
          where(k), what_name[what]);
    for (int i = 0; i < k->b.instances; i++)
        compare(k, what, a, i);
}
