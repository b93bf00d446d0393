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
