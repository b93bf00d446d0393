/* check_cuda [-barriers] TxX,.. FILE.arch LIBRARY MODEL KERNELS
 *
 * The CUDA text of a model, run on the CPU, against the double-precision oracle: forward,
 * gradient and vjp, with the fields in shared and in global memory, one network and three,
 * and in every order of threads to the same bits.  With -barriers, a barrier left out must
 * show. */
#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "grad/grad.h"
#include "run.h"

enum { INSTANCES_MAX = 3, BATCH_MAX = 5 };

typedef struct Check {
    Tally tally;
    const Graph *g, *loss, *vjp; /* loss NULL: it has none */
    const ArchModel *m;
    void *library;
    double worst[3];
    bool barriers; /* leave out one after the other */

    /* What is being checked now. */
    Case c[INSTANCES_MAX]; /* one input, weights of each instance */
    int64_t batch, instances;
    ArchCall call;
    ArchCudaDevice device;
    ArchCudaArrays arrays;
    RunOrder order;
} Check;

/* What a launch leaves. */
typedef struct Answer {
    int64_t y_count, dx_count, params;
    void *y, *dx, *dparams;
    double loss[INSTANCES_MAX];
    int64_t blocks;
    bool good; /* the launch came to its end */
} Answer;

static const char *const what_name[] = {"forward", "gradient", "vjp"};

static const char *where(const Check *k)
{
    static char text[128];
    int used = snprintf(text, sizeof text, "%s,", k->m->name);
    for (int d = 0; d < k->m->rank; d++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%lld",
                         d ? "x" : " ", (long long)k->call.extent[d]);
    snprintf(text + used, sizeof text - (size_t)used,
             ", batch %lld, instances %lld, %d threads, %s memory", (long long)k->batch,
             (long long)k->instances, k->device.threads,
             k->device.shared_block ? "shared" : "global");
    return text;
}

/* ---- launches ---- */

static void *bytes_new(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 256, bytes ? bytes : 1))
        abort();
    memset(p, 0xff, bytes);
    return p;
}

static bool launch(Check *k, const ArchCudaPlan *plan, ArchCudaStage stage)
{
    ArchCudaLaunch l;
    if (!k->m->cuda_launch(&k->call, plan, &k->arrays, stage, &l))
        return true;
    if (stage != ARCH_CUDA_RUN)
        l.grid[0] = 2; /* their loops take any grid */
    return run_launch(k->library, &l, k->order);
}

/* All stages of a call but PACK. */
static bool launch_all(Check *k, const ArchCudaPlan *plan)
{
    k->arrays.tables = bytes_new(plan->table_bytes);
    k->arrays.work = bytes_new(plan->work_bytes);
    bool good = launch(k, plan, ARCH_CUDA_TABLES) && launch(k, plan, ARCH_CUDA_RUN) &&
                launch(k, plan, ARCH_CUDA_REDUCE);
    free(k->arrays.tables);
    free(k->arrays.work);
    return good;
}

static Answer answer_new(const Check *k)
{
    const Case *c = &k->c[0];
    Answer a = {.y_count = k->batch * c->out,
                .dx_count = k->batch * c->channels * c->sites,
                .params = k->m->param_count};
    a.y = real_new(k->m, a.y_count * k->instances);
    a.dx = real_new(k->m, a.dx_count * k->instances);
    a.dparams = real_new(k->m, a.params * k->instances);
    return a;
}

static void answer_free(Answer *a)
{
    free(a->y);
    free(a->dx);
    free(a->dparams);
}

static Answer run(Check *k, ArchWhat what)
{
    Answer a = answer_new(k);
    ArchCudaPlan plan;
    if (!k->m->cuda_plan(&k->call, what, &k->device, &plan)) {
        tally(&k->tally, false, "%s: no plan", where(k));
        return a;
    }
    a.blocks = plan.blocks;
    ArchCudaArrays *r = &k->arrays;
    r->y = a.y;
    r->dx = a.dx;
    r->dparams = what == ARCH_FORWARD ? NULL : a.dparams;
    r->loss = a.loss;
    a.good = launch_all(k, &plan);
    return a;
}

/* ---- against the oracle ---- */

static void judge(Check *k, ArchWhat what, double ratio, const char *part)
{
    k->worst[what] = fmax(k->worst[what], ratio);
    tally(&k->tally, ratio <= RATIO_MAX, "%s: %s%s, ratio %.3g", where(k),
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

static void compare(Check *k, ArchWhat what, const Answer *a, int i)
{
    const Graph *g = what == ARCH_FORWARD ? k->g : what == ARCH_VJP ? k->vjp : k->loss;
    Arena *arena = arena_new();
    const Eval *e = case_eval(&k->c[i], g, k->batch, arena);
    const void *dparams = piece(k, a->dparams, a->params, i);
    double terms = (double)(k->batch * k->c[0].out);
    if (what == ARCH_FORWARD)
        judge(k, what,
              error_ratio(k->m, piece(k, a->y, a->y_count, i), e->value[g->output.i],
                          e->magnitude[g->output.i], a->y_count),
              "");
    if (what == ARCH_VJP) {
        judge(k, what,
              error_ratio(k->m, piece(k, a->dx, a->dx_count, i), e->value[g->dx.i],
                          e->magnitude[g->dx.i], a->dx_count),
              " dx");
        judge_params(k, what, g, e, dparams, 1);
    }
    if (what == ARCH_GRADIENT) {
        judge_params(k, what, g, e, dparams, terms);
        double expected = 0, near = k->m->real == ARCH_F64 ? 1e-10 : 1e-3;
        for (int64_t n = 0; n < k->batch; n++)
            expected += e->value[g->loss_value.i][n] / terms;
        tally(&k->tally, fabs(a->loss[i] - expected) <= near * fabs(expected),
              "%s: loss %.17g, not %.17g", where(k), a->loss[i], expected);
    }
    arena_free(arena);
}

/* ---- against itself ---- */

static bool equal(const Check *k, ArchWhat what, const Answer *a, const Answer *b)
{
    size_t size = real_size(k->m) * (size_t)k->instances;
    if (!a->good || !b->good)
        return false;
    if (what == ARCH_FORWARD)
        return !memcmp(a->y, b->y, size * (size_t)a->y_count);
    if (what == ARCH_VJP && memcmp(a->dx, b->dx, size * (size_t)a->dx_count))
        return false;
    return !memcmp(a->dparams, b->dparams, size * (size_t)a->params) &&
           !memcmp(a->loss, b->loss, (size_t)k->instances * sizeof *a->loss);
}

static void same(Check *k, ArchWhat what, const Answer *a, const Answer *b,
                 const char *how)
{
    tally(&k->tally, equal(k, what, a, b), "%s: %s has other bits %s", where(k),
          what_name[what], how);
}

static void check_orders(Check *k, ArchWhat what, const Answer *wanted)
{
    static const char *const how[] = {"", "with threads reversed",
                                      "with threads shuffled"};
    for (k->order = RUN_REVERSED; k->order <= RUN_SHUFFLED; k->order++) {
        Answer a = run(k, what);
        same(k, what, wanted, &a, how[k->order]);
        answer_free(&a);
    }
    k->order = RUN_FORWARD;
}

/* In global memory: with as many blocks the same sums in the same order. */
static void check_global(Check *k, ArchWhat what, const Answer *wanted)
{
    ArchCudaDevice device = k->device;
    k->device.shared_block = 0;
    Answer a = run(k, what);
    if (a.blocks == wanted->blocks)
        same(k, what, wanted, &a, "in global memory");
    for (int i = 0; i < k->instances; i++)
        compare(k, what, &a, i);
    answer_free(&a);
    k->device = device;
}

/* dx without dparams, and the other way round. */
static void check_halves(Check *k, const Answer *wanted)
{
    ArchCudaPlan plan;
    k->m->cuda_plan(&k->call, ARCH_VJP, &k->device, &plan);
    ArchCudaArrays *r = &k->arrays;
    Answer a = answer_new(k);
    for (int half = 0; half < 2; half++) {
        r->dx = half ? NULL : a.dx;
        r->dparams = half ? a.dparams : NULL;
        a.good = launch_all(k, &plan);
    }
    same(k, ARCH_VJP, wanted, &a, "if dx and dparams are asked for alone");
    answer_free(&a);
}

/* ---- without a barrier ---- */

/* True if some order of threads has other bits than with all barriers. */
static bool is_missed(Check *k, ArchWhat what, int line, const Answer *wanted)
{
    bool missed = false;
    run_without(line);
    for (k->order = RUN_FORWARD; k->order <= RUN_SHUFFLED && !missed; k->order++) {
        Answer a = run(k, what);
        missed = !equal(k, what, wanted, &a);
        answer_free(&a);
    }
    run_without(0);
    k->order = RUN_FORWARD;
    return missed;
}

/* Not all are missed: a thread may read what it has made itself. */
static void check_barriers(Check *k)
{
    int line[RUN_BARRIERS], all = 0, missed = 0;
    k->device.multiprocessors = 1; /* one block for all samples */
    k->device.shared_total = 0;
    for (int what = 0; what < 3; what++) {
        if (what == ARCH_GRADIENT && !k->loss)
            continue;
        run_barriers(line);
        Answer wanted = run(k, (ArchWhat)what);
        int count = run_barriers(line);
        for (int i = 0; i < count; i++) {
            bool found = is_missed(k, (ArchWhat)what, line[i], &wanted);
            if (!found)
                printf("%s: the barrier in line %d is not missed\n", what_name[what],
                       line[i]);
            missed += found;
        }
        all += count;
        answer_free(&wanted);
    }
    tally(&k->tally, all > 0 && missed * 3 >= all * 2, "%d of %d barriers are missed",
          missed, all);
    printf("%d of %d barriers are missed\n", missed, all);
}

/* ---- cases ---- */

static void set_up(Check *k, int64_t batch, int64_t instances, int threads)
{
    const ArchModel *m = k->m;
    k->batch = batch;
    k->instances = instances;
    k->device = (ArchCudaDevice){.multiprocessors = 3,
                                 .threads = threads,
                                 .shared_block = RUN_SHARED_BYTES,
                                 .shared_total = RUN_SHARED_BYTES + 1024};
    k->call = (ArchCall){.size = sizeof k->call,
                         .batch = batch,
                         .instances = instances,
                         .x = k->c[0].x_i8,
                         .x_type = ARCH_I8};
    memcpy(k->call.extent, k->c[0].extent, sizeof k->call.extent);
    void *params = real_new(m, m->param_count * instances);
    void *dy = real_new(m, batch * k->c[0].out * instances);
    void *target = real_new(m, batch * k->c[0].out);
    for (int i = 0; i < instances; i++) {
        for (int64_t j = 0; j < m->param_count; j++)
            real_set(m, params, i * m->param_count + j, k->c[i].params[j]);
        for (int64_t j = 0; j < batch * k->c[0].out; j++)
            real_set(m, dy, i * batch * k->c[0].out + j, k->c[0].dy[j]);
    }
    for (int64_t j = 0; j < batch * k->c[0].out; j++)
        real_set(m, target, j, k->c[0].target[j]);
    k->arrays =
        (ArchCudaArrays){.params = params,
                         .packed = bytes_new(m->cuda_packed_bytes * (size_t)instances),
                         .target = target,
                         .dy = dy};
    launch(k, NULL, ARCH_CUDA_PACK);
}

static void tear_down(Check *k)
{
    free((void *)k->arrays.params);
    free(k->arrays.packed);
    free((void *)k->arrays.target);
    free((void *)k->arrays.dy);
}

static void check_what(Check *k, ArchWhat what, bool thorough)
{
    Answer a = run(k, what);
    tally(&k->tally, a.good, "%s: threads part at a barrier", where(k));
    for (int i = 0; i < k->instances; i++)
        compare(k, what, &a, i);
    if (thorough) {
        check_orders(k, what, &a);
        if (what == ARCH_VJP)
            check_halves(k, &a);
    }
    check_global(k, what, &a);
    answer_free(&a);
}

static void check_whats(Check *k, bool thorough)
{
    check_what(k, ARCH_FORWARD, thorough);
    check_what(k, ARCH_VJP, thorough);
    if (k->loss)
        check_what(k, ARCH_GRADIENT, thorough);
}

/* Every type of x, rows in any order, and numbers that lie apart: the same bits. */
static void check_input(Check *k)
{
    static const ArchType type[] = {ARCH_I8, ARCH_I16, ARCH_I32, ARCH_F32, ARCH_F64};
    static const size_t size[] = {1, 2, 4, 4, 8};
    const Case *c = &k->c[0];
    int64_t count = k->batch * c->channels * c->sites, row[BATCH_MAX];
    Answer wanted = run(k, ARCH_FORWARD);
    ArchCall call = k->call;
    for (int64_t n = 0; n < k->batch; n++)
        row[n] = k->batch - 1 - n;
    k->call.index = row;
    for (size_t t = 0; t < countof(type); t++) {
        char *x = bytes_new(size[t] * (size_t)count);
        for (int64_t i = 0; i < count; i++) { /* [site][channel][row], rows reversed */
            int64_t n = i / (c->channels * c->sites), j = i % (c->channels * c->sites);
            int64_t at =
                (j % c->sites * c->channels + j / c->sites) * k->batch + row[n];
            switch (type[t]) {
            case ARCH_I8: ((int8_t *)x)[at] = c->x_i8[i]; break;
            case ARCH_I16: ((int16_t *)x)[at] = c->x_i8[i]; break;
            case ARCH_I32: ((int32_t *)x)[at] = c->x_i8[i]; break;
            case ARCH_F32: ((float *)x)[at] = c->x_i8[i]; break;
            case ARCH_F64: ((double *)x)[at] = c->x_i8[i]; break;
            }
        }
        k->call.x = x;
        k->call.x_type = type[t];
        k->call.x_stride[0] = 1;
        k->call.x_stride[1] = k->batch;
        int64_t stride = k->batch * c->channels;
        for (int d = k->m->rank - 1; d >= 0; d--) {
            k->call.x_stride[2 + d] = stride;
            stride *= c->extent[d];
        }
        Answer a = run(k, ARCH_FORWARD);
        same(k, ARCH_FORWARD, &wanted, &a, "from another type and layout of x");
        answer_free(&a);
        free(x);
    }
    k->call = call;
    answer_free(&wanted);
}

/* Another network of the same architecture. */
static void other_weights(Case *c, const Case *first, uint64_t seed)
{
    *c = *first;
    c->params = NEW_ARRAY(first->arena, double, first->g->param_count + 1);
    for (int64_t i = 0; i < first->g->param_count; i++)
        c->params[i] = (float)(check_uniform(&seed) / 4);
}

static void check_lattice(Check *k, const int64_t *extent, bool first)
{
    ArchCudaPlan plan;
    ArchCall call = {.batch = 1};
    ArchCudaDevice device = {.multiprocessors = 1, .threads = 256};
    memcpy(call.extent, extent, sizeof call.extent);
    bool accepted = case_make(&k->c[0], k->g, extent, BATCH_MAX, VALUES_FLUX, 29);
    tally(&k->tally,
          accepted == (k->m->cuda_plan(&call, ARCH_FORWARD, &device, &plan) != 0),
          "%s and the oracle disagree on whether it takes %lldx%lld", k->m->name,
          (long long)extent[0], (long long)extent[1]);
    if (!accepted)
        return;
    for (int i = 1; i < INSTANCES_MAX; i++)
        other_weights(&k->c[i], &k->c[0], (uint64_t)i);
    bool heavy = k->g->param_count * k->c[0].sites > 1000000;
    set_up(k, heavy ? 1 : BATCH_MAX, 1, first ? 256 : 96);
    check_whats(k, first);
    if (first)
        check_input(k);
    if (first && k->barriers)
        check_barriers(k);
    tear_down(k);
    if (first) {
        set_up(k, 2, INSTANCES_MAX, 64);
        check_whats(k, false);
        tear_down(k);
    }
    case_free(&k->c[0]);
}

static void check_lattices(Check *k, const char *text)
{
    for (bool first = true; *text; first = false) {
        int64_t extent[ARCH_AXES_MAX] = {0};
        for (int d = 0; d < ARCH_AXES_MAX && *text && *text != ','; d++) {
            char *end;
            extent[d] = strtoll(text, &end, 10);
            text = end + (*end == 'x');
        }
        text += *text == ',';
        check_lattice(k, extent, first);
    }
}

int main(int argc, char **argv)
{
    Check k = {.barriers = argc > 1 && !strcmp(argv[1], "-barriers")};
    argc -= k.barriers;
    argv += k.barriers;
    if (argc != 6) {
        fprintf(stderr, "usage: check_cuda [-barriers] TxX,.. FILE.arch LIBRARY MODEL "
                        "KERNELS\n");
        return 2;
    }
    Arena *a = arena_new();
    k.g = graph_read(argv[2], a);
    k.m = model_load(argv[3], argv[4]);
    k.library = dlopen(argv[5], RTLD_NOW);
    if (!k.library || !k.m->cuda_source) {
        printf("no kernels: %s\n", k.library ? k.m->name : dlerror());
        return 1;
    }
    k.tally.name = k.m->name;
    k.vjp = grad_reverse(k.g, GRAD_VJP, a);
    k.loss = k.g->loss ? grad_reverse(k.g, GRAD_LOSS, a) : NULL;
    check_lattices(&k, argv[1]);
    for (int what = 0; what < 3; what++)
        printf("%s: worst ratio %.2g\n", what_name[what], k.worst[what]);
    arena_free(a);
    return tally_end(&k.tally);
}
