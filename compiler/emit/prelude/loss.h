/* ---- losses of a block: summed over its samples and outputs; targets (rows, outputs) ---- */

INLINE const real *target_row(const ArchCall *call, int64_t sample,
                                     const real *target, int64_t size)
{
    return target + row_of(call, sample) * size;
}

/* sum (y - t)^2 */
INLINE void mse(const ArchCall *call, int64_t block, const real *target,
                       const real *y, int64_t channels, int64_t sites, double *loss)
{
    const int64_t samples = block_samples(call, block);
    for (int64_t lane = 0; lane < samples; lane++) {
        const real *t = target_row(call, block * ARCH_LANES + lane, target, channels * sites);
        for (int64_t s = 0; s < sites; s++)
            for (int64_t c = 0; c < channels; c++) {
                const double d =
                    (double)y[(s * channels + c) * ARCH_LANES + lane] - t[c * sites + s];
                *loss += d * d;
            }
    }
}

/* 2 (y - t); zero in lanes without a sample. */
INLINE void mse_dx(const ArchCall *call, int64_t block, const real *target,
                          const real *y, int64_t channels, int64_t sites, real *dy)
{
    const int64_t samples = block_samples(call, block);
    clear(dy, channels * sites * ARCH_LANES);
    for (int64_t lane = 0; lane < samples; lane++) {
        const real *t = target_row(call, block * ARCH_LANES + lane, target, channels * sites);
        for (int64_t s = 0; s < sites; s++)
            for (int64_t c = 0; c < channels; c++) {
                const int64_t at = (s * channels + c) * ARCH_LANES + lane;
                dy[at] = 2 * (y[at] - t[c * sites + s]);
            }
    }
}

/* sum softplus(x) - t x: the binary cross entropy of sigmoid(x), safe at any x. */
INLINE void bce(const ArchCall *call, int64_t block, const real *target,
                       const real *x, int64_t channels, int64_t sites, double *loss)
{
    const int64_t samples = block_samples(call, block);
    for (int64_t lane = 0; lane < samples; lane++) {
        const real *t = target_row(call, block * ARCH_LANES + lane, target, channels * sites);
        for (int64_t s = 0; s < sites; s++)
            for (int64_t c = 0; c < channels; c++) {
                const double v = x[(s * channels + c) * ARCH_LANES + lane];
                const double softplus = (v > 0 ? v : 0) + log1p(exp(-fabs(v)));
                *loss += softplus - t[c * sites + s] * v;
            }
    }
}

/* sigmoid(x) - t */
INLINE void bce_dx(const ArchCall *call, int64_t block, const real *target,
                          const real *x, int64_t channels, int64_t sites, real *dx)
{
    const int64_t samples = block_samples(call, block);
    clear(dx, channels * sites * ARCH_LANES);
    for (int64_t lane = 0; lane < samples; lane++) {
        const real *t = target_row(call, block * ARCH_LANES + lane, target, channels * sites);
        for (int64_t s = 0; s < sites; s++)
            for (int64_t c = 0; c < channels; c++) {
                const int64_t at = (s * channels + c) * ARCH_LANES + lane;
                dx[at] = (real)(1 / (1 + exp(-(double)x[at])) - t[c * sites + s]);
            }
    }
}
