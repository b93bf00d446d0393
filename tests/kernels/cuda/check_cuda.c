/* check_cuda [-barriers|-exact|-tf32] TxX,.. FILE.arch LIBRARY MODEL [KERNELS]
 *
 * The CUDA text of a model against the double-precision oracle: forward, gradient and vjp,
 * a sample in a block and spread over the grid, one network and three, and in every order of
 * threads and blocks to the same bits.  With -exact weights are small integers, and many maxima
 * equal; with -barriers, a barrier left out must show; with -tf32, kernels whose products are of
 * TF32 alone are as far off as that makes them. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "grad/grad.h"
#include "launch.h"

typedef struct Check {
    Tally tally;
    const Graph *g, *loss, *vjp; /* loss NULL: it has none */
    const ArchModel *m;
    double worst[3];
    double most;   /* that ratios may be            */
    bool barriers; /* leave out one after the other  */
    int spread;    /* calls that were, over the grid */
    int tile;      /* in tiles of so many sites      */
    bool larger;   /* is some lattice: one tile is not spread */
    Values values;

    /* What is being checked now. */
    Case c[INSTANCES_MAX]; /* one input, weights of each instance */
    Batch b;
} Check;

static const char *const what_name[] = {"forward", "gradient", "vjp"};

static const char *where(const Check *k)
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

/* ---- against the oracle ---- */

/* Two operands are off by 2^-11 each, which is 2^13 eps; and there are two layers. */
enum { TF32_RATIO_MAX = 1 << 14 };

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

static void compare_all(Check *k, ArchWhat what, const Answer *a)
{
    tally(&k->tally, a->good, "%s: %s has no plan, or threads part at a barrier",
          where(k), what_name[what]);
    for (int i = 0; i < k->b.instances; i++)
        compare(k, what, a, i);
}

/* ---- against itself ---- */

static void same(Check *k, ArchWhat what, const Answer *a, Answer b, const char *how)
{
    tally(&k->tally, answer_equal(&k->b, what, a, &b), "%s: %s has other bits %s",
          where(k), what_name[what], how);
    answer_free(&b);
}

static void check_orders(Check *k, ArchWhat what, const Answer *wanted)
{
    k->b.order = ORDER_REVERSED;
    same(k, what, wanted, answer_of(&k->b, what, PARTS_ALL), "with threads reversed");
    k->b.order = ORDER_SHUFFLED;
    same(k, what, wanted, answer_of(&k->b, what, PARTS_ALL), "with threads shuffled");
    k->b.order = ORDER_FORWARD;
}

/* dx without dparams, and the other way round. */
static void check_halves(Check *k, const Answer *wanted)
{
    Answer dx = answer_of(&k->b, ARCH_VJP, PARTS_DX);
    Answer dparams = answer_of(&k->b, ARCH_VJP, PARTS_DPARAMS);
    void *own = dx.dparams;
    dx.dparams = dparams.dparams;
    dparams.dparams = own;
    dx.good &= dparams.good;
    same(k, ARCH_VJP, wanted, dx, "if dx and dparams are asked for alone");
    answer_free(&dparams);
}

/* With little shared memory: tiles of some sites, spread over the grid. */
static bool spread(Check *k, ArchWhat what)
{
    ArchCudaPlan plan;
    size_t little = 0;
    for (size_t bytes = 64; bytes <= machine_device().shared_block;
         bytes += 1 + bytes / 64) {
        k->b.device.shared_block = bytes;
        k->b.device.shared_total = 2 * bytes + 2048;
        if (!k->m->cuda_plan(&k->b.call, what, &k->b.device, &plan))
            continue;
        if (plan.in_shared)
            break;
        little = bytes;
        if (plan.tile >= k->tile)
            break;
    }
    k->b.device.shared_block = little;
    k->b.device.shared_total = 2 * little + 2048;
    return little > 0;
}

static void check_grid(Check *k, ArchWhat what, bool thorough)
{
    ArchCudaDevice device = k->b.device;
    if (spread(k, what)) {
        k->spread++;
        Answer a = answer_of(&k->b, what, PARTS_ALL);
        compare_all(k, what, &a);
        if (thorough)
            check_orders(k, what, &a);
        if (thorough && what == ARCH_VJP)
            check_halves(k, &a);
        answer_free(&a);
    }
    k->b.device = device;
}

/* Every type of x, rows in any order, and numbers that lie apart: the same bits. */
static void check_input(Check *k)
{
    static const ArchType type[] = {ARCH_I8, ARCH_I16, ARCH_I32, ARCH_F32, ARCH_F64};
    static const size_t size[] = {1, 2, 4, 4, 8};
    const Case *c = &k->c[0];
    int64_t batch = k->b.batch, field = c->channels * c->sites, row[BATCH_MAX];
    int64_t count = batch * field;
    Answer wanted = answer_of(&k->b, ARCH_FORWARD, PARTS_ALL);
    ArchCall call = k->b.call;
    for (int64_t n = 0; n < batch; n++)
        row[n] = batch - 1 - n;
    k->b.call.index = machine_copy_of(row, sizeof row);
    for (size_t t = 0; t < countof(type); t++) {
        char *x = malloc(size[t] * (size_t)count);
        for (int64_t i = 0; i < count; i++) { /* [site][channel][row] */
            int64_t s = i % c->sites, channel = i % field / c->sites;
            void *to = x + size[t] * (size_t)((s * c->channels + channel) * batch +
                                              row[i / field]);
            switch (type[t]) {
            case ARCH_I8: *(int8_t *)to = c->x_i8[i]; break;
            case ARCH_I16: *(int16_t *)to = c->x_i8[i]; break;
            case ARCH_I32: *(int32_t *)to = c->x_i8[i]; break;
            case ARCH_F32: *(float *)to = c->x_i8[i]; break;
            case ARCH_F64: *(double *)to = c->x_i8[i]; break;
            }
        }
        k->b.call.x = machine_copy_of(x, size[t] * (size_t)count);
        k->b.call.x_type = type[t];
        k->b.call.x_stride[0] = 1;
        k->b.call.x_stride[1] = batch;
        int64_t stride = batch * c->channels;
        for (int d = k->m->rank - 1; d >= 0; d--) {
            k->b.call.x_stride[2 + d] = stride;
            stride *= c->extent[d];
        }
        same(k, ARCH_FORWARD, &wanted, answer_of(&k->b, ARCH_FORWARD, PARTS_ALL),
             "from another type and layout of x");
        machine_free((void *)k->b.call.x);
        free(x);
    }
    machine_free((void *)k->b.call.index);
    k->b.call = call;
    answer_free(&wanted);
}

/* Instance i sees row n + i as its sample n. */
static void check_rows(Check *k)
{
    int64_t batch = k->b.batch, row[INSTANCES_MAX * BATCH_MAX];
    ArchCall call = k->b.call;
    Answer all = answer_of(&k->b, ARCH_FORWARD, PARTS_ALL);
    for (int64_t i = 0; i < k->b.instances; i++)
        for (int64_t n = 0; n < batch; n++)
            row[i * batch + n] = (n + i) % batch;
    k->b.call.index = machine_copy_of(row, sizeof row);
    k->b.call.index_stride = batch;
    Answer own = answer_of(&k->b, ARCH_FORWARD, PARTS_ALL);
    int64_t out = all.y_count / batch;
    bool equal = all.good && own.good;
    for (int64_t j = 0; equal && j < k->b.instances * all.y_count; j++) {
        int64_t i = j / all.y_count, n = j % all.y_count / out;
        int64_t from = i * all.y_count + row[i * batch + n] * out + j % out;
        equal = real_at(k->m, own.y, j) == real_at(k->m, all.y, from);
    }
    tally(&k->tally, equal, "%s: rows of one instance are not its own", where(k));
    machine_free((void *)k->b.call.index);
    k->b.call = call;
    answer_free(&all);
    answer_free(&own);
}

/* ---- without a barrier, without the end of a launch ---- */

/* True if some order of threads and blocks has other bits than `wanted`. */
static bool is_missed(Check *k, ArchWhat what, const Answer *wanted)
{
    bool missed = false;
    for (k->b.order = ORDER_FORWARD; k->b.order <= ORDER_SHUFFLED && !missed;
         k->b.order++) {
        Answer a = answer_of(&k->b, what, PARTS_ALL);
        missed = !answer_equal(&k->b, what, wanted, &a);
        answer_free(&a);
    }
    k->b.order = ORDER_FORWARD;
    return missed;
}

typedef struct Missed {
    int all, missed;
} Missed;

static void count(Missed *m, bool missed, ArchWhat what, const char *thing, int number)
{
    if (!missed)
        printf("%s: the %s %d is not missed\n", what_name[what], thing, number);
    m->missed += missed;
    m->all++;
}

static void leave_out_barriers(Check *k, ArchWhat what, Missed *m)
{
    int line[FIBERS_BARRIERS];
    machine_barriers(line);
    Answer wanted = answer_of(&k->b, what, PARTS_ALL);
    int lines = machine_barriers(line);
    for (int i = 0; i < lines; i++) {
        machine_without(line[i]);
        count(m, is_missed(k, what, &wanted), what, "barrier in line", line[i]);
        machine_without(0);
    }
    answer_free(&wanted);
}

static void leave_out_ends(Check *k, ArchWhat what, Missed *m)
{
    Answer wanted = answer_of(&k->b, what, PARTS_ALL);
    for (int pass = 0; pass + 1 < wanted.plan.passes; pass++) {
        k->b.joined = pass;
        count(m, is_missed(k, what, &wanted), what, "end of pass", pass);
        k->b.joined = -1;
    }
    answer_free(&wanted);
}

static void judge_missed(Check *k, const Missed *m, double least, const char *things)
{
    tally(&k->tally, m->all > 0 && m->missed >= m->all * least,
          "%d of %d %s are missed", m->missed, m->all, things);
    printf("%d of %d %s are missed\n", m->missed, m->all, things);
}

/* Not all are missed: a thread may read what it has made itself, a tile may leave nothing
 * that the next one needs, and two passes of one level do not read each other's. */
static void check_barriers(Check *k)
{
    Missed barriers = {0, 0}, tiles = {0, 0}, ends = {0, 0};
    ArchCudaDevice device = k->b.device;
    for (int what = 0; what < 3; what++) {
        if (what == ARCH_GRADIENT && !k->loss)
            continue;
        k->b.device.multiprocessors = 1; /* one block for all samples */
        k->b.device.shared_total = 0;
        leave_out_barriers(k, (ArchWhat)what, &barriers);
        k->b.device = device;
        if (!spread(k, (ArchWhat)what))
            continue;
        k->spread++;
        leave_out_ends(k, (ArchWhat)what, &ends);
        k->b.device.multiprocessors = 1;
        k->b.device.shared_total = 0;
        leave_out_barriers(k, (ArchWhat)what, &tiles);
        k->b.device = device;
    }
    judge_missed(k, &barriers, 0.66, "barriers on a block");
    judge_missed(k, &tiles, 0.5, "barriers on the grid");
    judge_missed(k, &ends, 0.8, "ends of a pass");
}

/* ---- cases ---- */

static void check_whats(Check *k, bool thorough)
{
    for (int i = 0; i < 3; i++) {
        ArchWhat what = (ArchWhat)i;
        if (what == ARCH_GRADIENT && !k->loss)
            continue;
        Answer a = answer_of(&k->b, what, PARTS_ALL);
        compare_all(k, what, &a);
        if (thorough)
            check_orders(k, what, &a);
        if (thorough && what == ARCH_VJP)
            check_halves(k, &a);
        answer_free(&a);
        check_grid(k, what, thorough);
    }
}

/* Another network of the same architecture. */
static void other_weights(Case *c, const Case *first, uint64_t seed)
{
    *c = *first;
    c->params = NEW_ARRAY(first->arena, double, first->g->param_count + 1);
    for (int64_t i = 0; i < first->g->param_count; i++)
        c->params[i] = (float)(check_uniform(&seed) / 4);
}

static bool takes(const Check *k, const int64_t *extent)
{
    ArchCudaPlan plan;
    ArchCall call = {.size = sizeof call, .batch = 1};
    ArchCudaDevice device = machine_device();
    memcpy(call.extent, extent, sizeof call.extent);
    return k->m->cuda_plan(&call, ARCH_FORWARD, &device, &plan) != 0;
}

static void check_lattice(Check *k, const int64_t *extent, bool first)
{
    bool accepted = case_make(&k->c[0], k->g, extent, BATCH_MAX, k->values, 29);
    tally(&k->tally, accepted == takes(k, extent),
          "%s and the oracle disagree on whether it takes %lldx%lld", k->m->name,
          (long long)extent[0], (long long)extent[1]);
    if (!accepted)
        return;
    for (int i = 1; i < INSTANCES_MAX; i++)
        other_weights(&k->c[i], &k->c[0], (uint64_t)i);
    bool heavy = k->g->param_count * k->c[0].sites > 1000000;
    k->tile = heavy && !k->barriers ? 16 : 4;
    k->larger |= k->c[0].sites > k->tile;
    if (k->barriers) {
        k->b = batch_new(k->m, k->c, 2, 1, 64);
        check_barriers(k);
    } else {
        k->b = batch_new(k->m, k->c, heavy ? 1 : BATCH_MAX, 1,
                         first ? FIBERS_THREADS : 96);
        check_whats(k, first);
        if (first)
            check_input(k);
    }
    batch_free(&k->b);
    if (first && !k->barriers) {
        k->b = batch_new(k->m, k->c, 2, INSTANCES_MAX, 64);
        check_whats(k, false);
        check_rows(k);
        batch_free(&k->b);
    }
    case_free(&k->c[0]);
}

/* On a device with 132 multiprocessors: many small lattices have a block each; a large one is
 * spread, and so are many of them, a few at a time. */
static void check_choice(Check *k)
{
    const ArchCudaDevice device = {132, 1024, 227 << 10, 228 << 10};
    ArchCall call = {
        .size = sizeof call, .extent = {8, 8},
              .batch = 10000
    };
    ArchCudaPlan plan;
    if (k->m->rank != 2 || k->m->fixed_extent[0])
        return;
    Case c;
    bool taken = case_make(&c, k->g, call.extent, 1, k->values, 29);
    if (taken)
        case_free(&c);
    bool good = k->m->cuda_plan(&call, ARCH_VJP, &device, &plan);
    tally(&k->tally, good == taken && (!taken || (plan.in_shared && plan.passes == 1)),
          "8x8 is spread");
    call.extent[0] = call.extent[1] = 512;
    for (call.batch = 1; call.batch <= 10000; call.batch *= 100) {
        good = k->m->cuda_plan(&call, ARCH_VJP, &device, &plan);
        tally(&k->tally, good, "there is no plan for 512x512");
        if (!good)
            return;
        size_t sums =
            real_size(k->m) * (size_t)(plan.blocks * k->m->param_count) + 4096;
        size_t all = plan.work_bytes > sums ? plan.work_bytes - sums : 0;
        size_t one = all / (size_t)plan.round;
        tally(&k->tally, !plan.in_shared && plan.blocks >= 132,
              "512x512 is on %lld blocks", (long long)plan.blocks);
        tally(&k->tally, plan.round == 1 || one * (size_t)plan.round <= 256u << 20,
              "%lld samples of 512x512 take %zu bytes", (long long)call.batch,
              plan.work_bytes);
    }
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
    Check k = {.barriers = argc > 1 && !strcmp(argv[1], "-barriers"),
               .most = RATIO_MAX};
    bool tf32 = argc > 1 && !strcmp(argv[1], "-tf32");
    if (argc > 1 && !strcmp(argv[1], "-exact"))
        k.values = VALUES_INTEGER;
    if (tf32)
        k.most = TF32_RATIO_MAX;
    bool option = tf32 || k.barriers || k.values == VALUES_INTEGER;
    argc -= option;
    argv += option;
    if (argc != 5 && argc != 6) {
        fprintf(
            stderr,
            "usage: check_cuda [-barriers|-exact|-tf32] TxX,.. FILE.arch LIBRARY MODEL "
            "[KERNELS]\n");
        return 2;
    }
    Arena *a = arena_new();
    k.g = graph_read(argv[2], a);
    k.m = model_load(argv[3], argv[4]);
    machine_open(k.m, argc == 6 ? argv[5] : NULL);
    k.tally.name = k.m->name;
    k.vjp = grad_reverse(k.g, GRAD_VJP, a);
    k.loss = k.g->loss ? grad_reverse(k.g, GRAD_LOSS, a) : NULL;
    check_choice(&k);
    check_lattices(&k, argv[1]);
    tally(&k.tally, k.spread > 0 || !k.larger, "nothing was spread over the grid");
    printf("%d calls spread over the grid\n", k.spread);
    for (int what = 0; what < 3 && !k.barriers; what++)
        printf("%s: worst ratio %.2g\n", what_name[what], k.worst[what]);
    tally(&k.tally, !tf32 || k.worst[ARCH_FORWARD] > RATIO_MAX,
          "as accurate as if it were not in TF32");
    arena_free(a);
    return tally_end(&k.tally);
}
