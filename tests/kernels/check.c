#include "check.h"

#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/diag.h"
#include "sema/sema.h"
#include "syntax/syntax.h"

/* A small generator of its own: the tests need numbers, not their quality. */
static uint32_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static int between(uint64_t *state, int low, int high)
{
    return low + (int)(next(state) % (uint32_t)(high - low + 1));
}

static double uniform(uint64_t *state)
{
    return next(state) / 2147483648.0 * 2 - 1;
}

static void *to_real(const Case *c, const double *x, int64_t count)
{
    size_t size = c->model->real == ARCH_F64 ? 8 : 4;
    void *p = arena_alloc(c->arena, size * (size_t)count + 1);
    for (int64_t i = 0; i < count; i++)
        if (size == 8)
            ((double *)p)[i] = x[i];
        else
            ((float *)p)[i] = (float)x[i];
    return p;
}

double real_at(const ArchModel *m, const void *p, int64_t i)
{
    return m->real == ARCH_F64 ? ((const double *)p)[i] : ((const float *)p)[i];
}

/* What the model will see is what the oracle gets: rounded to float where it is float. */
static void round_like_model(const Case *c, double *x, int64_t count)
{
    if (c->model->real == ARCH_F32)
        for (int64_t i = 0; i < count; i++)
            x[i] = (float)x[i];
}

static void fill_params(Case *c, Values values, uint64_t *state)
{
    for (int k = 0; k < c->model->params; k++) {
        const ArchParam *p = &c->model->param[k];
        for (int64_t i = 0; i < p->count; i++)
            c->params[p->offset + i] = values == VALUES_INTEGER
                                           ? between(state, -2, 2)
                                           : uniform(state) / sqrt((double)p->fan_in);
    }
    round_like_model(c, c->params, c->model->param_count);
    c->params_real = to_real(c, c->params, c->model->param_count);
    c->packed = aligned_alloc(64, (c->model->packed_bytes + 64) / 64 * 64);
    c->model->pack(c->params_real, c->packed, 1);
}

static void fill_input(Case *c, Values values, uint64_t *state)
{
    int64_t count = c->batch * c->model->channels * c->sites;
    int range = values == VALUES_INTEGER ? 2 : 3;
    c->x = NEW_ARRAY(c->arena, double, count);
    c->x_i8 = NEW_ARRAY(c->arena, int8_t, count);
    for (int64_t i = 0; i < count; i++)
        c->x[i] = c->x_i8[i] = (int8_t)between(state, -range, range);
}

static double *fill_outputs(Case *c, Values values, bool probability, uint64_t *state)
{
    int64_t count = c->batch * c->out;
    double *y = NEW_ARRAY(c->arena, double, count);
    for (int64_t i = 0; i < count; i++)
        y[i] = probability                ? between(state, 0, 1)
               : values == VALUES_INTEGER ? between(state, -2, 2)
                                          : uniform(state);
    round_like_model(c, y, count);
    return y;
}

bool case_make(Case *c, const Graph *g, const ArchModel *model, const int64_t *extent,
               int64_t batch, Values values, uint64_t seed)
{
    *c = (Case){.g = g, .model = model, .batch = batch, .sites = 1};
    for (int k = 0; k < model->rank; k++) {
        c->extent[k] = extent[k];
        c->sites *= extent[k];
    }
    if (!model->work_bytes(c->extent, batch, ARCH_FORWARD))
        return false;
    c->arena = arena_new();
    c->out = model->outputs * model->output_sites(c->extent);
    c->params = NEW_ARRAY(c->arena, double, model->param_count + 1);
    uint64_t state = seed;
    fill_params(c, values, &state);
    fill_input(c, values, &state);
    c->target = fill_outputs(c, values, model->loss == ARCH_LOSS_BCE, &state);
    c->dy = fill_outputs(c, values, false, &state);
    c->target_real = to_real(c, c->target, batch * c->out);
    c->dy_real = to_real(c, c->dy, batch * c->out);
    return true;
}

void case_free(Case *c)
{
    free(c->packed);
    arena_free(c->arena);
}

ArchCall case_call(const Case *c, ArchWhat what, ArchIsa isa)
{
    ArchCall call = {.size = sizeof call,
                     .batch = c->batch,
                     .x = c->x_i8,
                     .x_type = ARCH_I8,
                     .packed = c->packed,
                     .isa = isa};
    for (int k = 0; k < ARCH_AXES_MAX; k++)
        call.extent[k] = c->extent[k];
    call.work = aligned_alloc(64, c->model->work_bytes(c->extent, c->batch, what));
    return call;
}

double error_ratio(const ArchModel *m, const void *y, const double *y64,
                   const double *magnitude, int64_t count)
{
    double eps = m->real == ARCH_F64 ? DBL_EPSILON : (double)FLT_EPSILON, worst = 0;
    for (int64_t i = 0; i < count; i++) {
        double error = fabs(real_at(m, y, i) - y64[i]);
        if (!isfinite(error) || (error > 0 && magnitude[i] <= 0))
            return INFINITY;
        if (error > 0)
            worst = fmax(worst, error / (eps * magnitude[i]));
    }
    return worst;
}

const Graph *graph_read(const char *path, Arena *a)
{
    const char *why;
    const Source *source = source_read(path, a, &why);
    if (!source) {
        fprintf(stderr, "%s: %s\n", path, why);
        exit(1);
    }
    Diag *diag = diag_new(source, a);
    Graphs *graphs = sema_lower(syntax_parse(source, a, diag), a, diag);
    if (!graphs || graphs->count != 1) {
        diag_print(diag, stderr, false);
        exit(1);
    }
    return graphs->graph[0];
}

const ArchModel *model_load(const char *library, const char *name)
{
    void *handle = dlopen(library, RTLD_NOW);
    char symbol[256];
    snprintf(symbol, sizeof symbol, "%s_model", name);
    const ArchModel *(*model)(void) = NULL;
    if (handle)
        *(void **)&model = dlsym(handle, symbol);
    if (!model) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return model();
}
