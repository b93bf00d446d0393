/* ---- between the caller's arrays and lanes ---- */

/* The next piece of `work`, aligned to a cache line; with work null only the size counts. */
INLINE void *take(void *work, size_t *used, size_t bytes)
{
    void *piece = work ? (char *)work + *used : NULL;
    *used += (bytes + 63) / 64 * 64;
    return piece;
}

INLINE int64_t block_samples(const ArchCall *call, int64_t block)
{
    const int64_t left = call->batch - block * ARCH_LANES;
    return left < ARCH_LANES ? left : ARCH_LANES;
}

INLINE int64_t row_of(const ArchCall *call, int64_t sample)
{
    return call->index ? call->index[sample] : sample;
}

INLINE void clear(real *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        x[i] = 0;
}

INLINE void lowest(real *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        x[i] = -(real)HUGE_VAL;
}

INLINE real element(const void *x, ArchType type, int64_t at)
{
    switch (type) {
    case ARCH_I8: return (real)((const int8_t *)x)[at];
    case ARCH_I16: return (real)((const int16_t *)x)[at];
    case ARCH_I32: return (real)((const int32_t *)x)[at];
    case ARCH_F32: return (real)((const float *)x)[at];
    case ARCH_F64: return (real)((const double *)x)[at];
    }
    return 0;
}

/* Strides of x in elements: sample, channel, axes. */
INLINE void input_strides(const ArchCall *call, int64_t channels, int64_t *stride)
{
    int given = 0;
    for (int k = 0; k < 2 + AXES; k++)
        given |= call->x_stride[k] != 0;
    int64_t size = 1;
    for (int k = 1 + AXES; k >= 0; k--) {
        stride[k] = given ? call->x_stride[k] : size;
        size *= k >= 2 ? call->extent[k - 2] : k == 1 ? channels : 1;
    }
}

/* The next site, row-major: moves `at` on and returns the change of the element number. */
INLINE int64_t next_site(const int64_t *extent, const int64_t *stride, int64_t *at)
{
    int64_t moved = 0;
    for (int axis = AXES - 1; axis >= 0; axis--) {
        moved += stride[axis];
        if (++at[axis] < extent[axis])
            break;
        moved -= extent[axis] * stride[axis];
        at[axis] = 0;
    }
    return moved;
}

INLINE void read_sample(const ArchCall *call, const int64_t *stride, int64_t first,
                               real *lane, int64_t channels, int64_t sites)
{
    for (int64_t c = 0; c < channels; c++) {
        int64_t at[AXES + 1] = {0}, from = first + c * stride[1];
        for (int64_t s = 0; s < sites; s++) {
            lane[(s * channels + c) * ARCH_LANES] = element(call->x, call->x_type, from);
            from += next_site(call->extent, stride + 2, at);
        }
    }
}

/* Exchanges the high half of each pair of bytes, words, .. of a with the low half of b. */
INLINE void exchange(uint64_t *a, uint64_t *b, int bits, uint64_t low)
{
    const uint64_t swap = (*a >> bits ^ *b) & low;
    *b ^= swap;
    *a ^= swap << bits;
}

/* Byte j of row i becomes byte i of row j. */
INLINE void transpose_bytes(uint64_t *row)
{
    const uint64_t half = 0x00000000ffffffffu, word = 0x0000ffff0000ffffu,
                   byte = 0x00ff00ff00ff00ffu;
    exchange(&row[0], &row[4], 32, half);
    exchange(&row[1], &row[5], 32, half);
    exchange(&row[2], &row[6], 32, half);
    exchange(&row[3], &row[7], 32, half);
    exchange(&row[0], &row[2], 16, word);
    exchange(&row[1], &row[3], 16, word);
    exchange(&row[4], &row[6], 16, word);
    exchange(&row[5], &row[7], 16, word);
    exchange(&row[0], &row[1], 8, byte);
    exchange(&row[2], &row[3], 8, byte);
    exchange(&row[4], &row[5], 8, byte);
    exchange(&row[6], &row[7], 8, byte);
}

/* Eight samples at eight sites of one channel, each site's lanes `apart` from the next. */
INLINE void read_bytes(const int8_t *const *sample, int64_t at, real *lane, int64_t apart)
{
    uint64_t row[8];
    for (int i = 0; i < 8; i++)
        memcpy(&row[i], sample[i] + at, sizeof row[i]);
    transpose_bytes(row);
    for (int site = 0; site < 8; site++) {
        int8_t x[8];
        memcpy(x, &row[site], sizeof x);
        for (int i = 0; i < 8; i++)
            lane[site * apart + i] = (real)x[i];
    }
}

/* Sixteen int8 samples that lie contiguously, the common case; bytes are moved eight at a
 * time where the machine counts them from the low end. */
INLINE void read_block_i8(const int8_t *const *sample, real *lanes, int64_t channels,
                          int64_t sites)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const int64_t whole = sites / 8 * 8;
#else
    const int64_t whole = 0;
#endif
    const int64_t apart = channels * ARCH_LANES;
    for (int64_t c = 0; c < channels; c++) {
        real *to = lanes + c * ARCH_LANES;
        for (int64_t s = 0; s < whole; s += 8)
            for (int half = 0; half < ARCH_LANES; half += 8)
                read_bytes(sample + half, c * sites + s, to + s * apart + half, apart);
        for (int64_t s = whole; s < sites; s++)
            for (int lane = 0; lane < ARCH_LANES; lane++)
                to[s * apart + lane] = (real)sample[lane][c * sites + s];
    }
}

/* x of 16 samples into [site][channel][lane]; lanes behind the last sample are zero. */
INLINE void read_input(const ArchCall *call, int64_t block, const void *x,
                              real *lanes, int64_t channels, int64_t sites)
{
    const int64_t samples = block_samples(call, block);
    int64_t stride[2 + AXES];
    input_strides(call, channels, stride);
    const int64_t first = block * ARCH_LANES;
    if (call->x_type == ARCH_I8 && samples == ARCH_LANES && !call->x_stride[0]) {
        const int8_t *row[ARCH_LANES];
        for (int lane = 0; lane < ARCH_LANES; lane++)
            row[lane] = (const int8_t *)x + row_of(call, first + lane) * stride[0];
        read_block_i8(row, lanes, channels, sites);
        return;
    }
    if (samples < ARCH_LANES)
        clear(lanes, sites * channels * ARCH_LANES);
    for (int64_t lane = 0; lane < samples; lane++)
        read_sample(call, stride, row_of(call, first + lane) * stride[0], lanes + lane,
                    channels, sites);
}

/* A field of the caller's, real (batch, channels, sites), into lanes. */
INLINE void read_field(const ArchCall *call, int64_t block, const real *x,
                              real *lanes, int64_t channels, int64_t sites)
{
    const int64_t samples = block_samples(call, block), size = channels * sites;
    x += block * ARCH_LANES * size;
    for (int64_t s = 0; s < sites; s++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t lane = 0; lane < ARCH_LANES; lane++)
                *lanes++ = lane < samples ? x[lane * size + c * sites + s] : 0;
}

/* ... and out of lanes. */
INLINE void write_field(const ArchCall *call, int64_t block, real *y,
                               const real *lanes, int64_t channels, int64_t sites)
{
    const int64_t samples = block_samples(call, block), size = channels * sites;
    y += block * ARCH_LANES * size;
    for (int64_t s = 0; s < sites; s++)
        for (int64_t c = 0; c < channels; c++, lanes += ARCH_LANES)
            for (int64_t lane = 0; lane < samples; lane++)
                y[lane * size + c * sites + s] = lanes[lane];
}
