/* check_cuda [-barriers|-exact|-tf32] TxX,.. FILE.arch LIBRARY MODEL [KERNELS]
 *
 * The CUDA text of a model against the double-precision oracle: forward, gradient and vjp,
 * a sample in a block and spread over the grid, one network and three, and in every order of
 * threads and blocks to the same bits.  With -exact weights are small integers, and many maxima
 * equal; with -barriers, a barrier left out must show; with -tf32, kernels whose products are of
 * TF32 alone are as far off as that makes them. */
#include <stdlib.h>
#include <string.h>

#include "check_cuda.h"
#include "grad/grad.h"

/* Two operands are off by 2^-11 each, which is 2^13 eps; and there are two layers. */
enum { TF32_RATIO_MAX = 1 << 14 };

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
bool spread(Check *k, ArchWhat what)
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
