/* ---- gradients: from sums to parameters, from shards to the mean ---- */

/* The gradient of weights (out, in, taps), from tiles of 4 x 4: [tap][out / 4][in / 4][4 in][4 out]. */
INLINE void order_weights(real *dparams, int64_t offset, const real *sums, int64_t out,
                          int64_t in, int64_t taps)
{
    const int64_t row = (in + 3) / 4 * 16, size = (out + 3) / 4 * row;
    real *to = dparams + offset;
    for (int64_t o = 0; o < out; o++)
        for (int64_t i = 0; i < in; i++)
            for (int64_t tap = 0; tap < taps; tap++)
                *to++ = sums[tap * size + o / 4 * row + i * 4 + o % 4];
}

INLINE void order_bias(real *dparams, int64_t offset, const real *sums, int64_t out)
{
    memcpy(dparams + offset, sums, sizeof(real) * (size_t)out);
}

/* Adds shards pairwise: 0+1, 2+3, ..., then 0+2, ...; the order depends on their number
 * alone.  Then divides by the number of terms of the mean. */
INLINE void reduce_shards(double *loss, real *dparams, int64_t shards,
                                 int64_t losses, int64_t count, double terms)
{
    for (int64_t step = 1; step < shards; step *= 2)
        for (int64_t to = 0; to + step < shards; to += 2 * step) {
            const real *from = dparams + (to + step) * count;
            for (int64_t i = 0; i < count; i++)
                dparams[to * count + i] += from[i];
            for (int64_t i = 0; i < losses; i++)
                loss[to * losses + i] += loss[(to + step) * losses + i];
        }
    for (int64_t i = 0; i < count; i++)
        dparams[i] = (real)(dparams[i] / terms);
    for (int64_t i = 0; i < losses; i++)
        loss[i] /= terms;
}
