/* ---- packed parameters: [block of 8 outputs][tap][input][output], the last block narrower ---- */

INLINE void pack_matrix(const real *w, real *packed, int outs, int taps, int ins,
                               int64_t stride_out, int64_t stride_tap, int64_t stride_in)
{
    for (int block = 0; block < outs; block += 8) {
        const int width = outs - block < 8 ? outs - block : 8;
        for (int tap = 0; tap < taps; tap++)
            for (int in = 0; in < ins; in++)
                for (int out = block; out < block + width; out++)
                    *packed++ =
                        w[out * stride_out + tap * stride_tap + in * stride_in];
    }
}

/* One tap of a packed matrix, `outs` x `ins` numbers, in blocks of `width` outputs. */
INLINE void pack_tap(const real *packed, real *to, int tap, int outs, int taps, int ins,
                     int width)
{
    for (int out = 0; out < outs; out++) {
        const int block = out / 8 * 8, step = outs - block < 8 ? outs - block : 8;
        const int first = out / width * width;
        const int apart = outs - first < width ? outs - first : width;
        const real *from = packed + (int64_t)block * ins * taps + (int64_t)tap * ins * step;
        from += out - block;
        real *next = to + (int64_t)first * ins + out - first;
        for (int i = 0; i < ins; i++, from += step, next += apart)
            *next = *from;
    }
}

/* The sums of taps that Winograd's products multiply by, from a packed matrix with kernels
 * of 2: on each axis products 0 and 2 take one tap, product 1 both, which is the sum of
 * those.  [product][block of `width` outputs][in][width], the last block narrower. */
INLINE void pack_products(const real *packed, real *to, int outs, int ins, int axes, int width,
                          int mirrored)
{
    const int taps = 1 << axes;
    const int64_t size = (int64_t)outs * ins;
    int products = 1;
    for (int axis = 0; axis < axes; axis++)
        products *= 3;
    for (int tap = 0; tap < taps; tap++) {
        int corner = 0;
        for (int axis = axes - 1; axis >= 0; axis--)
            corner = 3 * corner + 2 * ((tap >> axis & 1) ^ mirrored);
        pack_tap(packed, to + corner * size, tap, outs, taps, ins, width);
    }
    for (int next = 1; next < products; next *= 3)
        for (int product = 0; product < products; product++) {
            int later = product / next / 3, made = product / next % 3 == 1;
            for (; later; later /= 3)
                made &= later % 3 != 1;
            real *sum = to + product * size;
            if (!made)
                continue;
            memcpy(sum, sum - next * size, sizeof(real) * (size_t)size);
            add_numbers(sum, sum + next * size, size);
        }
}
