/* With all weights 1 and a periodic lattice, the sum over sites of a 2x1 convolution is
 * twice the sum of the input: on real configurations, in float and in double. */
#include <stdio.h>
#include <stdlib.h>

#include "archrt/flux.h"
#include "parity.h"
#include "parity_f64.h"

static double run(const ArchModel *m, const void *weights, const int8_t *x,
                  const int64_t extent[2])
{
    void *packed = aligned_alloc(64, (m->packed_bytes + 63) / 64 * 64);
    void *work =
        aligned_alloc(64, (m->work_bytes(extent, 1, ARCH_FORWARD) + 63) / 64 * 64);
    ArchCall call = {
        .size = sizeof call,
        .extent = {extent[0], extent[1]},
        .batch = 1,
        .x = x,
        .x_type = ARCH_I8,
        .packed = packed,
        .work = work
    };
    double y64 = 0;
    float y32 = 0;
    m->pack(weights, packed, 1);
    m->forward(&call, m->real == ARCH_F64 ? (void *)&y64 : &y32);
    free(packed);
    free(work);
    return m->real == ARCH_F64 ? y64 : y32;
}

int main(void)
{
    const FluxParams p = {.eta = 4.25, .lambda = 1, .mu = 1.25};
    const int64_t extent[] = {6, 5};
    const float ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    const double ones64[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    ArchError e;
    FluxChain *chain = flux_new(&p, 2, extent, 1, 0, &e);
    if (chain == NULL || !flux_thermalise(chain, 100, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    const int8_t *x = flux_links(chain);
    double sum = 0;
    for (int i = 0; i < 4 * 6 * 5; i++)
        sum += x[i];
    double y = run(parity_model(), ones, x, extent);
    double y64 = run(parity_f64_model(), ones64, x, extent);
    printf("input %g, network %g and %g\n", sum, y, y64);
    flux_free(chain);
    return sum != 0 && y == 2 * sum && y64 == 2 * sum ? 0 : 1;
}
