/* ---- gradients: from lanes to numbers, from shards to the mean ---- */

/* to[i] = sum over the lanes of from[i][lane], in a fixed tree. */
INLINE void lane_sums(real *to, const real *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++, from += ARCH_LANES) {
        real half[ARCH_LANES / 2];
        for (int lane = 0; lane < 8; lane++)
            half[lane] = from[lane] + from[lane + 8];
        for (int width = 4; width > 0; width /= 2)
            for (int lane = 0; lane < width; lane++)
                half[lane] += half[lane + width];
        to[i] = half[0];
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
