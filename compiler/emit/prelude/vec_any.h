/* ---- bytes into lanes, and between the parts of a lattice, by vectors ---- */

/* `run` sites in a row, from element `at` of every lane on.  Where fewer are left than are read
 * at a time, those behind them are read as well, or those before. */
@_FUNCTION void @_read_run(const Bytes *x, int64_t at, int64_t run, real *to, int64_t row)
{
    int8_t byte[ARCH_LANES][ARCH_LANES];
    while (run > 0) {
        const int64_t n = run > 4 ? 16 : 4, sites = run < n ? run : n;
        const int64_t back = at + n <= x->end ? 0 : n - sites, first = at - back;
        if (first < 0)
            for (int64_t site = 0; site < sites; site++)
                for (int lane = 0; lane < ARCH_LANES; lane++)
                    byte[back + site][lane] = x->from[lane][at + site];
        else if (n == 4)
            transpose_bytes(x->from, first, 4, byte);
        else
            transpose_bytes(x->from, first, 16, byte);
        for (int64_t site = 0; site < sites; site++, to += row * ARCH_LANES)
            @_store_i8(to, byte[back + site]);
        at += sites;
        run -= sites;
    }
}

@_FUNCTION void @_read_i8(const Field *f, const Bytes *x, const Parts *parts, real *lanes,
                          int64_t channels, int64_t row)
{
    const int64_t run = run_of_sites(f, parts);
    Cursor k = {0};
    for (int64_t s = 0; s < f->sites; s += run) {
        for (int64_t c = 0; c < channels; c++)
            @_read_run(x, k.at + c * f->stride[0], run, lanes + (s * row + c) * ARCH_LANES,
                       row);
        for (int64_t i = 0; i < run; i++)
            next_site(f, &k);
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
    const Bytes bytes = bytes_of(&f, parts, (const int8_t *)x, channels);
    @_read_i8(&f, &bytes, parts, lanes, channels, row);
}
