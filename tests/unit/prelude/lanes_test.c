/* Between a caller's arrays and lanes, whole lattices and parts of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch_model.h"
#include "cmocka_all.h"

#define INLINE static inline __attribute__((unused))
typedef float real;
enum { AXES = 2 };
#include "parts.h"

#include "tables.h"

#include "lanes.h"

#include "join.h"
#include "loss.h"
#include "vec128.h"
/* vec_any.h of vec128 */
#include "vec128_any.h"

enum {
    CHANNELS = 3,
    ROW = 4,
    BATCH = 21,
    EXTENT = 12,
    MAX = BATCH * CHANNELS * EXTENT * EXTENT
};

static uint64_t random_state = 5;

static int between(int low, int high)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return low + (int)((random_state >> 33) % (uint64_t)(high - low + 1));
}

/* A lattice, how it is cut, and a batch on it. */
typedef struct Trial {
    int64_t extent[2], part[2], sites; /* whole, of a part, of a part */
    Parts parts;
    ArchCall call;
    double x[MAX];
    int64_t index[BATCH];
} Trial;

static Trial *trial_new(int64_t t, int64_t x, int64_t grid_t, int64_t grid_x,
                        int64_t batch)
{
    static Trial k;
    k = (Trial){
        .extent = {t,          x         },
          .part = {t / grid_t, x / grid_x}
    };
    k.sites = k.part[0] * k.part[1];
    k.parts = (Parts){
        grid_t * grid_x,
        ARCH_LANES / (grid_t * grid_x),
        {grid_t, grid_x, 1, 1},
        0,
        0,
        0
    };
    k.call = (ArchCall){
        .extent = {t, x},
          .batch = batch, .x_type = ARCH_F64, .x = k.x
    };
    for (int i = 0; i < MAX; i++)
        k.x[i] = between(-128, 127);
    for (int i = 0; i < BATCH; i++)
        k.index[i] = (5 * i + 3) % BATCH;
    return &k;
}

/* Every way to cut a few lattices, batches that fill blocks and such that do not. */
static void each_trial(void (*test)(Trial *))
{
    static const int64_t shape[][2] = {
        {1,  1 },
        {5,  7 },
        {8,  8 },
        {12, 4 },
        {12, 12},
        {3,  9 }
    };
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int64_t t = 1; t <= ARCH_LANES; t++)
            for (int64_t x = 1; x * t <= ARCH_LANES; x++)
                if (shape[i][0] % t == 0 && shape[i][1] % x == 0)
                    for (int64_t batch = 1; batch <= BATCH; batch += 4)
                        test(trial_new(shape[i][0], shape[i][1], t, x, batch));
}

/* Sample and site of the whole lattice in a lane of a block; sample -1: idle. */
static void place(const Trial *k, int64_t block, int64_t lane, int64_t s,
                  int64_t *sample, int64_t *site)
{
    int64_t part = lane % k->parts.count, in_block = lane / k->parts.count;
    *sample = block * k->parts.samples + in_block;
    if (in_block >= k->parts.samples || *sample >= k->call.batch)
        *sample = -1;
    int64_t t = part / k->parts.grid[1] * k->part[0] + s / k->part[1],
            x = part % k->parts.grid[1] * k->part[1] + s % k->part[1];
    *site = t * k->extent[1] + x;
}

static int64_t blocks_of(const Trial *k)
{
    return (k->call.batch + k->parts.samples - 1) / k->parts.samples;
}

/* Idle lanes are zero, or hold some number. */
static void expect_input(const Trial *k, int64_t block, const float *lanes,
                         int some_number)
{
    int64_t size = CHANNELS * k->extent[0] * k->extent[1];
    for (int64_t i = 0; i < k->sites * ROW * ARCH_LANES; i++) {
        int64_t c = i / ARCH_LANES % ROW, sample, site;
        if (c >= CHANNELS)
            continue;
        place(k, block, i % ARCH_LANES, i / ARCH_LANES / ROW, &sample, &site);
        if (sample < 0 && some_number) {
            assert_false(isnan(lanes[i]));
            continue;
        }
        int64_t row = sample < 0 ? 0 : k->call.index ? k->call.index[sample] : sample;
        double wanted =
            sample < 0 ? 0 : k->x[row * size + c * k->extent[0] * k->extent[1] + site];
        assert_true((double)lanes[i] == wanted);
    }
}

/* All types, and the fast way for bytes, give the same. */
static void read_input_as(Trial *k)
{
    static const ArchType type[] = {ARCH_I8, ARCH_I16, ARCH_I32, ARCH_F32, ARCH_F64};
    static float lanes[ROW * EXTENT * EXTENT * ARCH_LANES];
    static union {
        int8_t i8[MAX];
        int16_t i16[MAX];
        int32_t i32[MAX];
        float f32[MAX];
    } x;
    k->call.index = k->call.batch % 8 == 1 ? k->index : NULL;
    for (int n = 0; n < 5; n++) {
        k->call.x_type = type[n];
        for (int i = 0; i < MAX; i++)
            switch (type[n]) {
            case ARCH_I8: x.i8[i] = (int8_t)k->x[i]; break;
            case ARCH_I16: x.i16[i] = (int16_t)k->x[i]; break;
            case ARCH_I32: x.i32[i] = (int32_t)k->x[i]; break;
            case ARCH_F32: x.f32[i] = (float)k->x[i]; break;
            case ARCH_F64: break;
            }
        for (int64_t block = 0; block < blocks_of(k); block++) {
            for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++)
                lanes[i] = NAN;
            vec128_read_input(&k->call, block, &k->parts, k->part,
                              type[n] == ARCH_F64 ? (const void *)k->x : &x, lanes,
                              CHANNELS, ROW);
            expect_input(k, block, lanes, type[n] == ARCH_I8);
        }
    }
}

static void test_read_input(void **state)
{
    (void)state;
    each_trial(read_input_as);
}

/* Site s of a band of `rows` rows: those before a part and behind it are of its neighbours. */
static int64_t site_of_band(const Trial *k, int64_t lane, int64_t rows, int64_t s)
{
    int64_t part = lane % k->parts.count, t = part / k->parts.grid[1] * k->part[0],
            x = part % k->parts.grid[1] * k->part[1] + s % k->part[1];
    t += k->parts.band * rows + s / k->part[1] + 9 * k->extent[0];
    return t % k->extent[0] * k->extent[1] + x;
}

static void expect_band(const Trial *k, int64_t block, int64_t rows, const float *lanes)
{
    int64_t sites = k->extent[0] * k->extent[1];
    for (int64_t lane = 0; lane < ARCH_LANES; lane++) {
        int64_t in_block = lane / k->parts.count;
        int64_t sample = block * k->parts.samples + in_block;
        if (in_block >= k->parts.samples || sample >= k->call.batch)
            continue;
        for (int64_t s = 0; s < rows * k->part[1]; s++)
            for (int64_t c = 0; c < CHANNELS; c++)
                assert_true((double)lanes[(s * ROW + c) * ARCH_LANES + lane] ==
                            k->x[(sample * CHANNELS + c) * sites +
                                 site_of_band(k, lane, rows, s)]);
    }
}

/* The bands of a part, and such beside it, where two bands are in memory. */
static void read_bands(Trial *k)
{
    static float lanes[2 * ROW * EXTENT * EXTENT * ARCH_LANES];
    static int8_t bytes[MAX];
    for (int i = 0; i < MAX; i++)
        bytes[i] = (int8_t)k->x[i];
    for (int64_t bands = 1; bands <= k->part[0]; bands++) {
        const int64_t rows = k->part[0] / bands, held[] = {2 * rows, k->part[1]};
        if (k->part[0] % bands)
            continue;
        k->parts.bands = bands, k->parts.ring = 2;
        assert_int_equal(part_sites(&k->parts, 2 * rows * k->part[1]), k->sites);
        for (k->parts.band = -3; k->parts.band < bands + 3; k->parts.band++)
            for (int64_t block = 0; block < blocks_of(k); block++)
                for (int i8 = 0; i8 < 2; i8++) {
                    k->call.x_type = i8 ? ARCH_I8 : ARCH_F64;
                    vec128_read_input(&k->call, block, &k->parts, held,
                                      i8 ? (const void *)bytes : k->x, lanes, CHANNELS,
                                      ROW);
                    expect_band(k, block, rows, lanes);
                }
    }
}

static void test_read_bands(void **state)
{
    (void)state;
    each_trial(read_bands);
}

/* A caller's own strides: sites before channels, samples backwards. */
static void read_strided(Trial *k)
{
    static float lanes[ROW * EXTENT * EXTENT * ARCH_LANES];
    static double turned[MAX];
    int64_t sites = k->extent[0] * k->extent[1], size = CHANNELS * sites,
            last = BATCH - 1;
    for (int64_t n = 0; n < BATCH; n++)
        for (int64_t c = 0; c < CHANNELS; c++)
            for (int64_t t = 0; t < k->extent[0]; t++)
                for (int64_t x = 0; x < k->extent[1]; x++)
                    turned[(last - n) * size + (x * k->extent[0] + t) * CHANNELS + c] =
                        k->x[n * size + c * sites + t * k->extent[1] + x];
    int64_t stride[] = {-size, 1, CHANNELS, CHANNELS * k->extent[0]};
    memcpy(k->call.x_stride, stride, sizeof stride);
    for (int64_t block = 0; block < blocks_of(k); block++) {
        vec128_read_input(&k->call, block, &k->parts, k->part, turned + last * size,
                          lanes, CHANNELS, ROW);
        expect_input(k, block, lanes, 0);
    }
}

static void test_read_strided(void **state)
{
    (void)state;
    each_trial(read_strided);
}

/* What was read is written where it came from. */
static void write_back(Trial *k)
{
    static float lanes[ROW * EXTENT * EXTENT * ARCH_LANES], x[MAX], y[MAX];
    int64_t size = k->call.batch * CHANNELS * k->extent[0] * k->extent[1];
    for (int64_t i = 0; i < size; i++)
        x[i] = (float)k->x[i], y[i] = NAN;
    for (int64_t block = 0; block < blocks_of(k); block++) {
        read_field(&k->call, block, &k->parts, k->part, x, lanes, CHANNELS, ROW);
        write_field(&k->call, block, &k->parts, k->part, y, lanes, CHANNELS, ROW);
    }
    assert_memory_equal(x, y, sizeof *x * (size_t)size);
}

static void test_write_field(void **state)
{
    (void)state;
    each_trial(write_back);
}

/* Flatten puts channel * sites + site of the whole lattice into the lane of part 0, and
 * unflatten takes it from there. */
static void flatten_and_back(Trial *k)
{
    static float lanes[ROW * EXTENT * EXTENT * ARCH_LANES],
        back[ROW * EXTENT * EXTENT * ARCH_LANES],
        flat[ROW * EXTENT * EXTENT * ARCH_LANES];
    int64_t sites = k->extent[0] * k->extent[1], size = CHANNELS * sites;
    for (int64_t block = 0; block < blocks_of(k); block++) {
        vec128_read_input(&k->call, block, &k->parts, k->part, k->x, lanes, CHANNELS,
                          ROW);
        flatten(&k->parts, k->part, lanes, flat, CHANNELS, ROW, k->sites);
        for (int64_t i = 0; i < size * k->parts.samples; i++) {
            int64_t sample = block * k->parts.samples + i / size;
            double wanted = sample < k->call.batch ? k->x[sample * size + i % size] : 0;
            assert_true(
                (double)flat[i % size * ARCH_LANES + i / size * k->parts.count] ==
                wanted);
        }
        unflatten(&k->parts, k->part, flat, back, CHANNELS, ROW, k->sites);
        for (int64_t i = 0; i < k->sites * ROW * ARCH_LANES; i++)
            if (i / ARCH_LANES % ROW < CHANNELS)
                assert_true(lanes[i] == back[i]);
    }
}

static void test_flatten(void **state)
{
    (void)state;
    each_trial(flatten_and_back);
}

/* The pools of parts, joined, are those of the whole; of equal maxima the first site wins. */
static void join_pools(Trial *k)
{
    static float lanes[ROW * EXTENT * EXTENT * ARCH_LANES];
    float sum[CHANNELS * ARCH_LANES] = {0}, max[CHANNELS * ARCH_LANES],
                         largest[CHANNELS * ARCH_LANES],
                         site[CHANNELS * ARCH_LANES] = {0};
    int64_t sites = k->extent[0] * k->extent[1];
    for (int i = 0; i < MAX; i++)
        k->x[i] = between(-3, 3); /* many are equal */
    vec128_read_input(&k->call, 0, &k->parts, k->part, k->x, lanes, CHANNELS, ROW);
    lowest(max, CHANNELS * ARCH_LANES);
    for (int64_t i = 0; i < k->sites * ROW * ARCH_LANES; i++) {
        int64_t at = i % (ROW * ARCH_LANES);
        if (at >= CHANNELS * ARCH_LANES)
            continue;
        sum[at] += lanes[i];
        if (lanes[i] > max[at]) {
            max[at] = lanes[i];
            site[at] = (float)(i / (ROW * ARCH_LANES));
        }
    }
    join_sum(&k->parts, sum, CHANNELS);
    memcpy(largest, max, sizeof max);
    join_largest(&k->parts, largest, CHANNELS);
    join_max(&k->parts, k->part, max, site, CHANNELS);
    for (int64_t n = 0; n < k->parts.samples && n < k->call.batch; n++)
        for (int64_t c = 0; c < CHANNELS; c++) {
            const double *x = k->x + (n * CHANNELS + c) * sites;
            double total = 0;
            int64_t first = 0, at = c * ARCH_LANES + n * k->parts.count;
            for (int64_t s = 0; s < sites; s++) {
                total += x[s];
                first = x[s] > x[first] ? s : first;
            }
            assert_true((double)sum[at] == total && (double)max[at] == x[first] &&
                        largest[at] == max[at]);
            for (int64_t part = 0; part < k->parts.count; part++) {
                int64_t sample, winner, here = (int64_t)site[at + part];
                if (here < 0)
                    continue;
                place(k, 0, n * k->parts.count + part, here, &sample, &winner);
                assert_int_equal(winner, first);
            }
        }
}

static void test_join(void **state)
{
    (void)state;
    each_trial(join_pools);
}

/* Losses of fields and of vectors count every sample and output once; idle lanes get 0. */
static void sum_losses(Trial *k)
{
    static float y[ROW * EXTENT * EXTENT * ARCH_LANES],
        dy[ROW * EXTENT * EXTENT * ARCH_LANES], target[MAX];
    int64_t sites = k->extent[0] * k->extent[1];
    double sum = 0, wanted = 0, slopes = 0;
    for (int64_t i = 0; i < MAX; i++)
        target[i] = (float)between(-9, 9);
    for (int vector = 0; vector < 2; vector++) {
        const int64_t *extent = vector ? NULL : k->part;
        int64_t numbers = vector ? 1 : k->sites;
        for (int64_t i = 0; i < numbers * ROW * ARCH_LANES; i++)
            y[i] = 1;
        for (int64_t i = 0; i < k->call.batch * CHANNELS * (vector ? 1 : sites); i++)
            wanted += (1 - (double)target[i]) * (1 - (double)target[i]),
                slopes -= 2 * (1 - (double)target[i]);
        for (int64_t block = 0; block < blocks_of(k); block++) {
            mse(&k->call, block, &k->parts, extent, target, y, CHANNELS, ROW, &sum);
            mse_dx(&k->call, block, &k->parts, extent, target, y, CHANNELS, ROW, dy);
            for (int64_t i = 0; i < numbers * ROW * ARCH_LANES; i++)
                slopes += (double)dy[i];
        }
    }
    assert_true(sum == wanted && slopes == 0);
}

static void test_losses(void **state)
{
    (void)state;
    each_trial(sum_losses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_input),   cmocka_unit_test(test_read_bands),
        cmocka_unit_test(test_read_strided), cmocka_unit_test(test_write_field),
        cmocka_unit_test(test_flatten),      cmocka_unit_test(test_join),
        cmocka_unit_test(test_losses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
