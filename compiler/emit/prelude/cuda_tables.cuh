/* ---- once a lattice: tables of site numbers, for any number of axes ---- */

typedef struct Window {
    int axes, kernel[4], stride[4], before[4], circular[4];
} Window;

DEVICE int first_entry(void)
{
    return (int)(blockIdx.x * blockDim.x + threadIdx.x);
}

DEVICE int next_entry(int entry)
{
    return entry + (int)(gridDim.x * blockDim.x);
}

/* The last coordinate of a row-major number, which is divided by it. */
DEVICE int take_coordinate(int *number, int extent)
{
    const int q = *number / extent, at = *number - q * extent;
    *number = q;
    return at;
}

DEVICE int count_sites(int axes, const int *extent)
{
    int sites = 1;
    for (int axis = 0; axis < axes; axis++)
        sites *= extent[axis];
    return sites;
}

/* near[tap][p]: the input site that output site p sees; the ghost, if none. */
DEVICE void fill_near(int *near, const Window *w, const int *in, const int *out)
{
    const int sites = count_sites(w->axes, out), taps = count_sites(w->axes, w->kernel);
    for (int e = first_entry(); e < taps * sites; e = next_entry(e)) {
        int tap = e / sites, p = e - tap * sites, site = 0, size = 1;
        for (int axis = w->axes - 1; axis >= 0; axis--) {
            const int k = take_coordinate(&tap, w->kernel[axis]);
            int q = take_coordinate(&p, out[axis]) * w->stride[axis] + k - w->before[axis];
            if (w->circular[axis])
                q = (q % in[axis] + in[axis]) % in[axis];
            site = site < 0 || q < 0 || q >= in[axis] ? -1 : site + q * size;
            size *= in[axis];
        }
        near[e] = site < 0 ? size : site;
    }
}

/* back[tap][q]: the output site that sees input site q through this tap, or the ghost. */
DEVICE void fill_back(int *back, const Window *w, const int *in, const int *out)
{
    const int sites = count_sites(w->axes, in), taps = count_sites(w->axes, w->kernel);
    for (int e = first_entry(); e < taps * sites; e = next_entry(e)) {
        int tap = e / sites, q = e - tap * sites, site = 0, size = 1;
        for (int axis = w->axes - 1; axis >= 0; axis--) {
            const int k = take_coordinate(&tap, w->kernel[axis]);
            int start = take_coordinate(&q, in[axis]) + w->before[axis] - k;
            if (w->circular[axis])
                start = (start % in[axis] + in[axis]) % in[axis];
            const int p = start / w->stride[axis];
            const int seen = start >= 0 && p * w->stride[axis] == start && p < out[axis];
            site = site < 0 || !seen ? -1 : site + p * size;
            size *= out[axis];
        }
        back[e] = site < 0 ? size : site;
    }
}

/* cover[way][q]: the output sites whose pool windows hold input site q, or the ghost, and
 * in `tap` by which of their taps (either may be null).  Windows do not wrap. */
DEVICE void fill_cover(int *cover, int *taps, const Window *w, const int *in, const int *out)
{
    int ways = 1;
    for (int axis = 0; axis < w->axes; axis++)
        ways *= (w->kernel[axis] + w->stride[axis] - 1) / w->stride[axis];
    const int sites = count_sites(w->axes, in);
    for (int e = first_entry(); e < ways * sites; e = next_entry(e)) {
        int way = e / sites, q = e - way * sites, site = 0, size = 1, tap = 0, row = 1;
        for (int axis = w->axes - 1; axis >= 0; axis--) {
            const int stride = w->stride[axis], kernel = w->kernel[axis];
            const int back = take_coordinate(&way, (kernel + stride - 1) / stride);
            const int x = take_coordinate(&q, in[axis]), p = x / stride - back;
            const int k = x - p * stride;
            const int inside = p >= 0 && p < out[axis] && k < kernel;
            site = site < 0 || !inside ? -1 : site + p * size;
            tap += k * row;
            size *= out[axis];
            row *= kernel;
        }
        if (cover)
            cover[e] = site < 0 ? size : site;
        if (taps)
            taps[e] = site < 0 ? 0 : tap;
    }
}

/* ---- after every change of the weights: [block of 8 outputs][tap][input][output] ---- */

DEVICE void pack_matrix(const real *w, real *packed, int outs, int taps, int ins,
                        int stride_out, int stride_tap, int stride_in)
{
    const int block_size = 8 * taps * ins;
    for (int e = first_entry(); e < outs * taps * ins; e = next_entry(e)) {
        const int block = e / block_size, left = outs - 8 * block;
        const int width = left < 8 ? left : 8, at = e - block * block_size;
        const int row = at / width, out = 8 * block + at - row * width;
        const int tap = row / ins, in = row - tap * ins;
        packed[e] = w[out * stride_out + tap * stride_tap + in * stride_in];
    }
}

/* ---- at the end: the sums of all blocks ---- */

/* from[0] + from[stride] + .., 16 at a time. */
DEVICE double sum_blocks(const real *from, int64 blocks, int64 stride)
{
    double sum = 0;
    for (int64 first = 0; first < blocks; first += 16) {
        real strip = 0;
        for (int64 i = first; i < blocks && i < first + 16; i++)
            strip += from[i * stride];
        sum += strip;
    }
    return sum;
}

/* The loss and the gradients of one instance, divided by the terms of the mean. */
DEVICE void add_blocks(const Frame *f)
{
    const int64 row = (int64)blockIdx.y * f->blocks;
    for (int i = first_entry(); f->sums && i < PARAMS; i = next_entry(i))
        f->dparams[(int64)blockIdx.y * PARAMS + i] =
            (real)(sum_blocks(f->sums + row * PARAMS + i, f->blocks, PARAMS) / f->terms);
    if (!f->losses || first_entry() != 0)
        return;
    double loss = 0;
    for (int64 block = 0; block < f->blocks; block++)
        loss += f->losses[row + block];
    f->loss[blockIdx.y] = loss / f->terms;
}
