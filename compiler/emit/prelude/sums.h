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
    for (int64_t o = 0; o < out; o++)
        for (int64_t tap = 0; tap < taps; tap++) {
            const real *from = sums + tap * out * in + o * next_out;
            real *to = dparams + offset + o * in * taps + tap;
            for (int64_t i = 0; i < in; i++, from += next_in, to += taps)
                *to = *from;
        }
}

/* Sums that are in order already. */
INLINE void order_numbers(real *dparams, int64_t offset, const real *sums, int64_t count)
{
    memcpy(dparams + offset, sums, sizeof(real) * (size_t)count);
}

/* The gradient of weights with kernels of 2 from Winograd's products [product][out][in], or
 * [product][in][out], the last a multiple of 16: on each axis tap 0 is the sum of products 0 and
 * 1, tap 1 that of 1 and 2. */
INLINE void order_products(real *dparams, int64_t offset, const real *sums, int64_t out,
                           int64_t in, int axes, int out_last)
{
    const int taps = 1 << axes;
    const int64_t rows = out_last ? in : out, columns = out_last ? out : in;
    const int64_t next_row = out_last ? taps : in * taps, next = out_last ? in * taps : taps;
    for (int64_t at = 0; at < rows * columns; at += 16) {
        const int64_t column = at / (16 * rows) * 16, row = at / 16 % rows;
        real *to = dparams + offset + row * next_row + column * next;
        for (int tap = 0; tap < taps; tap++) {
            real sum[16] = {0};
            for (int choice = 0; choice < taps; choice++) {
                int64_t product = 0;
                for (int axis = axes - 1; axis >= 0; axis--)
                    product = 3 * product + (tap >> axis & 1) + (choice >> axis & 1);
                const real *from = sums + (product * rows + row) * columns + column;
                for (int i = 0; i < 16; i++)
                    sum[i] += from[i];
            }
            for (int i = 0; i < 16; i++)
                to[i * next + tap] = sum[i];
        }
    }
}

/* Sixteen at a time: compilers make vectors of that without further options. */
INLINE void add_numbers(real *restrict to, const real *restrict from, int64_t count)
{
    for (; count >= 16; count -= 16, to += 16, from += 16)
        for (int i = 0; i < 16; i++)
            to[i] += from[i];
    for (int64_t i = 0; i < count; i++)
        to[i] += from[i];
}

/* += by[0] from: the gradients of the one sample of a block, made for dL/dy = 1. */
INLINE void add_scaled(real *restrict to, const real *restrict from, const real *by,
                       int64_t count)
{
    const real factor = by[0];
    for (; count >= 16; count -= 16, to += 16, from += 16)
        for (int i = 0; i < 16; i++)
            to[i] += factor * from[i];
    for (int64_t i = 0; i < count; i++)
        to[i] += factor * from[i];
}

INLINE void set_slope(real *dy)
{
    for (int i = 0; i < ARCH_LANES; i++)
        dy[i] = i == 0;
}

INLINE void divide_numbers(real *x, int64_t count, real by)
{
    for (; count >= 16; count -= 16, x += 16)
        for (int i = 0; i < 16; i++)
            x[i] /= by;
    for (int64_t i = 0; i < count; i++)
        x[i] /= by;
}

/* Adds shards pairwise: 0+1, 2+3, ..., then 0+2, ...; the order depends on their number
 * alone.  Then divides by the number of terms of the mean. */
INLINE void reduce_shards(double *loss, real *dparams, int64_t shards,
                                 int64_t losses, int64_t count, double terms)
{
    for (int64_t step = 1; step < shards; step *= 2)
        for (int64_t to = 0; to + step < shards; to += 2 * step) {
            add_numbers(dparams + to * count, dparams + (to + step) * count, count);
            for (int64_t i = 0; i < losses; i++)
                loss[to * losses + i] += loss[(to + step) * losses + i];
        }
    divide_numbers(dparams, count, (real)terms);
    for (int64_t i = 0; i < losses; i++)
        loss[i] /= terms;
}
