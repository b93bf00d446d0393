/* ---- losses of a block: summed over its samples and outputs; targets (rows, outputs, sites) ---- */

typedef enum Loss { MSE, BCE } Loss;

/* The loss of an output y with target t: (y - t)^2, or softplus(y) - t y, which is the binary
 * cross entropy of sigmoid(y) and safe at any y. */
INLINE double loss_value(Loss loss, double y, double t)
{
    if (loss == MSE)
        return (y - t) * (y - t);
    return (y > 0 ? y : 0) + log1p(exp(-fabs(y))) - t * y;
}

/* ... and its derivative by y. */
INLINE real loss_slope(Loss loss, real y, real t)
{
    if (loss == MSE)
        return 2 * (y - t);
    return (real)(1 / (1 + exp(-(double)y)) - t);
}

INLINE void add_loss(Loss loss, const ArchCall *call, int64_t block, const Parts *parts,
                     const int64_t *extent, const real *target, const real *y,
                     int64_t channels, int64_t row, double *sum)
{
    Field f;
    field_of(&f, call, block, parts, extent, channels, 1);
    for (int i = 0; i < f.lanes; i++) {
        const real *x = y + i * f.apart;
        Cursor k = {0};
        for (int64_t s = 0; s < f.sites; s++, next_site(&f, &k), x += row * ARCH_LANES)
            for (int64_t c = 0; c < channels; c++)
                *sum += loss_value(loss, x[c * ARCH_LANES],
                                   target[f.first[i] + k.at + c * f.stride[0]]);
    }
}

/* dy is zero in lanes without a sample. */
INLINE void loss_dx(Loss loss, const ArchCall *call, int64_t block, const Parts *parts,
                    const int64_t *extent, const real *target, const real *y,
                    int64_t channels, int64_t row, real *dy)
{
    Field f;
    field_of(&f, call, block, parts, extent, channels, 1);
    Cursor k = {0};
    clear(dy, f.sites * row * ARCH_LANES);
    for (int64_t s = 0; s < f.sites; s++, next_site(&f, &k))
        for (int64_t c = 0; c < channels; c++)
            for (int i = 0; i < f.lanes; i++) {
                const int64_t at = (s * row + c) * ARCH_LANES + i * f.apart;
                dy[at] = loss_slope(loss, y[at],
                                    target[f.first[i] + k.at + c * f.stride[0]]);
            }
}

INLINE void mse(const ArchCall *call, int64_t block, const Parts *parts, const int64_t *extent,
                const real *target, const real *y, int64_t channels, int64_t row,
                double *sum)
{
    add_loss(MSE, call, block, parts, extent, target, y, channels, row, sum);
}

INLINE void mse_dx(const ArchCall *call, int64_t block, const Parts *parts,
                   const int64_t *extent, const real *target, const real *y,
                   int64_t channels, int64_t row, real *dy)
{
    loss_dx(MSE, call, block, parts, extent, target, y, channels, row, dy);
}

INLINE void bce(const ArchCall *call, int64_t block, const Parts *parts, const int64_t *extent,
                const real *target, const real *y, int64_t channels, int64_t row,
                double *sum)
{
    add_loss(BCE, call, block, parts, extent, target, y, channels, row, sum);
}

INLINE void bce_dx(const ArchCall *call, int64_t block, const Parts *parts,
                   const int64_t *extent, const real *target, const real *y,
                   int64_t channels, int64_t row, real *dy)
{
    loss_dx(BCE, call, block, parts, extent, target, y, channels, row, dy);
}
