/* What vectors do beyond lane by lane: sums over lanes, and one sample's outputs in the lanes. */
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
#include "vec128.h"
/* vec_any.h of vec128 */
#include "vec128_any.h"

static uint64_t random_state = 7;

static int between(int low, int high)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return low + (int)((random_state >> 33) % (uint64_t)(high - low + 1));
}

/* Sums over lanes of eight vectors, added to what is there. */
static void test_add_sums(void **state)
{
    (void)state;
    float x[8][VEC128_LANES] __attribute__((aligned(16))), to[8];
    for (int k = 0; k < 8; k++) {
        to[k] = (float)k;
        for (int i = 0; i < VEC128_LANES; i++)
            x[k][i] = (float)(1 << (2 * k + i % 2));
    }
    vec128_add_sums(to, vec128_load(x[0]), vec128_load(x[1]), vec128_load(x[2]),
                    vec128_load(x[3]), vec128_load(x[4]), vec128_load(x[5]),
                    vec128_load(x[6]), vec128_load(x[7]));
    for (int k = 0; k < 8; k++)
        assert_true(to[k] == (float)(k + 6 * (1 << 2 * k)));
}

enum { OUTPUTS_MOST = 35 };

/* Packed weights, blocks of 8 outputs. */
static float output_of(const float *w, const float *x, int64_t pitch, int64_t o,
                       int64_t outs, int64_t ins)
{
    const int64_t block = o / 8 * 8, width = outs - block < 8 ? outs - block : 8;
    float sum = 0;
    for (int64_t i = 0; i < ins; i++)
        sum += w[block * ins + i * width + o - block] * x[i * pitch];
    return sum;
}

/* Small integers, so that no order of sums rounds; between inputs lies what must not count. */
static void check_outputs(int64_t outs, int64_t ins, int64_t pitch)
{
    static float w[OUTPUTS_MOST * OUTPUTS_MOST], b[OUTPUTS_MOST],
        x[OUTPUTS_MOST * ARCH_LANES], y[OUTPUTS_MOST * ARCH_LANES];
    for (int i = 0; i < OUTPUTS_MOST * ARCH_LANES; i++) {
        x[i] = i % pitch ? NAN : (float)between(-9, 9);
        y[i] = NAN;
    }
    for (int64_t i = 0; i < outs * ins; i++)
        w[i] = (float)between(-9, 9);
    for (int64_t o = 0; o < outs; o++)
        b[o] = (float)between(-9, 9);
    const float *bias = ins % 2 ? b : NULL;
    vec128_outputs_of_one(w, bias, x, pitch, y, outs, ins);
    for (int64_t o = 0; o < (outs + ARCH_LANES - 1) / ARCH_LANES * ARCH_LANES; o++) {
        const float wanted =
            o < outs ? output_of(w, x, pitch, o, outs, ins) + (bias ? b[o] : 0) : 0;
        assert_true(y[o] == wanted);
    }
    outputs_to_lanes(y, outs);
    for (int64_t o = 0; o < outs; o++) {
        const float wanted = output_of(w, x, pitch, o, outs, ins) + (bias ? b[o] : 0);
        for (int lane = 0; lane < ARCH_LANES; lane++)
            assert_true(y[o * ARCH_LANES + lane] == (lane ? 0 : wanted));
    }
}

static void test_outputs_of_one(void **state)
{
    (void)state;
    for (int64_t outs = 1; outs <= OUTPUTS_MOST; outs++)
        for (int64_t ins = 1; ins <= OUTPUTS_MOST; ins += 1 + outs % 3) {
            check_outputs(outs, ins, ARCH_LANES);
            check_outputs(outs, ins, 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_add_sums),
                                       cmocka_unit_test(test_outputs_of_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
