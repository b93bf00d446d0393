/* check_calls FILE.arch LIBRARY MODEL - every way to say the same thing to a model gives
 * the same bits: types and strides of x, rows by index, several instances, shards, work kept
 * from one call to the next. */
#include <stdlib.h>
#include <string.h>

#include "calls.h"

enum { STRIDES = 2 + ARCH_AXES_MAX };

static void expect(Calls *k, const ArchCall *call, const Answer *wanted,
                   const char *what, int number)
{
    Answer got = answer(k, call);
    tally(&k->tally, answers_equal(k, &got, wanted), "%s %d changes bits, %s", what,
          number, isa_name[k->isa]);
    answer_free(&got);
}

/* ---- where x lies --------------------------------------------------------------------- */

static void element_set(void *x, ArchType type, int64_t at, int value)
{
    switch (type) {
    case ARCH_I8: ((int8_t *)x)[at] = (int8_t)value; break;
    case ARCH_I16: ((int16_t *)x)[at] = (int16_t)value; break;
    case ARCH_I32: ((int32_t *)x)[at] = value; break;
    case ARCH_F32: ((float *)x)[at] = (float)value; break;
    case ARCH_F64: ((double *)x)[at] = value; break;
    }
}

/* Strides of x with the axes in the order `order`, slowest first, and `pad` elements of
 * something else behind every row of the fastest axis.  Returns the elements in all. */
static int64_t strides_of(const Calls *k, const int *order, int64_t pad,
                          int64_t *stride)
{
    int64_t size[STRIDES] = {ROWS, k->c->channels}, step = 1;
    for (int d = 0; d < k->m->rank; d++)
        size[2 + d] = k->c->extent[d];
    for (int i = k->m->rank + 1; i >= 0; i--) {
        stride[order[i]] = step;
        step = step * size[order[i]] + pad;
    }
    return step;
}

static void *spread_x(const Calls *k, const int64_t *stride, int64_t size,
                      ArchType type)
{
    void *x = malloc((size_t)size * 8);
    for (int64_t i = 0; i < size; i++)
        element_set(x, type, i, 99);
    int64_t at[STRIDES] = {0}, count = ROWS * k->c->channels * k->c->sites;
    for (int64_t i = 0; i < count; i++) {
        int64_t to = 0, rest = i;
        for (int d = k->m->rank - 1; d >= 0; d--) {
            at[2 + d] = rest % k->c->extent[d];
            rest /= k->c->extent[d];
        }
        at[1] = rest % k->c->channels;
        at[0] = rest / k->c->channels;
        for (int d = 0; d < 2 + k->m->rank; d++)
            to += at[d] * stride[d];
        element_set(x, type, to, k->c->x_i8[i]);
    }
    return x;
}

/* Samples, channels and axes from slow to fast: as x comes, axes turned around, channels last,
 * all turned around. */
enum { ORDERS = 4 };

static void order_of(int number, int rank, int *order)
{
    int last = 1 + rank;
    for (int d = 0; d <= last; d++)
        order[d] = number == 3                ? last - d
                   : number == 1 && d > 1     ? 2 + last - d
                   : number == 2 && d == last ? 1
                   : number == 2 && d > 0     ? d + 1
                                              : d;
}

static void check_x(Calls *k, const Answer *wanted)
{
    for (int o = 0; o < ORDERS; o++)
        for (int type = ARCH_I8; type <= (o % 3 ? ARCH_I8 : ARCH_F64); type++) {
            ArchCall call = plain_call(k);
            int order[STRIDES];
            order_of(o, k->m->rank, order);
            int64_t size = strides_of(k, order, 3 * (o % 2), call.x_stride);
            void *x = spread_x(k, call.x_stride, size, (ArchType)type);
            call.x = x;
            call.x_type = (ArchType)type;
            expect(k, &call, wanted, "x of layout and type", 10 * o + type);
            if (!o) {
                memset(call.x_stride, 0, sizeof call.x_stride);
                expect(k, &call, wanted, "contiguous x of type", type);
            }
            free(x);
        }
}

/* Rows in any order, some more than once; targets belong to rows. */
static void check_index(Calls *k)
{
    int64_t index[BATCH], size = k->c->channels * k->c->sites;
    uint64_t state = 5;
    for (int b = 0; b < BATCH; b++)
        index[b] = check_between(&state, 0, ROWS - 1);
    index[1] = index[0];
    int8_t *x = malloc((size_t)(BATCH * size));
    void *target = real_new(k->m, BATCH * k->c->out), *all = k->target;
    for (int64_t b = 0; b < BATCH; b++) {
        memcpy(x + b * size, k->c->x_i8 + index[b] * size, (size_t)size);
        for (int64_t i = 0; i < k->c->out; i++)
            real_set(k->m, target, b * k->c->out + i,
                     real_at(k->m, all, index[b] * k->c->out + i));
    }
    ArchCall call = plain_call(k);
    call.x = x;
    k->target = target;
    Answer wanted = answer(k, &call);
    call = plain_call(k);
    call.index = index;
    k->target = all;
    expect(k, &call, &wanted, "index of type", ARCH_I8);
    float *floats = malloc(sizeof(float) * (size_t)(ROWS * size));
    for (int64_t i = 0; i < ROWS * size; i++)
        floats[i] = k->c->x_i8[i];
    call.x = floats;
    call.x_type = ARCH_F32;
    expect(k, &call, &wanted, "index of type", ARCH_F32);
    answer_free(&wanted);
    free(floats);
    free(x);
    free(target);
}

/* ---- instances ------------------------------------------------------------------------ */

static void *piece(const Calls *k, const void *p, int64_t count, int i)
{
    return (char *)p + real_size(k->m) * (size_t)(count / INSTANCES * i);
}

/* Three networks in one call, each with rows of its own, are three calls. */
static void check_instances(Calls *k)
{
    const ArchModel *m = k->m;
    int64_t index[INSTANCES][BATCH];
    k->instances = INSTANCES;
    void *params = real_new(m, params_count(k)), *dy = real_new(m, y_count(k));
    uint64_t state = 6;
    for (int64_t i = 0; i < params_count(k); i++)
        real_set(m, params, i, check_uniform(&state) / 4);
    for (int64_t i = 0; i < y_count(k); i++)
        real_set(m, dy, i, check_uniform(&state));
    for (int i = 0; i < INSTANCES * BATCH; i++)
        index[i / BATCH][i % BATCH] = check_between(&state, 0, ROWS - 1);
    char *packed = NULL;
    if (posix_memalign((void **)&packed, 64, m->packed_bytes * INSTANCES + 1))
        abort();
    m->pack(params, packed, INSTANCES);
    ArchCall call = plain_call(k);
    call.packed = packed;
    call.instances = INSTANCES;
    call.index = index[0];
    call.index_stride = BATCH;
    const void *dy_one = k->dy;
    k->dy = dy;
    Answer all = answer(k, &call);
    int64_t y = y_count(k), dx = dx_count(k), p = params_count(k);
    k->instances = 1;
    for (int i = 0; i < INSTANCES; i++) {
        ArchCall one = plain_call(k);
        one.packed = k->trial->packed;
        one.index = index[i];
        m->pack(piece(k, params, p, i), k->trial->packed, 1);
        k->dy = piece(k, dy, y, i);
        Answer part = {.y = piece(k, all.y, y, i),
                       .dx = piece(k, all.dx, dx, i),
                       .dparams = piece(k, all.dparams, p, i),
                       .dgradient = piece(k, all.dgradient, p, i),
                       .loss = {all.loss[i]}};
        expect(k, &one, &part, "of three instances, number", i);
    }
    m->pack(k->trial->params, k->trial->packed, 1);
    k->dy = dy_one;
    answer_free(&all);
    free(params);
    free(dy);
    free(packed);
}

/* ---- work kept ------------------------------------------------------------------------ */

/* The second call in one work, on other rows, does as it would alone; lattices of few samples
 * are cut. */
static void check_kept(Calls *k)
{
    static const int64_t batch[] = {1, 3, 17};
    int64_t row[BATCH];
    for (int i = 0; i < BATCH; i++)
        row[i] = (7 * i + 3) % ROWS;
    for (size_t i = 0; i < countof(batch); i++)
        for (int what = 0; what < 2; what++) {
            ArchWhat kind = what ? ARCH_VJP : ARCH_FORWARD;
            int64_t count =
                batch[i] * (what ? k->c->channels * k->c->sites : k->c->out);
            void *y[2] = {real_new(k->m, count), real_new(k->m, count)};
            for (int kept = 0; kept < 2; kept++) {
                ArchCall call = trial_call(k->trial, batch[i], kind, k->isa);
                for (call.kept = 0; call.kept <= kept; call.kept++) {
                    call.index = call.kept == kept ? row : NULL;
                    if (what)
                        k->m->vjp(&call, k->dy, y[kept], NULL);
                    else
                        k->m->forward(&call, y[kept]);
                }
                call_free(&call);
            }
            tally(&k->tally, same(k, y[0], y[1], count),
                  "%s: work kept from call to call changes %s of %lld samples",
                  isa_name[k->isa], what ? "dx" : "y", (long long)batch[i]);
            free(y[0]);
            free(y[1]);
        }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: check_calls FILE.arch LIBRARY MODEL\n");
        return 2;
    }
    Arena *a = arena_new();
    const Graph *g = graph_read(argv[1], a);
    Calls k = {.m = model_load(argv[2], argv[3]), .instances = 1};
    k.tally.name = k.m->name;
    int64_t extent[ARCH_AXES_MAX] = {6, 4, 2, 2};
    for (int d = 0; d < g->rank; d++)
        if (g->fixed[d])
            extent[d] = g->fixed[d];
    Case c;
    if (!case_make(&c, g, extent, ROWS, VALUES_FLUX, 23))
        return 1;
    Trial trial = trial_make(&c, k.m);
    k.c = &c;
    k.trial = &trial;
    k.target = trial.target;
    k.dy = trial.dy;
    for (k.isa = isa_next(ARCH_ISA_BEST); k.isa; k.isa = isa_next(k.isa)) {
        ArchCall call = plain_call(&k);
        Answer wanted = answer(&k, &call);
        check_x(&k, &wanted);
        check_index(&k);
        check_instances(&k);
        check_shards(&k, &wanted);
        check_kept(&k);
        answer_free(&wanted);
    }
    isa_report_missing();
    trial_free(&trial);
    case_free(&c);
    arena_free(a);
    return tally_end(&k.tally);
}
