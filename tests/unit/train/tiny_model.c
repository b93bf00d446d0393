#include "tiny_model.h"

#include <string.h>

/* The build chooses: TINY_ENTRY, TINY_NAME, TINY_DOUBLE, TINY_EXTENT. */
#ifdef TINY_DOUBLE
typedef double Real;
#    define REAL ARCH_F64
#else
typedef float Real;
#    define REAL ARCH_F32
#endif
#ifndef TINY_EXTENT
#    define TINY_EXTENT 0
#endif

#define CHANNELS 4
#define PARAMS   (CHANNELS + 1)

static int64_t sites(const int64_t *extent)
{
    return extent[0] * extent[1];
}

static double number(const ArchCall *c, int64_t i)
{
    switch (c->x_type) {
    case ARCH_I8: return ((const int8_t *)c->x)[i];
    case ARCH_I16: return ((const int16_t *)c->x)[i];
    case ARCH_I32: return ((const int32_t *)c->x)[i];
    case ARCH_F32: return ((const float *)c->x)[i];
    case ARCH_F64: return ((const double *)c->x)[i];
    }
    return 0;
}

static int64_t row_of(const ArchCall *c, int64_t b)
{
    return c->index ? c->index[b] : b;
}

static void means(const ArchCall *c, int64_t b, Real s[CHANNELS])
{
    int64_t n = sites(c->extent), first = row_of(c, b) * CHANNELS * n;
    for (int i = 0; i < CHANNELS; i++) {
        double sum = 0;
        for (int64_t x = 0; x < n; x++)
            sum += number(c, first + i * n + x);
        s[i] = (Real)(sum / (double)n);
    }
}

static Real output(const Real *w, const Real s[CHANNELS])
{
    Real y = w[CHANNELS];
    for (int i = 0; i < CHANNELS; i++)
        y += w[i] * s[i];
    return y;
}

/* First and last sample of the call's shard. */
static void shard_range(const ArchCall *c, int64_t *from, int64_t *to)
{
    int64_t blocks = (c->batch + ARCH_LANES - 1) / ARCH_LANES;
    int64_t shards = c->shards ? c->shards : 1;
    *from = blocks * c->shard / shards * ARCH_LANES;
    *to = blocks * (c->shard + 1) / shards * ARCH_LANES;
    *to = *to < c->batch ? *to : c->batch;
}

static void forward(const ArchCall *c, void *y)
{
    int64_t from, to;
    shard_range(c, &from, &to);
    for (int64_t k = 0; k < (c->instances ? c->instances : 1); k++)
        for (int64_t b = from; b < to; b++) {
            Real s[CHANNELS];
            means(c, b, s);
            ((Real *)y)[k * c->batch + b] =
                output((const Real *)c->packed + k * PARAMS, s);
        }
}

static void gradient(const ArchCall *c, const void *target, double *loss, void *dparams)
{
    int64_t from, to;
    Real *dw = dparams;
    shard_range(c, &from, &to);
    memset(dw, 0, PARAMS * sizeof *dw);
    *loss = 0;
    for (int64_t b = from; b < to; b++) {
        Real s[CHANNELS];
        means(c, b, s);
        Real e = output(c->packed, s) - ((const Real *)target)[row_of(c, b)];
        *loss += (double)e * (double)e;
        for (int i = 0; i < CHANNELS; i++)
            dw[i] += 2 * e * s[i];
        dw[CHANNELS] += 2 * e;
    }
}

/* Pairs of neighbours first, then pairs of pairs. */
static void reduce(double *loss, void *dparams, int64_t shards, int64_t instances,
                   int64_t batch, const int64_t *extent)
{
    Real *dw = dparams;
    int64_t n = instances * PARAMS;
    (void)extent;
    for (int64_t step = 1; step < shards; step *= 2)
        for (int64_t i = 0; i + step < shards; i += 2 * step) {
            for (int64_t k = 0; k < instances; k++)
                loss[i * instances + k] += loss[(i + step) * instances + k];
            for (int64_t k = 0; k < n; k++)
                dw[i * n + k] += dw[(i + step) * n + k];
        }
    for (int64_t k = 0; k < instances; k++)
        loss[k] /= (double)batch;
    for (int64_t k = 0; k < n; k++)
        dw[k] /= (Real)batch;
}

static void pack(const void *params, void *packed, int64_t instances)
{
    memcpy(packed, params, (size_t)instances * PARAMS * sizeof(Real));
}

static size_t work_bytes(const int64_t *extent, int64_t batch, ArchWhat what)
{
    (void)what;
    (void)batch;
    if (TINY_EXTENT && (extent[0] != TINY_EXTENT || extent[1] != TINY_EXTENT))
        return 0;
    return extent[0] >= 2 && extent[1] >= 2 ? 64 : 0;
}

static int64_t output_sites(const int64_t *extent)
{
    (void)extent;
    return 1;
}

static double flops(const int64_t *extent, ArchWhat what)
{
    return (double)CHANNELS * (double)(sites(extent) + 2) *
           (what == ARCH_FORWARD ? 1 : 2);
}

static double bound(const int64_t *extent, int64_t batch, ArchWhat what, ArchIsa isa)
{
    (void)extent, (void)batch, (void)isa;
    return what == ARCH_FORWARD ? 0.5 : 0.25;
}

const ArchModel *TINY_ENTRY(void)
{
    static const ArchParam param[] = {
        {.name = "linear1.weight",
         .rank = 2,
         .dim = {1, CHANNELS},
         .offset = 0,
         .count = CHANNELS,
         .fan_in = CHANNELS},
        {.name = "linear1.bias",
         .rank = 1,
         .dim = {1},
         .offset = CHANNELS,
         .count = 1,
         .fan_in = CHANNELS}
    };
    static const ArchModel model = {
        .size = sizeof(ArchModel),
        .abi = ARCH_ABI,
        .name = TINY_NAME,
        .version = "0",
        .source = "",
        .source_hash = 1,
        .real = REAL,
        .symmetry = "equivariant under all translations",
        .channels = CHANNELS,
        .rank = 2,
        .axis = {"T",         "X"        },
        .fixed_extent = {TINY_EXTENT, TINY_EXTENT},
        .outputs = 1,
        .loss = ARCH_LOSS_MSE,
        .params = 2,
        .param = param,
        .param_count = PARAMS,
        .packed_bytes = PARAMS * sizeof(Real),
        .work_bytes = work_bytes,
        .output_sites = output_sites,
        .flops = flops,
        .pack = pack,
        .forward = forward,
        .gradient = gradient,
        .reduce = reduce,
        .bound = bound
    };
    return &model;
}
