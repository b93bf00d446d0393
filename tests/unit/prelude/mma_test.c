/* Products of matrices on tensor cores: a number that is none stays none, and chips without
 * TF32 make the same product.  The warp is a loop over its threads: what one hands to another
 * is an argument, so that a first turn records it and a second one reads. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "shim.h"

#define DEVICE  static inline __attribute__((unused))
#define THREAD  thread
#define THREADS 32

static int thread, reading, handed;
static float given[32][64];

static float hand(float value, int from)
{
    int n = handed++;
    given[thread][n] = value;
    return reading ? given[from][n] : 0;
}
#define __shfl_sync(mask, value, from) hand(value, from)

/* As tensor cores do, but for one thread alone: what it has of the matrices, number by number. */
static float cut(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= 0xffffe000;
    memcpy(&x, &bits, sizeof x);
    return x;
}

void mma_tf32(float *y, const float *a, const float *b)
{
    for (int k = 0; k < 4; k++)
        y[k] += cut(a[k]) * cut(b[k % 2]);
}

#include "cuda_mma.cuh"
#define __CUDA_ARCH__ 750
#define mma           mma_by_hand
#define warp_meets    warp_meets_by_hand
#include "cuda_mma.cuh"
#undef mma
#undef warp_meets
#undef __CUDA_ARCH__

/* ... and as it is with --tf32. */
#define ARCH_TF32
#define mma        mma_in_tf32
#define mma_tf32   mma_of_tf32
#define to_tf32    to_nearest_tf32
#define warp_meets warp_meets_in_tf32
static void mma_of_tf32(float *y, const float *a, const float *b)
{
    for (int k = 0; k < 4; k++)
        y[k] += cut(a[k]) * cut(b[k % 2]);
}
#include "cuda_mma.cuh"
#undef mma

static float number(void)
{
    return (float)rand() / (float)RAND_MAX * 2 - 1;
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

typedef void Mma(float *y0, float *y1, float *y2, float *y3, float a0, float a1,
                 float a2, float a3, float b0, float b1);

static void check_not_a_number(Mma *multiply)
{
    static const uint32_t none[] = {0x7fffffff, 0xffffffff, 0x7fc00000,
                                    0xffc00000, 0x7f800001, 0x7f800000};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        float y[8] = {0};
        multiply(y, y + 1, y + 2, y + 3, from_bits(none[i]), 1, 1, 1, 1, 1);
        multiply(y + 4, y + 5, y + 6, y + 7, 1, 1, 1, 1, 1, from_bits(none[i]));
        assert_true(y[1] == 1 && y[4] == 1);
        if (isinf(from_bits(none[i])))
            assert_false(isfinite(y[0]) || isfinite(y[5]));
        else
            assert_true(isnan(y[0]) && isnan(y[5]));
    }
}

static void test_not_a_number(void **state)
{
    (void)state;
    check_not_a_number(mma);
    check_not_a_number(mma_in_tf32);
}

static double worst_of(Mma *multiply)
{
    double worst = 0;
    for (int i = 0; i < 100000; i++) {
        float a = number(), b = number(), y[4] = {0};
        multiply(y, y + 1, y + 2, y + 3, a, 0, 0, 0, b, 0);
        double off = fabs((double)y[0] / ((double)a * b) - 1);
        worst = off > worst ? off : worst;
    }
    return worst;
}

/* Two operands that are rounded to 10 bits behind the point are off by 2^-11 each. */
static void test_accuracy(void **state)
{
    (void)state;
    double worst = worst_of(mma), in_tf32 = worst_of(mma_in_tf32);
    print_message("at most %.2f 2^-22; in TF32 %.2f 2^-11\n", worst * 0x1p22,
                  in_tf32 * 0x1p11);
    assert_true(worst < 0x1p-20 && worst > 0x1p-24);
    assert_true(in_tf32 < 0x1.01p-10 && in_tf32 > 0x1p-12);
}

/* y += a b with the matrices dealt to the threads as PTX has it for mma.m16n8k8. */
static void test_by_hand(void **state)
{
    (void)state;
    static float a[16][8], b[8][8], y[32][4];
    for (int i = 0; i < 16 * 8; i++)
        a[i / 8][i % 8] = number();
    for (int i = 0; i < 8 * 8; i++)
        b[i / 8][i % 8] = number();
    for (reading = 0; reading < 2; reading++)
        for (thread = 0; thread < 32; thread++) {
            int row = thread / 4, column = thread % 4;
            memset(y[thread], 0, sizeof *y);
            handed = 0;
            mma_by_hand(&y[thread][0], &y[thread][1], &y[thread][2], &y[thread][3],
                        a[row][column], a[row + 8][column], a[row][column + 4],
                        a[row + 8][column + 4], b[column][row], b[column + 4][row]);
        }
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 8; j++) {
            double sum = 0;
            for (int k = 0; k < 8; k++)
                sum += (double)a[i][k] * b[k][j];
            assert_true(fabs(y[i % 8 * 4 + j / 2][i / 8 * 2 + j % 2] - sum) < 1e-6);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_not_a_number),
                                       cmocka_unit_test(test_accuracy),
                                       cmocka_unit_test(test_by_hand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
