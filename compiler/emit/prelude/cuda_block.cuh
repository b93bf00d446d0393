/* ---- a block of threads: one sample after the other, of one instance of the network ---- */

typedef struct Block {
    const real *packed;
    real *field;     /* the values of the network lie here, in shared or global memory */
    real *sums;      /* gradients of the parameters, of all samples of this block      */
    double *loss;    /* likewise                                                       */
    double *scratch; /* [threads], shared                                              */
    int64 sample;
} Block;

DEVICE int64 instance_block(void)
{
    return (int64)blockIdx.y * gridDim.x + blockIdx.x;
}

DEVICE Block block_of(const Frame *f, real *field, double *scratch)
{
    Block at;
    at.packed = f->packed + (int64)blockIdx.y * PACKED;
    at.field = field;
    at.sums = f->sums ? f->sums + instance_block() * PARAMS : f->sums;
    at.loss = f->losses + instance_block();
    at.scratch = scratch;
    at.sample = blockIdx.x;
    return at;
}

DEVICE void clear_sums(const Frame *f, Block at)
{
    for (int i = THREAD; f->sums && i < PARAMS; i += THREADS)
        at.sums[i] = 0;
    if (f->losses && THREAD == 0)
        *at.loss = 0;
}

/* ---- between the caller's arrays and fields ---- */

DEVICE int64 row_of(const Frame *f, int64 sample)
{
    return f->index ? f->index[blockIdx.y * f->index_stride + sample] : sample;
}

/* As numbered by ArchType. */
DEVICE real element(const void *x, int type, int64 at)
{
    switch (type) {
    case 1: return (real)((const signed char *)x)[at];
    case 2: return (real)((const short *)x)[at];
    case 3: return (real)((const int *)x)[at];
    case 4: return (real)((const float *)x)[at];
    }
    return (real)((const double *)x)[at];
}

DEVICE void read_input(const Frame *f, Block at, const void *x, real *to, int channels,
                       int pitch, int sites)
{
    const int64 row = row_of(f, at.sample) * f->x_stride[0];
    for (int i = THREAD; i < channels * sites; i += THREADS) {
        const int c = i / sites, s = i - c * sites;
        int64 from = row + c * f->x_stride[1];
        for (int axis = AXES - 1, left = s; axis >= 0; axis--) {
            const int next = left / f->extent[axis];
            from += (left - next * f->extent[axis]) * f->x_stride[2 + axis];
            left = next;
        }
        to[s * pitch + c] = element(x, f->x_type, from);
    }
}

/* Where the numbers of this sample are in an array (instances, batch, channels, sites). */
DEVICE int64 sample_of(const Frame *f, Block at, int64 size)
{
    return ((int64)blockIdx.y * f->batch + at.sample) * size;
}

DEVICE void read_field(const Frame *f, Block at, const real *x, real *to, int channels,
                       int pitch, int sites)
{
    x += sample_of(f, at, (int64)channels * sites);
    for (int i = THREAD; i < channels * sites; i += THREADS) {
        const int c = i / sites, s = i - c * sites;
        to[s * pitch + c] = x[i];
    }
}

DEVICE void write_field(const Frame *f, Block at, real *y, const real *from, int channels,
                        int pitch, int sites)
{
    y += sample_of(f, at, (int64)channels * sites);
    for (int i = THREAD; i < channels * sites; i += THREADS) {
        const int c = i / sites, s = i - c * sites;
        y[i] = from[s * pitch + c];
    }
}
