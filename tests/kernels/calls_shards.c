#include "calls.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { SHARDS_MAX = 8 };

/* A shard writes its own samples and nothing else; every sample has one shard, and those of
 * a shard follow those of the one before. */
static void check_forward_shards(Calls *k, const Answer *wanted, int shards)
{
    int64_t out = k->c->out, next = 0;
    for (int s = 0; s < shards; s++) {
        ArchCall plain = plain_call(k), call = with_work(k, &plain, ARCH_FORWARD);
        call.shard = s;
        call.shards = shards;
        void *y = real_new(k->m, BATCH * out);
        k->m->forward(&call, y);
        int64_t from = next;
        while (next < BATCH && !isnan(real_at(k->m, y, next * out)))
            next++;
        bool good = true;
        for (int64_t i = 0; i < BATCH * out; i++) {
            double got = real_at(k->m, y, i);
            bool mine = i / out >= from && i / out < next;
            good &= mine ? got == real_at(k->m, wanted->y, i) : isnan(got) != 0;
        }
        tally(&k->tally, good, "forward of shard %d of %d, %s", s, shards,
              isa_name[k->isa]);
        free(y);
        call_free(&call);
    }
    tally(&k->tally, next == BATCH, "all samples in %d shards, %s", shards,
          isa_name[k->isa]);
}

typedef struct Mean {
    double loss[SHARDS_MAX];
    void *dparams;
    double largest; /* of the gradients of single samples */
} Mean;

/* Shards in rising or falling order, as threads might finish. */
static Mean sharded_mean(const Calls *k, int shards, bool falling)
{
    Mean mean = {.dparams = real_new(k->m, shards * k->m->param_count)};
    for (int i = 0; i < shards; i++) {
        int s = falling ? shards - 1 - i : i;
        ArchCall plain = plain_call(k), call = with_work(k, &plain, ARCH_GRADIENT);
        call.shard = s;
        call.shards = shards;
        void *own =
            (char *)mean.dparams + real_size(k->m) * (size_t)(s * k->m->param_count);
        k->m->gradient(&call, k->target, &mean.loss[s], own);
        call_free(&call);
    }
    k->m->reduce(mean.loss, mean.dparams, shards, 1, BATCH, k->c->extent);
    return mean;
}

/* The mean of the gradients of single samples, in double. */
static Mean single_mean(const Calls *k)
{
    int64_t count = k->m->param_count;
    double *sum = calloc((size_t)count + 1, sizeof *sum),
           terms = (double)(BATCH * k->c->out);
    void *one = real_new(k->m, count);
    Mean mean = {.dparams = sum};
    for (int b = 0; b < BATCH; b++) {
        int64_t row = b;
        ArchCall call = plain_call(k), own;
        double loss;
        call.index = &row;
        call.batch = 1;
        own = with_work(k, &call, ARCH_GRADIENT);
        k->m->gradient(&own, k->target, &loss, one);
        mean.loss[0] += loss / terms;
        for (int64_t i = 0; i < count; i++) {
            sum[i] += real_at(k->m, one, i) / terms;
            mean.largest = fmax(mean.largest, fabs(real_at(k->m, one, i)));
        }
        call_free(&own);
    }
    free(one);
    return mean;
}

static void check_gradient_shards(Calls *k, int shards, const Mean *wanted)
{
    double eps = k->m->real == ARCH_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    Mean up = sharded_mean(k, shards, false), down = sharded_mean(k, shards, true);
    const double *sum = wanted->dparams;
    bool near = fabs(up.loss[0] - wanted->loss[0]) <= 1e3 * eps * fabs(wanted->loss[0]);
    for (int64_t i = 0; i < k->m->param_count; i++)
        near &=
            fabs(real_at(k->m, up.dparams, i) - sum[i]) <= 1e3 * eps * wanted->largest;
    tally(&k->tally, near, "the mean over %d shards is not the mean, %s", shards,
          isa_name[k->isa]);
    tally(&k->tally,
          same(k, up.dparams, down.dparams, k->m->param_count) &&
              up.loss[0] == down.loss[0],
          "the mean over %d shards depends on their order, %s", shards,
          isa_name[k->isa]);
    free(up.dparams);
    free(down.dparams);
}

void check_shards(Calls *k, const Answer *wanted)
{
    static const int shards[] = {1, 2, 3, SHARDS_MAX};
    for (size_t i = 0; i < countof(shards); i++)
        check_forward_shards(k, wanted, shards[i]);
    if (!k->m->gradient)
        return;
    Mean mean = single_mean(k);
    for (size_t i = 0; i < countof(shards); i++)
        check_gradient_shards(k, shards[i], &mean);
    free(mean.dparams);
}
