#include "rng_vector.h"

#if defined __x86_64__ && defined __GNUC__

#    include <immintrin.h>

#    define VECTOR static inline __attribute__((always_inline, target("avx512f")))

enum { ROUNDS = 10, LANES = 8 };

/* Eight counters, a word of each in the low half of a lane: products are of low halves, so
 * the high halves may hold anything. */
typedef struct Blocks {
    __m512i c[4];
} Blocks;

bool rng_vector_here(void)
{
    return __builtin_cpu_supports("avx512f");
}

VECTOR Blocks blocks_begin(const uint32_t counter[4], uint32_t first)
{
    const __m512i lane = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    Blocks b = {{_mm512_add_epi64(_mm512_set1_epi64(counter[0] + first), lane)}};
    for (int i = 1; i < 4; i++)
        b.c[i] = _mm512_set1_epi64(counter[i]);
    return b;
}

/* As in rng_philox(): two products, their halves crossed over. */
VECTOR Blocks blocks_round(Blocks b, const uint32_t key[2])
{
    enum { XOR = 0x96 }; /* of three */
    const __m512i p = _mm512_mul_epu32(_mm512_set1_epi64(0xD2511F53), b.c[0]);
    const __m512i q = _mm512_mul_epu32(_mm512_set1_epi64(0xCD9E8D57), b.c[2]);
    const __m512i k[2] = {_mm512_set1_epi64(key[0]), _mm512_set1_epi64(key[1])};
    return (Blocks){
        {_mm512_ternarylogic_epi64(_mm512_srli_epi64(q, 32), b.c[1], k[0], XOR), q,
         _mm512_ternarylogic_epi64(_mm512_srli_epi64(p, 32), b.c[3], k[1], XOR), p}
    };
}

/* The words of a counter come together. */
VECTOR void blocks_store(const Blocks *b, uint32_t *u)
{
    const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    __m512i pair[2];
    for (int i = 0; i < 2; i++)
        pair[i] = _mm512_mask_mov_epi32(b->c[2 * i], 0xAAAA,
                                        _mm512_slli_epi64(b->c[2 * i + 1], 32));
    _mm512_storeu_si512(u, _mm512_permutex2var_epi64(pair[0], low, pair[1]));
    _mm512_storeu_si512(u + 16, _mm512_permutex2var_epi64(pair[0], high, pair[1]));
}

__attribute__((target("avx512f"))) void
rng_vector_blocks(const uint32_t counter[4], const uint32_t key[2], uint32_t *u)
{
    enum { N = RNG_BLOCKS / LANES };
    uint32_t k[2] = {key[0], key[1]};
    Blocks b[N];
    for (int i = 0; i < N; i++)
        b[i] = blocks_begin(counter, (uint32_t)(i * LANES));
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < N; i++)
            b[i] = blocks_round(b[i], k);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    for (int i = 0; i < N; i++)
        blocks_store(&b[i], u + i * 4 * LANES);
}

#else

#    include "archrt/rng.h"

bool rng_vector_here(void)
{
    return false;
}

void rng_vector_blocks(const uint32_t counter[4], const uint32_t key[2], uint32_t *u)
{
    for (uint32_t i = 0; i < RNG_BLOCKS; i++)
        rng_philox((uint32_t[]){counter[0] + i, counter[1], counter[2], counter[3]},
                   key, u + 4 * i);
}

#endif
