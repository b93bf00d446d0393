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

/* The sums of taps that Winograd's products multiply by, from a packed matrix with kernels
 * of 2: on each axis products 0 and 2 take one tap, product 1 both.  [product][block of
 * `width` outputs][in][width], the last block narrower. */
INLINE void pack_products(const real *packed, real *to, int outs, int ins, int axes, int width,
                          int mirrored)
{
    const int taps = 1 << axes;
    int products = 1;
    for (int axis = 0; axis < axes; axis++)
        products *= 3;
    for (int product = 0; product < products; product++, to += (int64_t)outs * ins)
        for (int out = 0; out < outs; out++) {
            const int block = out / 8 * 8, step = outs - block < 8 ? outs - block : 8;
            const int64_t first = out / width * width;
            const int64_t apart = outs - first < width ? outs - first : width;
            const real *from = packed + (int64_t)block * ins * taps + out - block;
            real *sum = to + first * ins + out - first;
            for (int i = 0; i < ins; i++)
                sum[i * apart] = 0;
            for (int tap = 0; tap < taps; tap++, from += (int64_t)ins * step) {
                int part = product, taken = 1;
                for (int axis = 0; axis < axes; axis++, part /= 3)
                    taken &= part % 3 == 1 || part % 3 / 2 == ((tap >> axis & 1) ^ mirrored);
                for (int i = 0; taken && i < ins; i++)
                    sum[i * apart] += from[(int64_t)i * step];
            }
        }
}
