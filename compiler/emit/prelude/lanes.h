/* ---- between the caller's arrays and lanes ---- */

/* The next piece of `work`, aligned to a cache line; with work null only the size counts. */
INLINE void *take(void *work, size_t *used, size_t bytes)
{
    void *piece = work ? (char *)work + *used : NULL;
    *used += (bytes + 63) / 64 * 64;
    return piece;
}

INLINE void take_halo(Halo *halo, void *work, size_t *used)
{
    halo->from = (int32_t *)take(work, used, sizeof(int32_t) * (size_t)halo->sites);
    halo->lane =
        (int32_t *)take(work, used, sizeof(int32_t) * ARCH_LANES * (size_t)halo->sites);
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

/* A field of the caller's as the lanes of a block see it: a part, or a band of one.  Each lane
 * in use begins at an element of its own; a value without sites (extent null) has but one lane
 * a sample. */
typedef struct Field {
    int lanes, apart;          /* lanes in use, the distance between them    */
    int64_t first[ARCH_LANES]; /* element of the lane's first site, channel 0 */
    int64_t stride[1 + AXES];  /* of channel and axes, in elements            */
    int64_t sites;
    const int64_t *extent;     /* of a part                                   */
    int64_t of_part[1 + AXES]; /* ... in a sweep, where memory holds bands    */
} Field;

/* One sample's stride, and those of a field that lies contiguously: channel, axes.  Sets all
 * but the lanes: to clear a Field takes longer than to read a small lattice. */
INLINE int64_t field_shape(Field *f, const Parts *parts, const int64_t *extent,
                           int64_t channels)
{
    int64_t size = 1;
    for (int axis = 0; extent && parts->bands && axis < AXES; axis++)
        f->of_part[axis] = axis ? extent[axis] : part_sites(parts, extent[0]);
    if (extent && parts->bands)
        extent = f->of_part;
    f->extent = extent;
    f->sites = 1;
    for (int axis = AXES - 1; extent && axis >= 0; axis--) {
        f->stride[1 + axis] = size;
        size *= extent[axis] * parts->grid[axis];
        f->sites *= extent[axis];
    }
    if (extent && parts->bands)
        f->sites /= parts->bands;
    f->stride[0] = size;
    return size * channels;
}

/* The next element where a row of parts begins, behind *offset; its coordinates in the grid
 * of parts are `at`. */
INLINE void next_parts(const Parts *parts, const Field *f, int64_t *at, int64_t *offset)
{
    for (int axis = AXES - 2; axis >= 0; axis--) {
        const int64_t step = f->extent[axis] * f->stride[1 + axis];
        *offset += step;
        if (++at[axis] < parts->grid[axis])
            break;
        *offset -= parts->grid[axis] * step;
        at[axis] = 0;
    }
}

/* The lanes of a sample that begins at element `offset`. */
INLINE void sample_lanes(Field *f, const Parts *parts, int64_t offset)
{
    enum { LAST = AXES - (AXES > 0) };
    int64_t at[AXES + 1] = {0}, *first = f->first + f->lanes;
    const int64_t row = parts->grid[LAST], step = f->extent[LAST] * f->stride[AXES];
    f->lanes += (int)parts->count;
    for (int64_t part = 0; part < parts->count; part += row) {
        for (int64_t i = 0; i < row; i++)
            first[part + i] = offset + i * step;
        next_parts(parts, f, at, &offset);
    }
}

/* From the first site of each part to the band that is walked: that may lie before the part or
 * behind it, also around the lattice. */
INLINE void go_to_band(Field *f, const Parts *parts)
{
    const int64_t all = parts->bands * parts->grid[0], apart = parts->count / parts->grid[0];
    const int64_t band = f->extent[0] / parts->bands * f->stride[AXES > 0];
    for (int lane = 0; lane < f->lanes; lane++) {
        const int64_t first = lane % parts->count / apart * parts->bands;
        const int64_t number = ((first + parts->band) % all + all) % all;
        f->first[lane] += (number - first) * band;
    }
}

/* Sample b of the batch is row b, or call->index[b] of x and the target. */
INLINE void field_lanes(Field *f, const ArchCall *call, int64_t block, const Parts *parts,
                        int64_t stride, int by_index)
{
    f->lanes = 0, f->first[0] = 0;
    f->apart = f->extent ? 1 : (int)parts->count;
    for (int64_t s = 0; s < parts->samples; s++) {
        const int64_t sample = block * parts->samples + s;
        if (sample >= call->batch)
            break;
        const int64_t row = by_index ? row_of(call, sample) : sample;
        if (f->extent && parts->count > 1)
            sample_lanes(f, parts, row * stride);
        else
            f->first[f->lanes++] = row * stride;
    }
    if (f->extent && parts->bands)
        go_to_band(f, parts);
}

INLINE void field_of(Field *f, const ArchCall *call, int64_t block, const Parts *parts,
                     const int64_t *extent, int64_t channels, int by_index)
{
    const int64_t stride = field_shape(f, parts, extent, channels);
    field_lanes(f, call, block, parts, stride, by_index);
}

/* Element of site 0, channel c of the part of a lane; the next sites follow. */
typedef struct Cursor {
    int64_t at, coordinate[AXES + 1];
} Cursor;

/* One step along an axis, and where that ends, along those before it. */
INLINE void next_along(const Field *f, int axis, Cursor *k)
{
    for (; axis >= 0; axis--) {
        k->at += f->stride[1 + axis];
        if (++k->coordinate[axis] < f->extent[axis])
            break;
        k->at -= f->extent[axis] * f->stride[1 + axis];
        k->coordinate[axis] = 0;
    }
}

INLINE void next_site(const Field *f, Cursor *k)
{
    if (f->extent)
        next_along(f, AXES - 1, k);
}

/* One site and channel of all lanes. */
INLINE void read_row(const Field *f, const void *x, ArchType type, int64_t at, real *to)
{
    switch (type) {
    case ARCH_I8:
        for (int i = 0; i < f->lanes; i++)
            to[i * f->apart] = (real)((const int8_t *)x)[f->first[i] + at];
        break;
    case ARCH_I16:
        for (int i = 0; i < f->lanes; i++)
            to[i * f->apart] = (real)((const int16_t *)x)[f->first[i] + at];
        break;
    case ARCH_I32:
        for (int i = 0; i < f->lanes; i++)
            to[i * f->apart] = (real)((const int32_t *)x)[f->first[i] + at];
        break;
    case ARCH_F32:
        for (int i = 0; i < f->lanes; i++)
            to[i * f->apart] = (real)((const float *)x)[f->first[i] + at];
        break;
    case ARCH_F64:
        for (int i = 0; i < f->lanes; i++)
            to[i * f->apart] = (real)((const double *)x)[f->first[i] + at];
        break;
    }
}

/* 16 sites in a row of one lane. */
#define READ_16(number)          \
    for (int i = 0; i < 16; i++) \
    to[i] = (real)((const number *)x)[at + i]
INLINE void read_16_sites(const void *x, ArchType type, int64_t at, real *to)
{
    switch (type) {
    case ARCH_I8: READ_16(int8_t); break;
    case ARCH_I16: READ_16(int16_t); break;
    case ARCH_I32: READ_16(int32_t); break;
    case ARCH_F32: READ_16(float); break;
    case ARCH_F64: READ_16(double); break;
    }
}
#undef READ_16

INLINE void read_rows(const Field *f, const void *x, ArchType type, real *lanes,
                      int64_t channels, int64_t row)
{
    if (f->lanes < ARCH_LANES)
        clear(lanes, f->sites * row * ARCH_LANES);
    Cursor k = {0};
    for (int64_t s = 0; s < f->sites; s++, next_site(f, &k), lanes += row * ARCH_LANES)
        for (int64_t c = 0; c < channels; c++)
            read_row(f, x, type, k.at + c * f->stride[0], lanes + c * ARCH_LANES);
}

/* Loops that must become straight-line code, so that arrays of vectors lie in registers. */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define UNROLLED _Pragma("GCC unroll 16")
#else
#define UNROLLED
#endif

#ifdef ARCH_X86
INLINE int32_t word_at(const int8_t *from)
{
    int32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* Bytes at .. at + 3 of four rows. */
INLINE __m128i words_of_rows(const int8_t *const *row, int64_t at)
{
    return _mm_setr_epi32(word_at(row[0] + at), word_at(row[1] + at), word_at(row[2] + at),
                          word_at(row[3] + at));
}

/* Of four rows the 16 bytes from `at` on, in the order told: four bytes of each, four times. */
static inline __attribute__((always_inline, unused, target("avx2"))) void
fours_of_rows(const int8_t *const *row, int64_t at, const int8_t *order, __m128i *four)
{
    const __m128i by = _mm_loadu_si128((const __m128i *)order);
    __m128i a[4];
    UNROLLED
    for (int k = 0; k < 4; k++)
        a[k] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(row[k] + at)), by);
    const __m128i p = _mm_unpacklo_epi32(a[0], a[1]), q = _mm_unpacklo_epi32(a[2], a[3]),
                  r = _mm_unpackhi_epi32(a[0], a[1]), s = _mm_unpackhi_epi32(a[2], a[3]);
    four[0] = _mm_unpacklo_epi64(p, q);
    four[1] = _mm_unpackhi_epi64(p, q);
    four[2] = _mm_unpacklo_epi64(r, s);
    four[3] = _mm_unpackhi_epi64(r, s);
}
#endif

/* Where four sites of four parts side by side are 16 bytes in a row, the places of the parts'
 * first sites, of their second ones, ..: rows of 4 sites, or two rows of 2 in a lattice that
 * is 8 wide.  Else NULL. */
INLINE const int8_t *order_of_fours(const Field *f, const Parts *parts)
{
    enum { LAST = AXES - (AXES > 0), BEFORE = LAST - (LAST > 0) };
    static const int8_t one_row[] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    static const int8_t two_rows[] = {0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15};
    if (!f->extent || parts->bands || parts->grid[LAST] % 4 != 0)
        return NULL;
    if (f->extent[LAST] == 4)
        return one_row;
    const int64_t width = f->stride[AXES - (AXES > 1)];
    const int two = f->extent[LAST] == 2 && width == 8 && f->extent[BEFORE] % 2 == 0;
    return two ? two_rows : NULL;
}

/* Sites of one lane that lie one after the other; behind them goes on what lies along axis
 * *before. */
INLINE int64_t run_of_sites(const Field *f, const Parts *parts, int *before)
{
    int64_t run = 1;
    int axis = f->extent ? AXES : 0, whole = 1;
    while (axis > 0 && whole) {
        run *= f->extent[--axis];
        whole = parts->grid[axis] == 1;
    }
    *before = axis - 1;
    return run < f->sites ? run : f->sites;
}

/* The input of a block; whether it lies contiguously. */
INLINE int input_of(Field *f, const ArchCall *call, int64_t block, const Parts *parts,
                    const int64_t *extent, int64_t channels)
{
    int64_t stride = field_shape(f, parts, extent, channels);
    int contiguous = 1;
    for (int k = 0; k < 2 + AXES; k++)
        contiguous &= call->x_stride[k] == 0;
    for (int k = 0; !contiguous && k < 1 + AXES; k++)
        f->stride[k] = call->x_stride[1 + k];
    field_lanes(f, call, block, parts, contiguous ? stride : call->x_stride[0], 1);
    return contiguous;
}

/* An input of bytes that lies contiguously, as the lanes see it: where each begins, counted
 * from which all may be read up to `end`.  Idle lanes see what others do: what they make
 * of it is not asked for, and no gradient comes back to them. */
typedef struct Bytes {
    const int8_t *from[ARCH_LANES];
    int64_t end;
    int lanes; /* in use */
} Bytes;

INLINE void bytes_of(Bytes *b, const Field *f, const Parts *parts, const int8_t *x,
                     int64_t channels)
{
    b->end = channels * f->stride[0];
    b->lanes = f->lanes;
    for (int axis = 0; f->extent && axis < AXES; axis++) {
        const int64_t bands = axis == 0 && parts->bands ? parts->bands : 1;
        const int64_t last = parts->grid[axis] * f->extent[axis] - f->extent[axis] / bands;
        b->end -= last * f->stride[1 + axis];
    }
    for (int lane = 0; lane < f->lanes; lane++)
        b->from[lane] = x + f->first[lane];
    for (int lane = f->lanes; lane < ARCH_LANES; lane++)
        b->from[lane] = x + f->first[0];
}

#ifdef ARCH_REAL_F64
#define REAL_TYPE ARCH_F64
#else
#define REAL_TYPE ARCH_F32
#endif

/* A field of the caller's, real (batch, channels, sites), into lanes, `row` vectors a site. */
INLINE void read_field(const ArchCall *call, int64_t block, const Parts *parts,
                       const int64_t *extent, const real *x, real *lanes, int64_t channels,
                       int64_t row)
{
    Field f;
    field_of(&f, call, block, parts, extent, channels, 0);
    read_rows(&f, x, REAL_TYPE, lanes, channels, row);
}

/* ... and out of lanes. */
INLINE void write_field(const ArchCall *call, int64_t block, const Parts *parts,
                        const int64_t *extent, real *y, const real *lanes, int64_t channels,
                        int64_t row)
{
    Field f;
    field_of(&f, call, block, parts, extent, channels, 0);
    Cursor k = {0};
    for (int64_t s = 0; s < f.sites; s++, next_site(&f, &k), lanes += row * ARCH_LANES)
        for (int64_t c = 0; c < channels; c++)
            for (int i = 0; i < f.lanes; i++)
                y[f.first[i] + k.at + c * f.stride[0]] = lanes[c * ARCH_LANES + i * f.apart];
}
