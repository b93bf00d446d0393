/* ---- the winners of a global maximum ---- */

/* `arg` is the winner's site [winner][16 lanes], of a part; where another part has it -1, and
 * what is read there is multiplied with zero.  Site numbers are rounded like all numbers. */
INLINE void winner_sites(const real *arg, int64_t sites, int64_t *at)
{
    for (int lane = 0; lane < ARCH_LANES; lane++) {
        const int64_t site = (int64_t)arg[lane];
        at[lane] = site < 0 ? 0 : site < sites ? site : sites - 1;
    }
}

/* All channels of a site in each lane, to every taps-th row. */
INLINE void pick_site(const real *x, int64_t row, const int64_t *site, real *to, int64_t channels,
                      int64_t taps)
{
    const real *from[ARCH_LANES];
    for (int lane = 0; lane < ARCH_LANES; lane++)
        from[lane] = x + site[lane] * row * ARCH_LANES + lane;
    for (int64_t c = 0; c < channels; c++, to += taps * ARCH_LANES)
        for (int lane = 0; lane < ARCH_LANES; lane++)
            to[lane] = from[lane][c * ARCH_LANES];
}

/* to[p][c] = x[arg[p]][c] */
INLINE void pick(const real *x, int64_t row, const real *arg, int64_t sites, real *to,
                 int64_t to_row, int64_t winners, int64_t channels)
{
    int64_t at[ARCH_LANES];
    for (int64_t p = 0; p < winners; p++) {
        winner_sites(arg + p * ARCH_LANES, sites, at);
        pick_site(x, row, at, to + p * to_row * ARCH_LANES, channels, 1);
    }
}

/* to[p][c taps + k] = x[near[k][arg[p]]][c] */
INLINE void pick_window(const real *x, int64_t row, const real *arg, int64_t sites, real *to,
                        int64_t to_row, int64_t winners, int64_t channels, int64_t taps,
                        const int32_t *near)
{
    int64_t at[ARCH_LANES], through[ARCH_LANES];
    for (int64_t p = 0; p < winners; p++) {
        winner_sites(arg + p * ARCH_LANES, sites, at);
        for (int64_t tap = 0; tap < taps; tap++) {
            for (int lane = 0; lane < ARCH_LANES; lane++)
                through[lane] = near[tap * sites + at[lane]];
            pick_site(x, row, through, to + (p * to_row + tap) * ARCH_LANES, channels, taps);
        }
    }
}

/* A sample's dy, in the lane of the part that has the winner; zero in those of the others. */
INLINE void pick_dy(const Parts *parts, const real *dy, const real *arg, real *to,
                    int64_t winners)
{
    share(parts, dy, to, winners);
    for (int64_t i = 0; parts->count > 1 && i < winners * ARCH_LANES; i++)
        to[i] = arg[i] < 0 ? 0 : to[i];
}
