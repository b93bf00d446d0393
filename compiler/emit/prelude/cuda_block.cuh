/* ---- a block of threads: one sample, or one tile of it, after the other, of one instance
 * of the network ---- */

typedef struct Block {
    const real *packed;
    real *near;      /* values of this sample or tile, in shared memory                */
    real *far;       /* ... of this sample: in global memory, or where the others are  */
    real *sums;      /* gradients of the parameters, of all that this block has done   */
    double *loss;    /* likewise                                                       */
    double *scratch; /* [threads], shared                                              */
    int64 sample;
    int tile, site, sites; /* its number, its first site, how many                     */
} Block;

DEVICE int64 instance_block(void)
{
    return (int64)blockIdx.y * gridDim.x + blockIdx.x;
}

DEVICE Block block_of(const Frame *f, double *shared_memory, int scratch)
{
    Block at;
    at.packed = f->packed + (int64)blockIdx.y * PACKED;
    at.near = (real *)(shared_memory + scratch);
    at.far = at.near;
    at.sums = f->sums ? f->sums + instance_block() * PARAMS : f->sums;
    at.loss = f->losses + instance_block();
    at.scratch = shared_memory;
    at.sample = blockIdx.x;
    at.tile = at.site = at.sites = 0;
    return at;
}

/* All sites of a lattice are one tile. */
DEVICE Block whole(Block at, int sites)
{
    at.sites = sites;
    return at;
}

DEVICE int tiles_of(const Frame *f, int sites)
{
    return (sites + f->tile - 1) / f->tile;
}

/* Moves to tile `number` of all samples of this round; 0 if there is none. */
DEVICE int find_tile(const Frame *f, Block *at, int64 number, int sites)
{
    const int tiles = tiles_of(f, sites);
    const int64 sample = number / tiles;
    if (sample >= f->round)
        return 0;
    at->sample = f->first + sample;
    at->far = f->work + (blockIdx.y * f->room + sample) * f->fields;
    at->tile = (int)(number - sample * tiles);
    at->site = at->tile * f->tile;
    at->sites = sites - at->site < f->tile ? sites - at->site : f->tile;
    return 1;
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

/* The sites of a tile; `sites` are all of the lattice. */
DEVICE void read_input(const Frame *f, Block at, const void *x, real *to, int channels,
                       int pitch, int sites)
{
    (void)sites;
    const int64 row = row_of(f, at.sample) * f->x_stride[0];
    for (int i = THREAD; i < channels * at.sites; i += THREADS) {
        const int c = i / at.sites, s = i - c * at.sites;
        int64 from = row + c * f->x_stride[1];
        for (int axis = AXES - 1, left = at.site + s; axis >= 0; axis--) {
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
    for (int i = THREAD; i < channels * at.sites; i += THREADS) {
        const int c = i / at.sites, s = i - c * at.sites;
        to[s * pitch + c] = x[(int64)c * sites + at.site + s];
    }
}

DEVICE void write_field(const Frame *f, Block at, real *y, const real *from, int channels,
                        int pitch, int sites)
{
    y += sample_of(f, at, (int64)channels * sites);
    for (int i = THREAD; i < channels * at.sites; i += THREADS) {
        const int c = i / at.sites, s = i - c * at.sites;
        y[(int64)c * sites + at.site + s] = from[s * pitch + c];
    }
}
