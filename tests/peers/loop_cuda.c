/* loop_cuda.c - a compiled network called many times over on a CUDA device, and how long that
 * took by the device's own events.
 *
 * As loop.c, for Python: what fails returns NULL or a negative number, with one line in `why`,
 * which has room for an ArchError's text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archrt/gpu_model.h"
#include "file.h"
#include "gpu_tools.h"

#define PIECES 12

/* A device, its compiler, and the optimiser's kernel. */
typedef struct Device {
    Gpu *gpu;
    GpuCompiler *compiler;
    GpuProgram tools;
    GpuEvent begin, end;
} Device;

/* What is called: arrays of the host. */
typedef struct LoopCase {
    int64_t extent[ARCH_AXES_MAX], batch, instances;
    int64_t training, x_type;
    const void *x;
    const float *weights; /* (instances, params)       */
    const float *target;  /* (batch, outputs, sites)   */
} LoopCase;

typedef struct CudaLoop {
    Device *device;
    GpuModel *model;
    const ArchModel *m;
    GpuMemory piece[PIECES]; /* all that is to be freed */
    int pieces;
    ArchCudaPlan plan;
    GpuWork work;
    AdamWArgument adamw;
    int64_t instances, steps;
    GpuMemory result; /* y, or the gradient */
} CudaLoop;

Device *device_new(int index, char *why);
void device_free(Device *d);
const char *device_name(const Device *d);
void device_numbers(const Device *d, double number[6]);
double device_copy_rate(Device *d, int64_t bytes, int times, char *why);
double model_flops(const ArchModel *m, const int64_t *extent, int training);
int64_t model_outputs(const ArchModel *m, const int64_t *extent);
int64_t model_params(const ArchModel *m);
int model_compile(const ArchModel *m, int arch, int driver, char *why);
CudaLoop *cuda_loop_new(Device *d, const ArchModel *m, const LoopCase *c, char *why);
void cuda_loop_free(CudaLoop *l);
double cuda_loop_run(CudaLoop *l, int adamw, int64_t times, char *why);
int cuda_loop_result(CudaLoop *l, void *to, char *why);

static void *told(const ArchError *e, char *why)
{
    memcpy(why, e->text, sizeof e->text);
    return NULL;
}

/* ---- the device ---- */

Device *device_new(int index, char *why)
{
    ArchError e;
    Device *d = calloc(1, sizeof *d);
    if (gpu_open(&d->gpu, index, &e) &&
        gpu_compiler_open(&d->compiler, gpu_info(d->gpu)->driver, &e) &&
        gpu_tools_load(&d->tools, d->gpu, d->compiler, ARCH_F32, &e) &&
        gpu_event_init(d->gpu, &d->begin, &e) && gpu_event_init(d->gpu, &d->end, &e))
        return d;
    device_free(d);
    return told(&e, why);
}

void device_free(Device *d)
{
    gpu_program_release(&d->tools);
    if (d->begin.handle)
        gpu_event_release(d->gpu, &d->begin);
    if (d->end.handle)
        gpu_event_release(d->gpu, &d->end);
    gpu_compiler_close(d->compiler);
    gpu_close(d->gpu);
    free(d);
}

const char *device_name(const Device *d)
{
    return gpu_info(d->gpu)->name;
}

/* Compute capability (90), version of the driver (13000), multiprocessors, clock in Hz, bytes
 * of the second cache and of memory. */
void device_numbers(const Device *d, double number[6])
{
    const GpuInfo *info = gpu_info(d->gpu);
    number[0] = info->arch;
    number[1] = info->driver;
    number[2] = info->sms;
    number[3] = 1e3 * info->clock_khz;
    number[4] = info->l2_bytes;
    number[5] = (double)info->memory_bytes;
}

/* Of a copy from one half of so many bytes to the other: bytes read and written a second,
 * the best of `times`. */
double device_copy_rate(Device *d, int64_t bytes, int times, char *why)
{
    ArchError e;
    GpuMemory all;
    double best = 0, seconds = 0;
    const size_t half = (size_t)bytes / 2;
    bool ok = gpu_alloc(d->gpu, 2 * half, &all, &e) && gpu_fill(d->gpu, all, 1, &e);
    for (int i = 0; ok && i < times; i++) {
        ok = gpu_event_record(d->gpu, d->begin, &e) &&
             gpu_copy(d->gpu, gpu_part(all, 0, half), gpu_part(all, half, half), half,
                      &e) &&
             gpu_event_record(d->gpu, d->end, &e) &&
             gpu_event_elapsed(d->gpu, d->begin, d->end, &seconds, &e);
        if (ok && 2 * (double)half > best * seconds)
            best = 2 * (double)half / seconds;
    }
    gpu_free(d->gpu, &all);
    if (ok)
        return best;
    told(&e, why);
    return -1;
}

/* ---- what a model says of itself ---- */

double model_flops(const ArchModel *m, const int64_t *extent, int training)
{
    return m->flops(extent, training ? ARCH_GRADIENT : ARCH_FORWARD);
}

/* Numbers of a sample; 0 for a lattice that the network cannot take. */
int64_t model_outputs(const ArchModel *m, const int64_t *extent)
{
    return m->work_bytes(extent, 1, ARCH_FORWARD) ? m->outputs * m->output_sites(extent)
                                                  : 0;
}

int64_t model_params(const ArchModel *m)
{
    return m->param_count;
}

/* Its kernels for a device of this compute capability and driver, into the cache. */
int model_compile(const ArchModel *m, int arch, int driver, char *why)
{
    ArchError e;
    GpuCompiler *compiler = NULL;
    GpuCode code = {0};
    char name[160]; /* as gpu_model_open() has it */
    snprintf(name, sizeof name, "%.150s.cu", m->name);
    const GpuSource source = {.name = name, .text = m->cuda_source};
    const bool ok = gpu_compiler_open(&compiler, driver, &e) &&
                    gpu_compile(compiler, &source, arch, &code, &e);
    gpu_code_release(&code);
    gpu_compiler_close(compiler);
    if (ok)
        return 0;
    told(&e, why);
    return -1;
}

/* ---- the loop ---- */

/* The learning rate is so small that the weights stay where they are. */
static const AdamW still = {
    .lr = 1e-9, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .amsgrad = true};

static bool reserve(CudaLoop *l, GpuMemory *to, size_t bytes, ArchError *e)
{
    if (!gpu_alloc(l->device->gpu, bytes, to, e))
        return false;
    l->piece[l->pieces++] = *to;
    return gpu_fill(l->device->gpu, *to, 0, e);
}

static bool bring(CudaLoop *l, GpuMemory *to, const void *from, size_t bytes,
                  ArchError *e)
{
    return reserve(l, to, bytes, e) && gpu_upload(l->device->gpu, *to, from, bytes, e);
}

/* Each instance has an order of its own, as in training: instance i begins with row i. */
static bool bring_rows(CudaLoop *l, ArchError *e)
{
    ArchCall *c = &l->work.call;
    GpuMemory rows;
    if (l->instances == 1)
        return true;
    const size_t bytes = (size_t)(l->instances * c->batch) * sizeof(int64_t);
    int64_t *row = memory_new(bytes);
    for (int64_t i = 0; i < l->instances; i++)
        for (int64_t n = 0; n < c->batch; n++)
            row[i * c->batch + n] = (n + i) % c->batch;
    bool ok = bring(l, &rows, row, bytes, e);
    free(row);
    c->index = gpu_pointer(rows, 0);
    c->index_stride = c->batch;
    return ok;
}

static bool bring_samples(CudaLoop *l, const LoopCase *from, ArchError *e)
{
    ArchCall *c = &l->work.call;
    GpuMemory x, labels;
    size_t numbers = (size_t)(c->batch * l->m->channels);
    for (int i = 0; i < l->m->rank; i++)
        numbers *= (size_t)c->extent[i];
    const size_t y =
        (size_t)(c->batch * model_outputs(l->m, c->extent)) * sizeof(float);
    if (!bring(l, &x, from->x, numbers * (c->x_type == ARCH_I8 ? 1 : sizeof(float)),
               e) ||
        !bring(l, &labels, from->target, y, e) || !bring_rows(l, e) ||
        (!c->training && !reserve(l, &l->result, y * (size_t)l->instances, e)))
        return false;
    c->x = gpu_pointer(x, 0);
    l->work.arrays.target = gpu_pointer(labels, 0);
    if (!c->training)
        l->work.arrays.y = gpu_pointer(l->result, 0);
    return true;
}

/* Weights (instances, params), and what a step makes of them. */
static bool bring_weights(CudaLoop *l, const float *weights, ArchError *e)
{
    const size_t all = (size_t)l->instances,
                 bytes = (size_t)l->m->param_count * sizeof *weights * all;
    GpuMemory w, moments, loss, packed, tables, work;
    ArchCudaArrays *a = &l->work.arrays;
    if (!bring(l, &w, weights, bytes, e) || !reserve(l, &moments, 3 * bytes, e) ||
        !reserve(l, &loss, 2 * all * sizeof(double), e) ||
        !reserve(l, &packed, l->m->cuda_packed_bytes * all, e) ||
        !reserve(l, &tables, l->plan.table_bytes, e) ||
        !reserve(l, &work, l->plan.work_bytes, e) ||
        (l->work.call.training && !reserve(l, &l->result, bytes, e)))
        return false;
    a->params = gpu_pointer(w, 0);
    a->packed = gpu_pointer(packed, 0);
    a->tables = gpu_pointer(tables, 0);
    a->work = gpu_pointer(work, 0);
    a->loss = gpu_pointer(loss, 0);
    if (l->work.call.training)
        a->dparams = gpu_pointer(l->result, 0);
    l->adamw = gpu_adamw(&still, 1);
    l->adamw.w = gpu_pointer(w, 0);
    l->adamw.m = gpu_pointer(moments, 0);
    l->adamw.v = gpu_pointer(moments, bytes);
    l->adamw.u = gpu_pointer(moments, 2 * bytes);
    l->adamw.g = gpu_pointer(l->result, 0);
    l->adamw.loss = gpu_pointer(loss, 0);
    l->adamw.loss_sum = gpu_pointer(loss, all * sizeof(double));
    l->adamw.params = l->m->param_count;
    l->adamw.samples = 1;
    return true;
}

CudaLoop *cuda_loop_new(Device *d, const ArchModel *m, const LoopCase *c, char *why)
{
    ArchError e;
    const ArchWhat what = c->training ? ARCH_GRADIENT : ARCH_FORWARD;
    CudaLoop *l = calloc(1, sizeof *l);
    *l = (CudaLoop){.device = d, .m = m, .instances = c->instances};
    l->work.plan = &l->plan;
    l->work.call = (ArchCall){.size = sizeof l->work.call,
                              .batch = c->batch,
                              .x_type = (ArchType)c->x_type,
                              .instances = c->instances,
                              .training = c->training != 0};
    memcpy(l->work.call.extent, c->extent, sizeof c->extent);
    if (gpu_model_open(&l->model, d->gpu, d->compiler, m, false, &e) &&
        gpu_model_plan(l->model, &l->work.call, what, &l->plan, &e) &&
        bring_samples(l, c, &e) && bring_weights(l, c->weights, &e) &&
        gpu_model_start(l->model, &l->work, ARCH_CUDA_PACK, &e) &&
        gpu_model_start(l->model, &l->work, ARCH_CUDA_TABLES, &e) &&
        gpu_synchronize(d->gpu, &e))
        return l;
    cuda_loop_free(l);
    return told(&e, why);
}

void cuda_loop_free(CudaLoop *l)
{
    for (int i = 0; i < l->pieces; i++)
        gpu_free(l->device->gpu, &l->piece[i]);
    gpu_model_close(l->model);
    free(l);
}

static bool take_step(CudaLoop *l, ArchError *e)
{
    const AdamWArgument now = gpu_adamw(&still, ++l->steps);
    l->adamw.keep = now.keep;
    l->adamw.step = now.step;
    l->adamw.root = now.root;
    return gpu_start_adamw(&l->device->tools, &l->adamw, l->instances, e);
}

static bool run_once(CudaLoop *l, bool adamw, ArchError *e)
{
    if (!gpu_model_start(l->model, &l->work, ARCH_CUDA_RUN, e))
        return false;
    return !l->work.call.training ||
           (gpu_model_start(l->model, &l->work, ARCH_CUDA_REDUCE, e) &&
            (!adamw || take_step(l, e)) &&
            gpu_model_start(l->model, &l->work, ARCH_CUDA_PACK, e));
}

/* Seconds of a call: forward, or forward pass, loss, gradient, one step of AdamW if asked
 * for, and packing, of all instances. */
double cuda_loop_run(CudaLoop *l, int adamw, int64_t times, char *why)
{
    ArchError e;
    Device *d = l->device;
    double seconds = 0;
    bool ok = gpu_event_record(d->gpu, d->begin, &e);
    for (int64_t i = 0; ok && i < times; i++)
        ok = run_once(l, adamw, &e);
    ok = ok && gpu_event_record(d->gpu, d->end, &e) &&
         gpu_event_elapsed(d->gpu, d->begin, d->end, &seconds, &e);
    if (ok)
        return seconds / (double)times;
    told(&e, why);
    return -1;
}

/* (instances, batch, outputs, sites), or the gradient of the mean loss (instances, params). */
int cuda_loop_result(CudaLoop *l, void *to, char *why)
{
    ArchError e;
    if (gpu_download(l->device->gpu, to, l->result, l->result.bytes, &e))
        return 0;
    told(&e, why);
    return -1;
}
