/* train_data.h - random configurations whose label the hand-written network can learn. */
#ifndef TRAIN_DATA_H
#define TRAIN_DATA_H

#include <stdlib.h>

#include "archrt/dataset.h"
#include "archrt/rng.h"

/* Four channels of -2 .. 2 on t x x sites; y = 2 s_0 - s_1 + 3, s the means. */
static inline DatasetGroup make_group(int64_t samples, int t, int x, uint32_t stream)
{
    Rng r = rng_init(5, RNG_TEST, stream, 0);
    int64_t sites = (int64_t)t * x, n = samples * 4 * sites;
    DatasetGroup g = {
        .rank = 2,
        .extent = {t, x},
        .channels = 4,
        .outputs = 1,
        .samples = samples,
        .type = ARCH_I8
    };
    int8_t *v = malloc((size_t)n);
    g.x = v;
    g.y = malloc(sizeof(double) * (size_t)samples);
    for (int64_t i = 0; i < n; i++)
        v[i] = (int8_t)((int)rng_below(&r, 5) - 2);
    for (int64_t i = 0; i < samples; i++) {
        double s[2] = {0, 0};
        for (int64_t j = 0; j < 2 * sites; j++)
            s[j / sites] += v[i * 4 * sites + j];
        g.y[i] = (2 * s[0] - s[1]) / (double)sites + 3;
    }
    return g;
}

#endif
