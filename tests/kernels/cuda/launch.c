#include "launch.h"

#include <stdlib.h>
#include <string.h>

static void *real_copies(const ArchModel *m, const double *x, int64_t count, void *to,
                         int64_t first)
{
    for (int64_t i = 0; i < count; i++)
        real_set(m, to, first + i, x[i]);
    return to;
}

/* An array of the host moves to the machine. */
static void *moved(void *host, size_t bytes)
{
    void *p = machine_copy_of(host, bytes);
    free(host);
    return p;
}

static bool launch(const Batch *b, const ArchCudaPlan *plan,
                   const ArchCudaArrays *arrays, ArchCudaStage stage, int pass)
{
    ArchCudaLaunch l;
    if (!b->m->cuda_launch(&b->call, plan, arrays, stage, pass, &l))
        return true;
    if (stage != ARCH_CUDA_RUN)
        l.grid[0] = 2; /* their loops take any grid */
    return machine_launch(&l, 1, b->order);
}

static bool launch_passes(const Batch *b, const ArchCudaPlan *plan,
                          const ArchCudaArrays *arrays)
{
    bool good = plan->passes >= 1;
    for (int pass = 0; pass < plan->passes; pass++) {
        ArchCudaLaunch l[2];
        int n = 0;
        bool two = pass == b->joined && pass + 1 < plan->passes;
        for (int k = pass; k <= pass + two; k++)
            n +=
                b->m->cuda_launch(&b->call, plan, arrays, ARCH_CUDA_RUN, k, &l[n]) != 0;
        machine_joined(two);
        good &= machine_launch(l, n, b->order);
        machine_joined(false);
        pass += two;
    }
    return good;
}

Batch batch_new(const ArchModel *m, const Case *c, int64_t batch, int64_t instances,
                int threads)
{
    Batch b = {.m = m, .c = c, .batch = batch, .instances = instances, .joined = -1};
    size_t size = real_size(m);
    int64_t out = batch * c->out, count = m->param_count;
    void *params = real_new(m, count * instances), *dy = real_new(m, out * instances);
    for (int i = 0; i < instances; i++) {
        real_copies(m, c[i].params, count, params, i * count);
        real_copies(m, c[i].dy, out, dy, i * out);
    }
    void *target = real_copies(m, c->target, out, real_new(m, out), 0);
    b.device = machine_device();
    b.device.threads = threads;
    b.call = (ArchCall){
        .size = sizeof b.call,
        .batch = batch,
        .instances = instances,
        .x = machine_copy_of(c->x_i8, (size_t)(batch * c->channels * c->sites)),
        .x_type = ARCH_I8};
    memcpy(b.call.extent, c->extent, sizeof b.call.extent);
    b.arrays = (ArchCudaArrays){
        .params = moved(params, size * (size_t)(count * instances)),
        .packed = machine_new(m->cuda_packed_bytes * (size_t)instances),
        .target = moved(target, size * (size_t)out),
        .dy = moved(dy, size * (size_t)(out * instances))};
    launch(&b, NULL, &b.arrays, ARCH_CUDA_PACK, 0);
    return b;
}

void batch_free(Batch *b)
{
    machine_free((void *)b->call.x);
    machine_free((void *)b->arrays.params);
    machine_free(b->arrays.packed);
    machine_free((void *)b->arrays.target);
    machine_free((void *)b->arrays.dy);
}

static void fetch(void *to, void *from, size_t bytes)
{
    machine_fetch(to, from, bytes);
    machine_free(from);
}

Answer answer_of(const Batch *b, ArchWhat what, Parts parts)
{
    const Case *c = b->c;
    Answer a = {.y_count = b->batch * c->out,
                .dx_count = b->batch * c->channels * c->sites,
                .params = b->m->param_count};
    size_t size = real_size(b->m) * (size_t)b->instances;
    size_t y = size * (size_t)a.y_count, dx = size * (size_t)a.dx_count,
           dparams = size * (size_t)a.params;
    a.y = real_new(b->m, a.y_count * b->instances);
    a.dx = real_new(b->m, a.dx_count * b->instances);
    a.dparams = real_new(b->m, a.params * b->instances);
    ArchCudaPlan plan;
    if (!b->m->cuda_plan(&b->call, what, &b->device, &plan))
        return a;
    a.plan = plan;
    ArchCudaArrays r = b->arrays;
    r.tables = machine_new(plan.table_bytes);
    r.work = machine_new(plan.work_bytes);
    r.y = machine_new(y);
    void *own_dx = machine_new(dx), *own_dparams = machine_new(dparams);
    r.dx = parts & PARTS_DX ? own_dx : NULL;
    r.dparams = what != ARCH_FORWARD && parts & PARTS_DPARAMS ? own_dparams : NULL;
    r.loss = machine_new(sizeof a.loss);
    a.good = launch(b, &plan, &r, ARCH_CUDA_TABLES, 0) && launch_passes(b, &plan, &r) &&
             launch(b, &plan, &r, ARCH_CUDA_REDUCE, 0);
    fetch(a.y, r.y, y);
    fetch(a.dx, own_dx, dx);
    fetch(a.dparams, own_dparams, dparams);
    fetch(a.loss, r.loss, sizeof a.loss);
    machine_free(r.tables);
    machine_free(r.work);
    return a;
}

void answer_free(Answer *a)
{
    free(a->y);
    free(a->dx);
    free(a->dparams);
}

bool answer_equal(const Batch *b, ArchWhat what, const Answer *x, const Answer *y)
{
    size_t size = real_size(b->m) * (size_t)b->instances;
    if (!x->good || !y->good)
        return false;
    if (what == ARCH_FORWARD)
        return !memcmp(x->y, y->y, size * (size_t)x->y_count);
    if (what == ARCH_VJP)
        return !memcmp(x->dx, y->dx, size * (size_t)x->dx_count) &&
               !memcmp(x->dparams, y->dparams, size * (size_t)x->params);
    return !memcmp(x->dparams, y->dparams, size * (size_t)x->params) &&
           !memcmp(x->loss, y->loss, (size_t)b->instances * sizeof *x->loss);
}
