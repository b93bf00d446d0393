#include "check.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

uint32_t check_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

int check_between(uint64_t *state, int low, int high)
{
    return low + (int)(check_random(state) % (uint32_t)(high - low + 1));
}

double check_uniform(uint64_t *state)
{
    return check_random(state) / 1073741824.0 - 1;
}

/* ---- cases ---------------------------------------------------------------------------- */

/* About two weights of a sum differ from zero, so that numbers stay small through many
 * layers; which ones is random, so that every weight counts in some case. */
static double integer_weight(uint64_t *state, int fan_in)
{
    static const int value[] = {-1, 1, -1, 1, 2};
    bool zero = fan_in > 2 && check_between(state, 1, fan_in) > 2;
    return zero ? 0 : value[check_between(state, 0, 4)];
}

static void fill_params(Case *c, Values values, uint64_t *state)
{
    c->params = NEW_ARRAY(c->arena, double, c->g->param_count + 1);
    for (int k = 0; k < c->g->params; k++) {
        const Param *p = &c->g->param[k];
        for (int64_t i = 0; i < p->count; i++)
            c->params[p->offset + i] =
                values == VALUES_INTEGER
                    ? integer_weight(state, p->rank > 1 ? p->fan_in : 1)
                    : (float)(check_uniform(state) / sqrt((double)p->fan_in));
    }
}

static void fill_input(Case *c, Values values, uint64_t *state)
{
    int64_t count = c->batch * c->channels * c->sites;
    int range = values == VALUES_INTEGER ? 2 : 3;
    c->x = NEW_ARRAY(c->arena, double, count);
    c->x_i8 = NEW_ARRAY(c->arena, int8_t, count);
    for (int64_t i = 0; i < count; i++)
        c->x[i] = c->x_i8[i] = (int8_t)check_between(state, -range, range);
}

static double *fill_outputs(Case *c, Values values, bool probability, uint64_t *state)
{
    int64_t count = c->batch * c->out;
    double *y = NEW_ARRAY(c->arena, double, count);
    for (int64_t i = 0; i < count; i++)
        y[i] = probability                ? check_between(state, 0, 1)
               : values == VALUES_INTEGER ? check_between(state, -2, 2)
                                          : (float)check_uniform(state);
    return y;
}

/* One or none away from the output: the differences of a loss stay small integers. */
static void fill_targets_nearby(Case *c, uint64_t *state)
{
    Arena *a = arena_new();
    const double *y = case_eval(c, c->g, c->batch, a)->value[c->g->output.i];
    for (int64_t i = 0; i < c->batch * c->out; i++)
        c->target[i] = (float)(y[i] + check_between(state, -1, 1));
    arena_free(a);
}

bool case_make(Case *c, const Graph *g, const int64_t *extent, int64_t batch,
               Values values, uint64_t seed)
{
    Val culprit;
    if (!graph_accepts(g, extent, &culprit))
        return false;
    *c = (Case){.g = g, .batch = batch, .sites = 1, .arena = arena_new()};
    c->channels = graph_node(g, g->input)->shape.channels;
    for (int k = 0; k < g->rank; k++)
        c->sites *= c->extent[k] = extent[k];
    c->outputs = graph_node(g, g->output)->shape.channels;
    c->out_sites = shape_sites(&graph_node(g, g->output)->shape, extent);
    c->out = c->outputs * c->out_sites;
    uint64_t state = seed;
    fill_params(c, values, &state);
    fill_input(c, values, &state);
    c->target = fill_outputs(c, values, g->loss == LOSS_BCE, &state);
    c->dy = fill_outputs(c, values, false, &state);
    if (values == VALUES_INTEGER && g->loss == LOSS_MSE)
        fill_targets_nearby(c, &state);
    return true;
}

void case_free(Case *c)
{
    arena_free(c->arena);
}

const Eval *case_eval(const Case *c, const Graph *g, int64_t batch, Arena *a)
{
    EvalInput in = {.extent = c->extent,
                    .batch = batch,
                    .x = c->x,
                    .params = c->params,
                    .target = c->target,
                    .seed = c->dy};
    return graph_eval(g, &in, a);
}

/* ---- trials --------------------------------------------------------------------------- */

size_t real_size(const ArchModel *m)
{
    return m->real == ARCH_F64 ? sizeof(double) : sizeof(float);
}

double real_at(const ArchModel *m, const void *p, int64_t i)
{
    return m->real == ARCH_F64 ? ((const double *)p)[i] : ((const float *)p)[i];
}

void real_set(const ArchModel *m, void *p, int64_t i, double value)
{
    if (m->real == ARCH_F64)
        ((double *)p)[i] = value;
    else
        ((float *)p)[i] = (float)value;
}

/* Aligned to a cache line and not one byte longer, so that a sanitizer sees an overrun;
 * filled with NaN. */
static void *memory_new(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes ? bytes : 1))
        abort();
    memset(p, 0xff, bytes);
    return p;
}

void *real_new(const ArchModel *m, int64_t count)
{
    return memory_new(real_size(m) * (size_t)count);
}

static void *to_real(const ArchModel *m, const double *x, int64_t count)
{
    void *p = real_new(m, count);
    for (int64_t i = 0; i < count; i++)
        real_set(m, p, i, x[i]);
    return p;
}

Trial trial_make(const Case *c, const ArchModel *m)
{
    Trial t = {.c = c, .m = m};
    t.params = to_real(m, c->params, m->param_count);
    t.target = to_real(m, c->target, c->batch * c->out);
    t.dy = to_real(m, c->dy, c->batch * c->out);
    t.packed = memory_new(m->packed_bytes);
    m->pack(t.params, t.packed, 1);
    return t;
}

void trial_free(Trial *t)
{
    free(t->params);
    free(t->target);
    free(t->dy);
    free(t->packed);
}

ArchCall trial_call(const Trial *t, int64_t batch, ArchWhat what, ArchIsa isa)
{
    const Case *c = t->c;
    ArchCall call = {.size = sizeof call,
                     .batch = batch,
                     .x = c->x_i8,
                     .x_type = ARCH_I8,
                     .packed = t->packed,
                     .isa = isa};
    for (int k = 0; k < t->m->rank; k++)
        call.extent[k] = c->extent[k];
    call.work = memory_new(t->m->work_bytes(c->extent, batch, what));
    return call;
}

void call_free(ArchCall *call)
{
    free(call->work);
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

/* ---- instruction sets ----------------------------------------------------------------- */

const char *const isa_name[] = {"best", "plain", "avx2", "avx512"};

bool isa_present(ArchIsa isa)
{
#if defined(__x86_64__)
    if (isa == ARCH_ISA_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
    if (isa == ARCH_ISA_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return isa == ARCH_ISA_PLAIN;
}

void isa_report_missing(void)
{
    for (int isa = ARCH_ISA_PLAIN; isa <= ARCH_ISA_AVX512; isa++)
        if (!isa_present((ArchIsa)isa))
            printf("NOT RUN: %s, which this machine has not\n", isa_name[isa]);
}

ArchIsa isa_next(ArchIsa isa)
{
    for (int next = (int)isa + 1; next <= ARCH_ISA_AVX512; next++)
        if (isa_present((ArchIsa)next))
            return (ArchIsa)next;
    return ARCH_ISA_BEST;
}

/* ---- counting ------------------------------------------------------------------------- */

void tally(Tally *t, bool good, const char *format, ...)
{
    enum { FAILURES_SHOWN = 20 };
    t->checks++;
    if (good || ++t->failures > FAILURES_SHOWN)
        return;
    va_list args;
    va_start(args, format);
    printf("FAILED %s: ", t->name);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

int tally_end(const Tally *t)
{
    printf("%s: %d checks, %d failed\n", t->name, t->checks, t->failures);
    return t->failures || !t->checks;
}
