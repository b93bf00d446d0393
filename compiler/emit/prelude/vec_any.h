/* ---- inputs into lanes, by vectors ---- */

/* Up to 4 sites in a row, from element `at` of every lane on.  Four bytes are read: also those
 * behind the sites, or where the lattice ends, before them. */
@_FUNCTION void @_read_few(const Bytes *x, int64_t at, int64_t sites, real *to, int64_t pitch)
{
    const int64_t back = at + 4 <= x->end ? 0 : 4 - sites;
    if (at >= back) {
        @_read_4(x, at - back, back, sites, to, pitch);
        return;
    }
    for (int64_t s = 0; s < sites; s++)
        for (int lane = 0; lane < ARCH_LANES; lane++)
            to[s * pitch + lane] = x->from[lane][at + s];
}

/* `sites` sites in a row, no more than 16. */
@_FUNCTION void @_read_row(const Bytes *x, int64_t at, int64_t sites, real *to, int64_t pitch)
{
    if (sites > 4 && at + 16 <= x->end) {
        @_read_16(x->from, at, sites, to, pitch);
        return;
    }
    for (int64_t s = 0; s < sites; s += 4)
        @_read_few(x, at + s, sites - s < 4 ? sites - s : 4, to + s * pitch, pitch);
}

/* Any number of them. */
@_FUNCTION void @_read_bytes(const Bytes *x, int64_t at, int64_t sites, real *to, int64_t pitch)
{
    for (int64_t s = 0; s < sites; s += 16)
        @_read_row(x, at + s, sites - s < 16 ? sites - s : 16, to + s * pitch, pitch);
}

/* All sites, four by four, in an order of order_of_fours. */
@_FUNCTION void @_read_fours(const Field *f, const int8_t *x, const int8_t *order, real *lanes,
                             int64_t channels, int64_t row)
{
    const int8_t *from[4];
    for (int k = 0; k < 4; k++)
        from[k] = x + f->first[4 * k < f->lanes ? 4 * k : 0];
    const int64_t run = f->extent[AXES - (AXES > 0)];
    Cursor k = {0};
    for (int64_t s = 0; s < f->sites; s += 4, lanes += 4 * row * ARCH_LANES) {
        for (int64_t c = 0; c < channels; c++)
            @_read_four(from, k.at + c * f->stride[0], order, lanes + c * ARCH_LANES,
                        row * ARCH_LANES);
        for (int64_t i = 0; i < 4; i += run)
            next_along(f, AXES - 2, &k);
    }
}

/* 16 sites in a row, numbers of any type. */
@_FUNCTION void @_read_16_numbers(const Field *f, const void *x, ArchType type, int64_t at,
                                  real *to, int64_t pitch)
{
    _Alignas(64) real tile[ARCH_LANES * 16];
    for (int lane = 0; lane < f->lanes; lane++)
        read_16_sites(x, type, f->first[lane] + at, tile + lane * 16);
    clear(tile + f->lanes * 16, (ARCH_LANES - f->lanes) * 16);
    @_transpose(tile, to, pitch);
}

@_FUNCTION void @_read_numbers(const Field *f, const void *x, ArchType type, int64_t at,
                               int64_t sites, real *to, int64_t pitch)
{
    const int64_t whole = sites / 16 * 16;
    for (int64_t s = 0; s < whole; s += 16)
        @_read_16_numbers(f, x, type, at + s, to + s * pitch, pitch);
    for (int64_t s = whole; s < sites; s++)
        read_row(f, x, type, at + s, to + s * pitch);
}

/* An input that lies contiguously.  Channels in turn for so many sites that lines of memory are
 * read whole, and some after each other: lanes and channels may lie apart by a power of two,
 * where nearest memory keeps few lines until they are asked for again. */
@_FUNCTION void @_read_runs(const Field *f, const Parts *parts, const void *x, ArchType type,
                            real *lanes, int64_t channels, int64_t row)
{
    enum { AT_ONCE = 128 };
    Bytes bytes = {0};
    int before;
    const int64_t run = run_of_sites(f, parts, &before), pitch = row * ARCH_LANES;
    if (type == ARCH_I8)
        bytes_of(&bytes, f, parts, (const int8_t *)x, channels);
    else if (f->lanes < ARCH_LANES)
        clear(lanes, f->sites * pitch);
    Cursor k = {0};
    for (int64_t s = 0; s < f->sites; s += run, next_along(f, before, &k))
        for (int64_t i = 0; i < run; i += AT_ONCE) {
            const int64_t sites = run - i < AT_ONCE ? run - i : AT_ONCE;
            for (int64_t c = 0; c < channels; c++) {
                const int64_t at = k.at + i + c * f->stride[0];
                real *to = lanes + (s + i) * pitch + c * ARCH_LANES;
                if (type == ARCH_I8)
                    @_read_bytes(&bytes, at, sites, to, pitch);
                else
                    @_read_numbers(f, x, type, at, sites, to, pitch);
            }
        }
}

/* The input of a block, `row` vectors a site. */
@_FUNCTION void @_read_input(const ArchCall *call, int64_t block, const Parts *parts,
                             const int64_t *extent, const void *x, real *lanes,
                             int64_t channels, int64_t row)
{
    Field f;
    const int contiguous = input_of(&f, call, block, parts, extent, channels);
    const int8_t *order = order_of_fours(&f, parts);
    if (!contiguous)
        read_rows(&f, x, call->x_type, lanes, channels, row);
    else if (call->x_type == ARCH_I8 && order)
        @_read_fours(&f, (const int8_t *)x, order, lanes, channels, row);
    else
        @_read_runs(&f, parts, x, call->x_type, lanes, channels, row);
}

/* ---- one sample: its outputs in the lanes ---- */

@_FUNCTION @ @_anywhere(const real *p)
{
    @ v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* y[k] = sum_i w[i][k] x[i], eight outputs k: vectors of w are the outputs of two inputs i, of
 * one, or a part of one's.  Four sums at once, as each waits for its last. */
@_FUNCTION void @_eight_outputs(const real *w, const real *x, int64_t pitch, int64_t ins, real *y)
{
    enum {
        LANES = sizeof(@) / sizeof(real),
        AT_ONCE = LANES / 2,                /* inputs of four vectors */
        INPUTS = LANES < 8 ? 1 : LANES / 8, /* of one, if it holds a whole one's outputs */
        APART = LANES < 8 ? 4 : 1           /* sums that are not of the same outputs */
    };
    _Alignas(64) real part[4 * LANES];
    @ a[4] = {@_set(0), @_set(0), @_set(0), @_set(0)};
    const int64_t fours = ins / AT_ONCE * AT_ONCE;
    const int64_t whole = LANES < 8 ? fours : ins / INPUTS * INPUTS;
    for (int64_t i = 0; i < fours; i += AT_ONCE)
        UNROLLED
        for (int v = 0; v < 4; v++) {
            const @ inputs = @_inputs(x + (i + v * LANES / 8) * pitch, pitch);
            a[v] = @_fma(@_anywhere(w + i * 8 + v * LANES), inputs, a[v]);
        }
    for (int64_t i = fours; i < whole; i += INPUTS)
        a[0] = @_fma(@_anywhere(w + i * 8), @_inputs(x + i * pitch, pitch), a[0]);
    if (APART == 1)
        a[0] = @_add(@_add(a[0], a[1]), @_add(a[2], a[3]));
    UNROLLED
    for (int v = 0; v < APART; v++)
        @_store(part + v * LANES, a[v]);
    for (int k = 0; k < 8; k++)
        y[k] = part[k];
    for (int k = 8; k < APART * LANES; k++)
        y[k % 8] += part[k];
    for (int64_t i = whole; i < ins; i++)
        for (int k = 0; k < 8; k++)
            y[k] += w[i * 8 + k] * x[i * pitch];
}

/* One of fewer, `width` outputs. */
INLINE real @_one_output(const real *w, int64_t width, const real *x, int64_t pitch, int64_t ins)
{
    real a = 0, b = 0, c = 0, d = 0;
    int64_t i = 0;
    for (; i + 4 <= ins; i += 4, w += 4 * width, x += 4 * pitch) {
        a += w[0] * x[0];
        b += w[width] * x[pitch];
        c += w[2 * width] * x[2 * pitch];
        d += w[3 * width] * x[3 * pitch];
    }
    for (; i < ins; i++, w += width, x += pitch)
        a += *w * *x;
    return (a + b) + (c + d);
}

/* y[o] = bias[o] + sum_i w[o,i] x[i], one after the other and zeros to the end of a vector;
 * inputs lie `pitch` apart; bias may be null. */
@_FUNCTION void @_outputs_of_one(const real *w, const real *bias, const real *x, int64_t pitch,
                                 real *y, int64_t outs, int64_t ins)
{
    const int64_t eights = outs / 8 * 8, width = outs - eights;
    for (int64_t o = 0; o < eights; o += 8)
        @_eight_outputs(w + o * ins, x, pitch, ins, y + o);
    for (int64_t k = 0; k < width; k++)
        y[eights + k] = @_one_output(w + eights * ins + k, width, x, pitch, ins);
    for (int64_t o = 0; bias && o < outs; o++)
        y[o] += bias[o];
    for (int64_t o = outs; o % ARCH_LANES; o++)
        y[o] = 0;
}
