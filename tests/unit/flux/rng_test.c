/* Philox against the known answers that its authors publish with Random123 (kat_vectors),
 * and what the runtime builds on it. */
#include "archrt/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef struct KnownAnswer {
    uint32_t counter[4], key[2], out[4];
} KnownAnswer;

static const KnownAnswer known[] = {
    {{0, 0, 0, 0},                                     {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}                                                          },
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}                                                          },
};

static void philox_gives_the_known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        rng_philox(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

static void every_coordinate_of_a_sequence_counts(void **state)
{
    (void)state;
    Rng sequence[] = {
        rng_init(1, RNG_FLUX, 0, 0),  rng_init(2, RNG_FLUX, 0, 0),
        rng_init(1, RNG_WORMS, 0, 0), rng_init(1, RNG_FLUX, 1, 0),
        rng_init(1, RNG_FLUX, 0, 1),  rng_init(1ull << 32, RNG_FLUX, 0, 0),
    };
    enum { N = sizeof sequence / sizeof *sequence };
    uint32_t first[N];
    for (int i = 0; i < N; i++) {
        first[i] = rng_u32(&sequence[i]);
        for (int j = 0; j < i; j++)
            assert_int_not_equal(first[i], first[j]);
    }
}

static void a_sequence_carries_beyond_a_word_of_draws(void **state)
{
    (void)state;
    Rng r = rng_init(7, RNG_FLUX, 3, 4);
    const uint32_t first = rng_u32(&r);
    r.counter[0] = 0xffffffff;
    r.used = 4;
    (void)rng_u32(&r);
    r.used = 4;
    assert_int_not_equal(rng_u32(&r), first);
    assert_int_equal(r.counter[1], 4);
    assert_int_equal(r.counter[2], 3);
    assert_int_equal(r.counter[3] & 0xff, RNG_FLUX);
}

static void fill_continues_the_same_sequence(void **state)
{
    (void)state;
    for (size_t before = 0; before < 5; before++) {
        Rng a = rng_init(3, RNG_TEST, 0, 0), b = a;
        for (size_t i = 0; i < before; i++)
            assert_int_equal(rng_u32(&a), rng_u32(&b));
        for (size_t n = 0; n < 14; n++) {
            uint32_t u[14];
            rng_fill(&a, u, n);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(u[i], rng_u32(&b));
        }
    }
}

/* Many blocks at once are those one after the other, from any number of a block, and where
 * the word of draws overflows. */
static void a_long_fill_is_one_number_after_the_other(void **state)
{
    (void)state;
    static const uint32_t from[] = {0, 5, UINT32_MAX - 16, UINT32_MAX - 15,
                                    UINT32_MAX - 40};
    enum { N = 1000, CASES = sizeof from / sizeof *from };
    for (int i = 0; i < 5 * CASES; i++) {
        Rng a = rng_init(UINT64_C(0xfedcba9876543210), RNG_TEST, 6, 9);
        a.counter[0] = from[i / 5];
        for (int before = 0; before < i % 5; before++)
            (void)rng_u32(&a);
        Rng b = a;
        uint32_t u[N];
        rng_fill(&a, u, N);
        for (int j = 0; j < N; j++)
            assert_int_equal(u[j], rng_u32(&b));
        assert_memory_equal(a.counter, b.counter, sizeof a.counter);
        assert_int_equal(rng_u32(&a), rng_u32(&b));
    }
}

/* chi^2 with 5 degrees of freedom exceeds 30 with probability 1.5e-5; the seed is fixed. */
static void below_is_uniform(void **state)
{
    (void)state;
    enum { SIDES = 6, DRAWS = 600000 };
    Rng r = rng_init(1, RNG_TEST, 0, 0);
    double count[SIDES] = {0}, chi2 = 0;
    for (int i = 0; i < DRAWS; i++)
        count[rng_below(&r, SIDES)]++;
    for (int i = 0; i < SIDES; i++) {
        const double expected = (double)DRAWS / SIDES;
        chi2 += (count[i] - expected) * (count[i] - expected) / expected;
    }
    assert_true(chi2 < 30);
}

/* With n = 3 * 2^30 plain multiplication gives every third number twice as often. */
static void below_has_no_bias_at_large_n(void **state)
{
    (void)state;
    Rng r = rng_init(1, RNG_TEST, 1, 0);
    int count[3] = {0};
    for (int i = 0; i < 90000; i++)
        count[rng_below(&r, 3u << 30) % 3]++;
    for (int i = 0; i < 3; i++)
        assert_in_range(count[i], 29300, 30700); /* 30000 +- 5 sigma */
    for (int i = 0; i < 100; i++)
        assert_int_equal(rng_below(&r, 1), 0);
}

static void uniform_lies_in_its_interval(void **state)
{
    (void)state;
    Rng r = rng_init(1, RNG_TEST, 2, 0);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        const double u = rng_uniform(&r);
        assert_true(u >= 0 && u < 1);
        sum += u;
    }
    assert_true(sum > 49500 && sum < 50500); /* 50000 +- 5 sigma */
}

/* Each of the 24 orders of 4 things about 1000 times: 1000 +- 5 sigma. */
static void every_permutation_is_as_likely(void **state)
{
    (void)state;
    Rng r = rng_init(1, RNG_SHUFFLE, 0, 0);
    int count[256] = {0}, orders = 0;
    for (int i = 0; i < 24000; i++) {
        int64_t p[4];
        rng_permutation(&r, p, 4);
        count[p[0] | p[1] << 2 | p[2] << 4 | p[3] << 6]++;
    }
    for (int i = 0; i < 256; i++) {
        if (count[i] == 0)
            continue;
        orders++;
        assert_in_range(count[i], 845, 1155);
    }
    assert_int_equal(orders, 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(every_coordinate_of_a_sequence_counts),
        cmocka_unit_test(a_sequence_carries_beyond_a_word_of_draws),
        cmocka_unit_test(fill_continues_the_same_sequence),
        cmocka_unit_test(a_long_fill_is_one_number_after_the_other),
        cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(below_has_no_bias_at_large_n),
        cmocka_unit_test(uniform_lies_in_its_interval),
        cmocka_unit_test(every_permutation_is_as_likely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
