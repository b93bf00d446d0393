/* ---- bytes into lanes, and between the parts of a lattice, by vectors ---- */

/* `sites` sites in a row, from element `at` of every lane on, fewer than the n = 4 or 16 that
 * are read at a time: those behind them are read as well, or those before. */
@_FUNCTION void @_read_few(const Bytes *x, int64_t at, int64_t sites, int64_t n, real *to,
                           int64_t pitch)
{
    _Alignas(64) real read[16 * ARCH_LANES];
    const int64_t back = at + n <= x->end ? 0 : n - sites, first = at - back;
    real *from = read + back * ARCH_LANES;
    if (first < 0)
        for (int64_t i = 0; i < sites * ARCH_LANES; i++)
            from[i] = x->from[i % ARCH_LANES][at + i / ARCH_LANES];
    else if (n == 4)
        @_read_4(x->from, first, read, ARCH_LANES);
    else
        @_read_16(x->from, first, read, ARCH_LANES);
    for (; sites > 0; sites--, from += ARCH_LANES, to += pitch)
        memcpy(to, from, sizeof(real) * ARCH_LANES);
}

/* `sites` sites in a row, no more than 16. */
@_FUNCTION void @_read_row(const Bytes *x, int64_t at, int64_t sites, real *to, int64_t pitch)
{
    if (sites == 16)
        @_read_16(x->from, at, to, pitch);
    else if (sites == 4)
        @_read_4(x->from, at, to, pitch);
    else
        @_read_few(x, at, sites, sites > 4 ? 16 : 4, to, pitch);
}

@_FUNCTION void @_read_i8(const Field *f, const Bytes *x, const Parts *parts, real *lanes,
                          int64_t channels, int64_t row)
{
    const int64_t run = run_of_sites(f, parts), pitch = row * ARCH_LANES;
    Cursor k = {0};
    for (int64_t s = 0; s < f->sites; s += run, next_along(f, AXES - 2, &k))
        for (int64_t i = 0; i < run; i += 16) {
            const int64_t sites = run - i < 16 ? run - i : 16;
            for (int64_t c = 0; c < channels; c++)
                @_read_row(x, k.at + i + c * f->stride[0], sites,
                           lanes + (s + i) * pitch + c * ARCH_LANES, pitch);
        }
}

/* The input of a block, `row` vectors a site. */
@_FUNCTION void @_read_input(const ArchCall *call, int64_t block, const Parts *parts,
                             const int64_t *extent, const void *x, real *lanes,
                             int64_t channels, int64_t row)
{
    int contiguous;
    const Field f = input_of(call, block, parts, extent, channels, &contiguous);
    if (call->x_type != ARCH_I8 || !contiguous) {
        read_rows(&f, x, call->x_type, lanes, channels, row);
        return;
    }
    const Bytes bytes = bytes_of(&f, (const int8_t *)x, channels);
    @_read_i8(&f, &bytes, parts, lanes, channels, row);
}
