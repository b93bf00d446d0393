/* splitmix64 (Steele, Lea, Flood 2014). */
#include "random_net.h"

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int random_below(uint64_t *state, int n)
{
    return (int)(random_next(state) % (uint64_t)n);
}

void random_reals(uint64_t seed, double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)(random_next(&seed) >> 11) * 0x1p-52 - 1;
}

void random_integers(uint64_t seed, int size, double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = random_below(&seed, 2 * size + 1) - size;
}
