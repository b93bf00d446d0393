/* ---- gradients: from sums to parameters, from shards to the mean ---- */

/* The gradient of weights (out, in, taps), from tiles of 4 x 4: [tap][out / 4][in / 4][4 in][4 out];
 * of one or two outputs several taps stand one behind the other in place of four outputs. */
INLINE void order_weights(real *dparams, int64_t offset, const real *sums, int64_t out,
                          int64_t in, int64_t taps, int64_t at_once)
{
    const int64_t row = (in + 3) / 4 * 16, size = (out + 3) / 4 * row;
    real *to = dparams + offset;
    for (int64_t o = 0; o < out; o++)
        for (int64_t i = 0; i < in; i++)
            for (int64_t tap = 0; tap < taps; tap++)
                *to++ = sums[tap / at_once * size + o / 4 * row + i * 4 + o % 4 +
                             tap % at_once * out];
}

/* ... from matrices [tap] with so many numbers from one output or input to the next. */
INLINE void order_matrices(real *dparams, int64_t offset, const real *sums, int64_t out,
                           int64_t in, int64_t taps, int64_t next_out, int64_t next_in)
{
    real *to = dparams + offset;
    for (int64_t o = 0; o < out; o++)
        for (int64_t i = 0; i < in; i++)
            for (int64_t tap = 0; tap < taps; tap++)
                *to++ = sums[tap * out * in + o * next_out + i * next_in];
}

/* Sums that are in order already. */
INLINE void order_numbers(real *dparams, int64_t offset, const real *sums, int64_t count)
{
    memcpy(dparams + offset, sums, sizeof(real) * (size_t)count);
}

/* The gradient of weights with kernels of 2 from Winograd's products [product][out][in]: on
 * each axis tap 0 is the sum of products 0 and 1, tap 1 that of 1 and 2. */
INLINE void order_products(real *dparams, int64_t offset, const real *sums, int64_t out,
                           int64_t in, int axes)
{
    const int taps = 1 << axes;
    real *to = dparams + offset;
    memset(to, 0, sizeof(real) * (size_t)(out * in * taps));
    for (int tap = 0; tap < taps; tap++)
        for (int choice = 0; choice < taps; choice++) {
            int product = 0;
            for (int axis = axes - 1; axis >= 0; axis--)
                product = 3 * product + (tap >> axis & 1) + (choice >> axis & 1);
            for (int64_t i = 0; i < out * in; i++)
                to[i * taps + tap] += sums[product * out * in + i];
        }
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
