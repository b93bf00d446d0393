/* loop.c - a compiled network called many times over, and how long that took.
 *
 * The other side of the comparison is driven from Python, which costs it a few microseconds
 * a call; a lattice code calls ours from C, and lays out `work` once for all calls of a
 * lattice: so does this. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arch_model.h"
#include "archrt/optim.h"

#define SHARDS_MAX 16

typedef struct Loop {
    const ArchModel *m;
    ArchCall call;
    int64_t steps;
    float *weights, *moment[3], *grad; /* (params), of grad (shards, params) */
    double loss[SHARDS_MAX];
} Loop;

Loop *loop_new(const ArchModel *m, const int64_t *extent, int64_t batch, int training,
               const float *weights);
void loop_free(Loop *l);
double loop_forward(Loop *l, const float *x, float *y, int64_t times);
double loop_step(Loop *l, const float *x, const float *target, int adamw,
                 int64_t times);
const float *loop_gradient(const Loop *l);
double loop_loss(const Loop *l);
int64_t loop_params(const ArchModel *m);

static void *zeroed(size_t bytes)
{
    const size_t whole = (bytes / 64 + 1) * 64;
    void *p = aligned_alloc(64, whole);
    if (!p)
        abort();
    return memset(p, 0, whole);
}

/* As in training: one for two blocks of samples, 1 to 16. */
static int64_t shards_of(int64_t batch)
{
    const int64_t n = (batch + ARCH_LANES - 1) / ARCH_LANES / 2;
    return n < 1 ? 1 : n > SHARDS_MAX ? SHARDS_MAX : n;
}

static double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int64_t loop_params(const ArchModel *m)
{
    return m->param_count;
}

/* NULL for a lattice that the network cannot take. */
Loop *loop_new(const ArchModel *m, const int64_t *extent, int64_t batch, int training,
               const float *weights)
{
    const size_t bytes = (size_t)m->param_count * sizeof *weights;
    const size_t work =
        m->work_bytes(extent, batch, training ? ARCH_GRADIENT : ARCH_FORWARD);
    if (!work)
        return NULL;
    Loop *l = zeroed(sizeof *l);
    l->m = m;
    l->weights = memcpy(zeroed(bytes), weights, bytes);
    for (int i = 0; i < 3; i++)
        l->moment[i] = zeroed(bytes);
    l->call = (ArchCall){.size = sizeof l->call,
                         .batch = batch,
                         .x_type = ARCH_F32,
                         .packed = zeroed(m->packed_bytes),
                         .work = zeroed(work),
                         .instances = 1,
                         .shards = training ? shards_of(batch) : 1,
                         .training = training};
    memcpy(l->call.extent, extent, (size_t)m->rank * sizeof *extent);
    l->grad = zeroed((size_t)l->call.shards * bytes);
    m->pack(l->weights, (void *)l->call.packed, 1);
    return l;
}

void loop_free(Loop *l)
{
    free(l->weights);
    for (int i = 0; i < 3; i++)
        free(l->moment[i]);
    free((void *)l->call.packed);
    free(l->call.work);
    free(l->grad);
    free(l);
}

/* Seconds of one call. */
double loop_forward(Loop *l, const float *x, float *y, int64_t times)
{
    l->call.x = x;
    const double start = clock_now();
    for (int64_t i = 0; i < times; i++) {
        l->call.kept = i > 0;
        l->m->forward(&l->call, y);
    }
    return (clock_now() - start) / (double)times;
}

/* kept: `work` is as the last step left it. */
static void take_step(Loop *l, const float *target, int adamw, int kept)
{
    static const AdamW still = {
        .lr = 1e-9, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .amsgrad = true};
    const ArchModel *m = l->m;
    const AdamWState s = {.real = ARCH_F32,
                          .n = m->param_count,
                          .w = l->weights,
                          .m = l->moment[0],
                          .v = l->moment[1],
                          .u = l->moment[2]};
    for (int64_t i = 0; i < l->call.shards; i++) {
        l->call.shard = i;
        l->call.kept = kept || i > 0;
        m->gradient(&l->call, target, &l->loss[i], l->grad + i * m->param_count);
    }
    m->reduce(l->loss, l->grad, l->call.shards, 1, l->call.batch, l->call.extent);
    if (adamw)
        adamw_step(&still, &s, l->grad, ++l->steps);
    m->pack(l->weights, (void *)l->call.packed, 1);
}

/* Seconds of forward pass, loss, gradient, one step of AdamW if asked for, and packing.  The
 * learning rate is so small that the weights stay where they are. */
double loop_step(Loop *l, const float *x, const float *target, int adamw, int64_t times)
{
    l->call.x = x;
    const double start = clock_now();
    for (int64_t i = 0; i < times; i++)
        take_step(l, target, adamw, i > 0);
    return (clock_now() - start) / (double)times;
}

/* Of the mean loss of the last step. */
const float *loop_gradient(const Loop *l)
{
    return l->grad;
}

double loop_loss(const Loop *l)
{
    return l->loss[0];
}
