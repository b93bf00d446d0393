/* ---- bytes into lanes, and between the parts of a lattice, by vectors ---- */

/* int8 in all lanes, 16 sites at a time where they lie one after the other. */
@_FUNCTION void @_read_i8(const Field *f, const int8_t *x, real *lanes, int64_t channels,
                          int64_t row, int64_t run)
{
    const int8_t *from[ARCH_LANES];
    int8_t byte[ARCH_LANES][ARCH_LANES];
    Cursor k = {0};
    for (int64_t s = 0; s < f->sites; s += run) {
        for (int64_t c = 0; c < channels; c++) {
            real *to = lanes + (s * row + c) * ARCH_LANES;
            for (int lane = 0; lane < ARCH_LANES; lane++)
                from[lane] = x + f->first[lane] + k.at + c * f->stride[0];
            int64_t i = 0;
            for (; i + 16 <= run; i += 16) {
                transpose_bytes(from, i, byte);
                for (int site = 0; site < 16; site++, to += row * ARCH_LANES)
                    @_store_i8(to, byte[site]);
            }
            for (; i < run; i++, to += row * ARCH_LANES) {
                for (int lane = 0; lane < ARCH_LANES; lane++)
                    byte[0][lane] = from[lane][i];
                @_store_i8(to, byte[0]);
            }
        }
        for (int64_t i = 0; i < run; i++)
            next_site(f, &k);
    }
}

/* The input of a block, `row` vectors a site; lanes without a sample are zero. */
@_FUNCTION void @_read_input(const ArchCall *call, int64_t block, const Parts *parts,
                             const int64_t *extent, const void *x, real *lanes,
                             int64_t channels, int64_t row)
{
    int contiguous;
    const Field f = input_of(call, block, parts, extent, channels, &contiguous);
    if (call->x_type == ARCH_I8 && contiguous && f.lanes == ARCH_LANES)
        @_read_i8(&f, (const int8_t *)x, lanes, channels, row, run_of_sites(&f, parts));
    else
        read_rows(&f, x, call->x_type, lanes, channels, row);
}
