/* ---- bytes into lanes, and between the parts of a lattice, by vectors ---- */

/* Up to 4 sites in a row, from element `at` of every lane on.  Four bytes are read: also those
 * behind the sites, or where the lattice ends, before them. */
@_FUNCTION void @_read_few(const Bytes *x, int64_t at, int64_t sites, real *to, int64_t pitch)
{
    const int64_t back = at + 4 <= x->end ? 0 : 4 - sites;
    if (at >= back) {
        @_read_4(x->from, at - back, back, sites, to, pitch);
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

@_FUNCTION void @_read_i8(const Field *f, const Parts *parts, const int8_t *x, real *lanes,
                          int64_t channels, int64_t row)
{
    Bytes bytes;
    int before;
    bytes_of(&bytes, f, parts, x, channels);
    const int64_t run = run_of_sites(f, parts, &before), pitch = row * ARCH_LANES;
    Cursor k = {0};
    for (int64_t s = 0; s < f->sites; s += run, next_along(f, before, &k))
        for (int64_t i = 0; i < run; i += 16) {
            const int64_t sites = run - i < 16 ? run - i : 16;
            for (int64_t c = 0; c < channels; c++)
                @_read_row(&bytes, k.at + i + c * f->stride[0], sites,
                           lanes + (s + i) * pitch + c * ARCH_LANES, pitch);
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
    if (call->x_type != ARCH_I8 || !contiguous)
        read_rows(&f, x, call->x_type, lanes, channels, row);
    else if (order)
        @_read_fours(&f, (const int8_t *)x, order, lanes, channels, row);
    else
        @_read_i8(&f, parts, (const int8_t *)x, lanes, channels, row);
}
