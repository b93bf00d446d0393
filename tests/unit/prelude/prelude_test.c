/* The functions that every generated file begins with, against their definitions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch_model.h"
#include "cmocka_all.h"

#define INLINE static inline __attribute__((unused))
typedef float real;
enum { AXES = 2 };
#include "parts.h"

#include "tables.h"

#include "sums.h"

#include "pack.h"

#include "lanes.h"

#include "bound.h"

#include "sweep.h"

enum { WINDOWS = 2000, TABLE_MAX = 4 * 4 * 9 * 9 };

static uint64_t random_state = 3;

static int between(int low, int high)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return low + (int)((random_state >> 33) % (uint64_t)(high - low + 1));
}

/* ---- tables --------------------------------------------------------------------------- */

typedef struct Layout {
    Window w;
    int64_t in[2], out[2];
} Layout;

/* Kernels up to 4, strides up to 3, extents from 1: also lattices smaller than the kernel. */
static Layout random_layout(int pool)
{
    Layout l = {.w = {.axes = 2}};
    for (int d = 0; d < 2; d++) {
        int kernel = between(1, 4), stride = between(1, 3),
            padded = !pool && between(0, 2);
        l.w.kernel[d] = kernel;
        l.w.stride[d] = stride;
        l.w.circular[d] = padded && between(0, 1);
        l.w.before[d] = padded ? (kernel - 1) / 2 : 0;
        l.in[d] = between(padded ? 1 : kernel, 9);
        l.out[d] =
            padded ? (l.in[d] + stride - 1) / stride : (l.in[d] - kernel) / stride + 1;
    }
    return l;
}

/* The input site that p sees through tap k, straight from the definition; -1: none. */
static int64_t input_seen(const Layout *l, const int64_t *p, const int64_t *k)
{
    int64_t q[2];
    for (int d = 0; d < 2; d++) {
        q[d] = p[d] * l->w.stride[d] + k[d] - l->w.before[d];
        if (l->w.circular[d])
            q[d] = (q[d] + 100 * l->in[d]) % l->in[d];
        if (q[d] < 0 || q[d] >= l->in[d])
            return -1;
    }
    return q[0] * l->in[1] + q[1];
}

static const Parts whole = {
    1, ARCH_LANES, {1, 1, 1, 1},
      0, 0, 0
};
static const Halo no_halo;

static void test_near_and_back(void **state)
{
    (void)state;
    static int32_t near[TABLE_MAX], back[TABLE_MAX], wanted[81];
    for (int n = 0; n < WINDOWS; n++) {
        Layout l = random_layout(0);
        int64_t in = l.in[0] * l.in[1], out = l.out[0] * l.out[1];
        fill_near(near, &no_halo, &l.w, &whole, l.in, l.out);
        fill_back(back, &no_halo, &l.w, &whole, l.in, l.out);
        for (int64_t tap = 0; tap < l.w.kernel[0] * l.w.kernel[1]; tap++) {
            int64_t k[] = {tap / l.w.kernel[1], tap % l.w.kernel[1]};
            for (int64_t q = 0; q < in; q++)
                wanted[q] = (int32_t)out;
            for (int64_t p = 0; p < out; p++) {
                int64_t at[] = {p / l.out[1], p % l.out[1]}, q = input_seen(&l, at, k);
                assert_int_equal(near[tap * out + p], q < 0 ? in : q);
                if (q >= 0)
                    wanted[q] = (int32_t)p;
            }
            assert_memory_equal(back + tap * in, wanted, sizeof *wanted * (size_t)in);
        }
    }
}

/* ---- parts ---------------------------------------------------------------------------- */

enum { HALO_MAX = 400, FIELD_MAX = (81 + 1 + HALO_MAX) * ARCH_LANES };

/* Windows that can be cut: a stride leads from whole parts to whole parts. */
static Layout random_cut(Parts *parts)
{
    Layout l = random_layout(0);
    *parts = whole;
    for (int d = 0; d < 2; d++) {
        int64_t most = ARCH_LANES / parts->count;
        if (l.w.before[d] == 0 && l.w.kernel[d] > 2) /* no padding */
            continue;
        l.in[d] = l.out[d] * l.w.stride[d];
        parts->grid[d] = between(1, most < 5 ? (int)most : 5);
        parts->count *= parts->grid[d];
    }
    parts->samples = ARCH_LANES / parts->count;
    return l;
}

static Layout uncut(const Layout *l, const Parts *parts)
{
    Layout all = *l;
    for (int d = 0; d < 2; d++) {
        all.in[d] *= parts->grid[d];
        all.out[d] *= parts->grid[d];
    }
    return all;
}

/* Number in the whole lattice of site s of the part in a lane. */
static int64_t site_of(const Parts *parts, const int64_t *extent, int64_t lane,
                       int64_t s)
{
    int64_t part = lane % parts->count;
    int64_t t = part / parts->grid[1] * extent[0] + s / extent[1],
            x = part % parts->grid[1] * extent[1] + s % extent[1];
    return t * extent[1] * parts->grid[1] + x;
}

/* A field whose value says where it is: 100 * sample + site + 1, and zero for the ghost. */
static void number_sites(const Parts *parts, const int64_t *extent, float *x)
{
    int64_t sites = extent[0] * extent[1];
    for (int64_t i = 0; i < (sites + 1) * ARCH_LANES; i++) {
        int64_t lane = i % ARCH_LANES, s = i / ARCH_LANES;
        x[i] = s < sites ? (float)(10000 * (lane / parts->count) + 1 +
                                   site_of(parts, extent, lane, s))
                         : 0;
    }
}

/* The last output site that sees q through tap k; -1: none. */
static int64_t seen_by(const Layout *l, int64_t q, const int64_t *k)
{
    for (int64_t p = l->out[0] * l->out[1]; p-- > 0;)
        if (input_seen(l, (int64_t[]){p / l->out[1], p % l->out[1]}, k) == q)
            return p;
    return -1;
}

/* What every lane finds in its table is what the whole lattice has there. */
static void expect_whole(const Layout *l, const Parts *parts, const int32_t *table,
                         const Halo *halo, int back)
{
    static float x[FIELD_MAX];
    Layout all = uncut(l, parts);
    const int64_t *from = back ? l->out : l->in, *to = back ? l->in : l->out;
    int64_t sites = to[0] * to[1];
    number_sites(parts, from, x);
    fill_halo(halo, x, 1, from[0] * from[1]);
    for (int64_t tap = 0; tap < l->w.kernel[0] * l->w.kernel[1]; tap++)
        for (int64_t i = 0; i < sites * parts->samples * parts->count; i++) {
            int64_t k[] = {tap / l->w.kernel[1], tap % l->w.kernel[1]};
            int64_t lane = i / sites, s = i % sites, at = site_of(parts, to, lane, s);
            int64_t wanted =
                back ? seen_by(&all, at, k)
                     : input_seen(&all, (int64_t[]){at / all.out[1], at % all.out[1]},
                                  k);
            float value =
                wanted < 0 ? 0 : (float)(10000 * (lane / parts->count) + 1 + wanted);
            assert_true(x[table[tap * sites + s] * ARCH_LANES + lane] == value);
        }
}

static void test_parts_see_the_whole(void **state)
{
    (void)state;
    static int32_t table[16 * 27 * 27], from[HALO_MAX], lane[HALO_MAX * ARCH_LANES];
    int cut = 0;
    for (int n = 0; n < WINDOWS; n++) {
        Parts parts;
        Layout l = random_cut(&parts);
        if (l.in[0] * l.in[1] > 81)
            continue;
        Reach reach = reach_forward(&l.w, &parts, l.in, l.out);
        Halo halo = {halo_sites(&reach), from, lane};
        assert_true(halo.sites <= HALO_MAX);
        fill_near(table, &halo, &l.w, &parts, l.in, l.out);
        expect_whole(&l, &parts, table, &halo, 0);
        reach = reach_backward(&l.w, &parts, l.in, l.out);
        halo.sites = halo_sites(&reach);
        assert_true(halo.sites <= HALO_MAX);
        fill_back(table, &halo, &l.w, &parts, l.in, l.out);
        expect_whole(&l, &parts, table, &halo, 1);
        cut += parts.count > 1;
    }
    assert_true(cut > WINDOWS / 3);
}

/* Few samples fill the lanes, many are left whole unless they would leave near memory. */
static void test_choose_parts(void **state)
{
    (void)state;
    for (int n = 0; n < WINDOWS; n++) {
        int64_t extent[] = {between(1, 99), between(1, 99)}, batch = between(1, 40);
        double bytes = 64.0 * between(1, 200) * (double)(extent[0] * extent[1]);
        Divisors can = {{0}};
        for (int d = 0; d < 2; d++)
            for (int by = 1; by <= ARCH_LANES; by++)
                can[d][by] = extent[d] % by == 0;
        Parts p = choose_parts(2, extent, &can, batch, bytes, 1);
        assert_int_equal(p.count, p.grid[0] * p.grid[1]);
        assert_int_equal(p.samples, ARCH_LANES / p.count);
        assert_true(can[0][p.grid[0]] && can[1][p.grid[1]]);
        if (batch >= ARCH_LANES && bytes <= CACHE_BYTES)
            assert_int_equal(p.count, 1);
        Cut all = {2,        extent, (const Divisors *)&can,
                   batch,    bytes,  CACHE_MISS,
                   cut_cost, NULL,   HUGE_VAL,
                   p};
        cut_axis(&all, 0,
                 (Parts){
                     1, ARCH_LANES, {1, 1, 1, 1},
                       0, 0, 0
        });
        if (all.best.count > 1) /* asking first loses nothing */
            assert_true(worth_cutting(batch, bytes));
        if (batch == 1 && extent[0] % 4 == 0 && extent[1] % 4 == 0)
            assert_true(p.count > 8);
    }
}

/* Every pair (window, site in it) stands in the cover once, with its tap. */
static void test_cover(void **state)
{
    (void)state;
    static int32_t cover[TABLE_MAX], tap[TABLE_MAX];
    for (int n = 0; n < WINDOWS; n++) {
        Layout l = random_layout(1);
        int64_t in = l.in[0] * l.in[1], out = l.out[0] * l.out[1], ways = 1, pairs = 0;
        for (int d = 0; d < 2; d++)
            ways *= (l.w.kernel[d] + l.w.stride[d] - 1) / l.w.stride[d];
        fill_cover(cover, NULL, &l.w, l.in, l.out);
        fill_cover(NULL, tap, &l.w, l.in, l.out);
        for (int64_t i = 0; i < ways * in; i++) {
            if (cover[i] == out)
                continue;
            int64_t p[] = {cover[i] / l.out[1], cover[i] % l.out[1]};
            int64_t k[] = {tap[i] / l.w.kernel[1], tap[i] % l.w.kernel[1]};
            assert_int_equal(input_seen(&l, p, k), i % in);
            for (int64_t j = i % in; j < i; j += in)
                assert_int_not_equal(cover[j], cover[i]);
            pairs++;
        }
        assert_int_equal(pairs, out * l.w.kernel[0] * l.w.kernel[1]);
    }
}

static void test_checked_sites(void **state)
{
    (void)state;
    assert_int_equal(checked_sites(2, (int64_t[]){60, 4}), 240);
    assert_int_equal(checked_sites(2, (int64_t[]){0, 4}), 0);
    assert_int_equal(checked_sites(2, (int64_t[]){-3, -4}), 0);
    assert_int_equal(checked_sites(2, (int64_t[]){1 << 15, 1 << 15}), 1 << 30);
    assert_int_equal(checked_sites(2, (int64_t[]){1 << 16, 1 << 15}), 0);
    assert_int_equal(checked_sites(2, (int64_t[]){INT64_MAX, INT64_MAX}), 0);
}

/* ---- sums and packing ----------------------------------------------------------------- */

/* Every weight from its tile, whatever the last tiles leave over. */
static void test_order_weights(void **state)
{
    (void)state;
    enum { MOST = 9, TAPS = 4, TILES = 3 * 3 * TAPS };
    float sums[TILES * 16], w[MOST * MOST * TAPS + 2];
    for (int64_t out = 1; out <= MOST; out++)
        for (int64_t in = 1; in <= MOST; in++) {
            int64_t tiles = (in + 3) / 4, of_tap = (out + 3) / 4 * tiles,
                    count = out * in * TAPS;
            for (int64_t i = 0; i < of_tap * TAPS * 16; i++) {
                int64_t tile = i / 16 % of_tap, tap = i / 16 / of_tap;
                int64_t o = tile / tiles * 4 + i % 4, c = tile % tiles * 4 + i % 16 / 4;
                sums[i] = o < out && c < in ? (float)((o * in + c) * TAPS + tap) : NAN;
            }
            w[0] = w[count + 1] = -1;
            order_weights(w, 1, sums, out, in, TAPS, 1);
            for (int64_t i = 0; i < count; i++)
                assert_true(w[1 + i] == (float)i);
            assert_true(w[0] == -1 && w[count + 1] == -1);
        }
}

/* One output: three taps in the place of four outputs, and of the last turn one. */
static void test_order_taps_at_once(void **state)
{
    (void)state;
    enum { IN = 5, TAPS = 4, AT_ONCE = 3, TURNS = 2, TILES = 2 };
    float sums[TURNS * TILES * 16], w[IN * TAPS];
    for (int i = 0; i < TURNS * TILES * 16; i++) {
        int tap = i / (TILES * 16) * AT_ONCE + i % 4, c = i % (TILES * 16) / 4;
        int there = i % 4 < AT_ONCE && tap < TAPS && c < IN;
        sums[i] = there ? (float)(c * TAPS + tap) : NAN;
    }
    order_weights(w, 0, sums, 1, IN, TAPS, AT_ONCE);
    for (int i = 0; i < IN * TAPS; i++)
        assert_true(w[i] == (float)i);
}

/* Every weight from matrices of rows of outputs or of inputs. */
static void test_order_matrices(void **state)
{
    (void)state;
    enum { OUT = 3, IN = 5, TAPS = 4, COUNT = OUT * IN * TAPS };
    for (int by_input = 0; by_input < 2; by_input++) {
        float sums[COUNT], w[COUNT + 2] = {-1};
        w[COUNT + 1] = -1;
        for (int i = 0; i < COUNT; i++) {
            int tap = i / (OUT * IN), at = i % (OUT * IN);
            int o = by_input ? at % OUT : at / IN, c = by_input ? at / OUT : at % IN;
            sums[i] = (float)((o * IN + c) * TAPS + tap);
        }
        order_matrices(w, 1, sums, OUT, IN, TAPS, by_input ? 1 : IN,
                       by_input ? OUT : 1);
        for (int i = 0; i < COUNT; i++)
            assert_true(w[1 + i] == (float)i);
        assert_true(w[0] == -1 && w[COUNT + 1] == -1);
    }
}

/* Any number of shards gives the mean, every shard once. */
static void test_reduce_shards(void **state)
{
    (void)state;
    for (int shards = 1; shards <= 13; shards++) {
        float d[13 * 2];
        double loss[13];
        for (int s = 0; s < shards; s++) {
            loss[s] = 1 << s;
            d[2 * s] = (float)(1 << s);
            d[2 * s + 1] = -3;
        }
        reduce_shards(loss, d, shards, 1, 2, 4);
        assert_true(loss[0] == ((1 << shards) - 1) / 4.0);
        assert_true(d[0] == (float)((1 << shards) - 1) / 4);
        assert_true(d[1] == -0.75f * (float)shards);
    }
}

static void test_pack_matrix(void **state)
{
    (void)state;
    enum { OUTS_MAX = 19, INS = 3, TAPS = 4 };
    float w[OUTS_MAX * INS * TAPS], packed[OUTS_MAX * INS * TAPS];
    for (int i = 0; i < OUTS_MAX * INS * TAPS; i++)
        w[i] = (float)i;
    for (int outs = 1; outs <= OUTS_MAX; outs++) {
        pack_matrix(w, packed, outs, TAPS, INS, INS * TAPS, 1, TAPS);
        for (int o = 0; o < outs; o++)
            for (int i = 0; i < INS; i++)
                for (int k = 0; k < TAPS; k++) {
                    int block = o / 8,
                        width = outs - 8 * block < 8 ? outs - 8 * block : 8;
                    int at = 8 * block * TAPS * INS + (k * INS + i) * width + o % 8;
                    assert_true(packed[at] == w[(o * INS + i) * TAPS + k]);
                }
    }
}

/* Where a sweep is chosen, all lattices divide into its bands, and those into windows. */
static void test_choose_sweep(void **state)
{
    (void)state;
    int swept = 0;
    for (int n = 0; n < WINDOWS; n++) {
        const int64_t extent[] = {between(1, 300), between(1, 60)};
        const int64_t rows = extent[0] / between(1, 4),
                      most = extent[0] / between(1, 3);
        Divisors can = {{0}};
        for (int axis = 0; axis < 2; axis++)
            for (int64_t k = 1; k <= ARCH_LANES; k++)
                can[axis][k] = (unsigned char)(extent[axis] % k ? 0 : 2);
        const int alone = between(0, 1);
        const double bytes = 1e3 * (double)(extent[0] * extent[1]);
        const Sweep s = {
            {between(1, 5), alone, 1, 0.5, 1},
            rows, most, bytes, bytes
        };
        Parts p =
            choose_parts(2, extent, (const Divisors *)&can, between(1, 20), bytes, 1);
        const Parts uncut = p;
        if (!choose_sweep(&s, 2, extent, (const Divisors *)&can, 16, &p)) {
            assert_memory_equal(&p, &uncut, sizeof p);
            continue;
        }
        swept++;
        assert_true(bytes / (double)uncut.count > CACHE_BYTES);
        assert_int_equal(p.ring, s.kernel.ring);
        assert_true(p.bands > 1 && p.bands * p.grid[0] <= most);
        assert_int_equal(rows % (p.bands * p.grid[0]), 0);
        assert_true(can[0][p.grid[0]] && can[1][p.grid[1]]);
        assert_true(!alone || p.samples == 1);
    }
    assert_true(swept > WINDOWS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choose_sweep),
                                       cmocka_unit_test(test_near_and_back),
                                       cmocka_unit_test(test_parts_see_the_whole),
                                       cmocka_unit_test(test_choose_parts),
                                       cmocka_unit_test(test_cover),
                                       cmocka_unit_test(test_checked_sites),
                                       cmocka_unit_test(test_order_weights),
                                       cmocka_unit_test(test_order_matrices),
                                       cmocka_unit_test(test_order_taps_at_once),
                                       cmocka_unit_test(test_reduce_shards),
                                       cmocka_unit_test(test_pack_matrix)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
