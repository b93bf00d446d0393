/* rng.h - Philox4x32-10: random numbers by counter.
 *
 * Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11.
 * A number is a function of (seed, purpose; stream, step, draw), so results never depend on
 * the number of threads, and a checkpoint is a counter. */
#ifndef ARCHRT_RNG_H
#define ARCHRT_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What a sequence is for: equal seeds never share numbers between purposes. */
typedef enum RngPurpose {
    RNG_TEST, RNG_FLUX, RNG_WORMS, RNG_INIT, RNG_SPLIT, RNG_SHUFFLE, RNG_BENCH
} RngPurpose;

typedef struct Rng {
    uint32_t key[2], counter[4], block[4];
    int used; /* numbers of `block` already given out */
} Rng;

/* Philox4x32-10 itself: out = f(counter, key). */
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The sequence (seed, purpose; stream, step), from its first draw. */
Rng rng_init(uint64_t seed, RngPurpose purpose, uint32_t stream, uint32_t step);

uint32_t rng_u32(Rng *r);
void rng_fill(Rng *r, uint32_t *u, size_t n); /* the next n of rng_u32()               */
double rng_uniform(Rng *r);               /* in [0, 1), 53 bits (two draws)            */
uint32_t rng_below(Rng *r, uint32_t n);   /* uniform in 0 .. n-1, without bias; n > 0  */
/* A permutation of 0 .. n-1 by Fisher and Yates. */
void rng_permutation(Rng *r, int64_t *p, int64_t n);

#endif
