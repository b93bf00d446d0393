/* ---- losses: summed over outputs, those of a tile; targets (rows, outputs) ---- */

DEVICE const real *target_of(const Frame *f, Block at, int64 size)
{
    return f->target + row_of(f, at.sample) * size;
}

/* Adds what each thread has to the loss, in a fixed tree. */
DEVICE void add_loss(Block at, double part)
{
    at.scratch[THREAD] = part;
    __syncthreads();
    for (int count = THREADS; count > 1;) {
        const int half = (count + 1) / 2;
        if (THREAD < count - half)
            at.scratch[THREAD] += at.scratch[THREAD + half];
        count = half;
        __syncthreads();
    }
    if (THREAD == 0)
        *at.loss += at.scratch[0];
}

/* sum (y - t)^2 */
DEVICE void mse(const Frame *f, Block at, const real *y, int channels, int pitch, int sites)
{
    const real *target = target_of(f, at, (int64)channels * sites);
    double sum = 0;
    for (int i = THREAD; i < channels * at.sites; i += THREADS) {
        const int c = i / at.sites, s = i - c * at.sites;
        const double d = (double)y[s * pitch + c] - target[(int64)c * sites + at.site + s];
        sum += d * d;
    }
    add_loss(at, sum);
}

/* 2 (y - t) */
DEVICE void mse_dx(const Frame *f, Block at, const real *y, int channels, int pitch,
                   int sites, real *dy)
{
    const real *target = target_of(f, at, (int64)channels * sites);
    for (int i = THREAD; i < channels * at.sites; i += THREADS) {
        const int c = i / at.sites, s = i - c * at.sites;
        dy[s * pitch + c] = 2 * (y[s * pitch + c] - target[(int64)c * sites + at.site + s]);
    }
}

/* sum softplus(x) - t x: the binary cross entropy of sigmoid(x), safe at any x. */
DEVICE void bce(const Frame *f, Block at, const real *x, int channels, int pitch, int sites)
{
    const real *target = target_of(f, at, (int64)channels * sites);
    double sum = 0;
    for (int i = THREAD; i < channels * at.sites; i += THREADS) {
        const int c = i / at.sites, s = i - c * at.sites;
        const double v = x[s * pitch + c];
        const double softplus = (v > 0 ? v : 0) + log1p(exp(-fabs(v)));
        sum += softplus - target[(int64)c * sites + at.site + s] * v;
    }
    add_loss(at, sum);
}

/* sigmoid(x) - t */
DEVICE void bce_dx(const Frame *f, Block at, const real *x, int channels, int pitch,
                   int sites, real *dx)
{
    const real *target = target_of(f, at, (int64)channels * sites);
    for (int i = THREAD; i < channels * at.sites; i += THREADS) {
        const int c = i / at.sites, s = i - c * at.sites;
        dx[s * pitch + c] = (real)(1 / (1 + exp(-(double)x[s * pitch + c])) - target[(int64)c * sites + at.site + s]);
    }
}
