/* rng_vector.h - Philox4x32-10 of many counters at once. */
#ifndef RNG_VECTOR_H
#define RNG_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

enum { RNG_BLOCKS = 16 };

/* Whether this machine has the instructions. */
bool rng_vector_here(void);

/* u[4 i .. 4 i + 3] = rng_philox() of counter[0] + i and the other counters, for i = 0 ..
 * RNG_BLOCKS-1; counter[0] must not overflow. */
void rng_vector_blocks(const uint32_t counter[4], const uint32_t key[2], uint32_t *u);

#endif
