#include "archrt/rng.h"

#include "rng_vector.h"

#include <string.h>

enum { ROUNDS = 10 };

/* One round: two products of 32 bits, their halves crossed over. */
static inline void philox_round(uint32_t c[4], const uint32_t key[2])
{
    const uint64_t a = (uint64_t)0xD2511F53u * c[0];
    const uint64_t b = (uint64_t)0xCD9E8D57u * c[2];
    c[0] = (uint32_t)(b >> 32) ^ c[1] ^ key[0];
    c[1] = (uint32_t)b;
    c[2] = (uint32_t)(a >> 32) ^ c[3] ^ key[1];
    c[3] = (uint32_t)a;
}

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
    uint32_t k[2] = {key[0], key[1]};
    for (int round = 0; round < ROUNDS; round++) {
        philox_round(c, k);
        k[0] += 0x9E3779B9u; /* golden ratio */
        k[1] += 0xBB67AE85u; /* sqrt(3) - 1  */
    }
    memcpy(out, c, sizeof c);
}

/* counter = (draws / 4, step, stream, purpose): the purpose takes 8 bits, the other 24
 * of its word carry on the draws, so that a sequence has 2^58 numbers. */
Rng rng_init(uint64_t seed, RngPurpose purpose, uint32_t stream, uint32_t step)
{
    return (Rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = { 0, step,             stream, (uint32_t)purpose},
        .used = 4
    };
}

static void refill(Rng *r, uint32_t block[4])
{
    rng_philox(r->counter, r->key, block);
    if (++r->counter[0] == 0)
        r->counter[3] += 1u << 8;
}

uint32_t rng_u32(Rng *r)
{
    if (r->used == 4) {
        refill(r, r->block);
        r->used = 0;
    }
    return r->block[r->used++];
}

/* As many blocks at once as a vector takes, while there are so many and the counter does
 * not overflow; how many numbers. */
static size_t fill_blocks(Rng *r, uint32_t *u, size_t n)
{
    enum { NUMBERS = 4 * RNG_BLOCKS };
    size_t i = 0;
    if (rng_vector_here())
        for (; i + NUMBERS <= n && r->counter[0] < -(uint32_t)RNG_BLOCKS;
             i += NUMBERS) {
            rng_vector_blocks(r->counter, r->key, u + i);
            r->counter[0] += RNG_BLOCKS;
        }
    return i;
}

void rng_fill(Rng *r, uint32_t *u, size_t n)
{
    size_t i = 0;
    while (i < n && r->used < 4)
        u[i++] = r->block[r->used++];
    i += fill_blocks(r, u + i, n - i);
    for (; i + 4 <= n; i += 4)
        refill(r, u + i);
    while (i < n)
        u[i++] = rng_u32(r);
}

double rng_uniform(Rng *r)
{
    const uint64_t high = rng_u32(r) >> 5; /* 27 bits */
    const uint64_t low = rng_u32(r) >> 6;  /* 26 bits */
    return (double)(high << 26 | low) * 0x1p-53;
}

/* The high word of n * u32 is uniform once the 2^32 mod n lowest low words are refused
 * (Lemire, ACM TOMACS 29, 3 (2019)). */
uint32_t rng_below(Rng *r, uint32_t n)
{
    uint64_t product = (uint64_t)n * rng_u32(r);
    if ((uint32_t)product < n) {
        const uint32_t refused = (0u - n) % n;
        while ((uint32_t)product < refused)
            product = (uint64_t)n * rng_u32(r);
    }
    return (uint32_t)(product >> 32);
}

/* rng_below() beyond 32 bits: refuses what lies above the largest multiple of n. */
static uint64_t below_u64(Rng *r, uint64_t n)
{
    if (n <= UINT32_MAX)
        return rng_below(r, (uint32_t)n);
    const uint64_t refused = (0u - n) % n;
    uint64_t u;
    do {
        u = (uint64_t)rng_u32(r) << 32;
        u |= rng_u32(r);
    } while (u < refused);
    return u % n;
}

void rng_permutation(Rng *r, int64_t *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t j = (int64_t)below_u64(r, (uint64_t)i + 1);
        p[i] = p[j];
        p[j] = i;
    }
}
