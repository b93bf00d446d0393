/* ---- from the parts of a sample to one value and back ---- */

/* Number of a part's site in the whole lattice. */
INLINE int64_t whole_site(const Parts *parts, const int64_t *extent, int64_t part, int64_t site)
{
    int64_t at[ARCH_AXES_MAX], in_grid[ARCH_AXES_MAX], number = 0;
    coordinates(AXES, extent, site, at);
    coordinates(AXES, parts->grid, part, in_grid);
    for (int axis = 0; axis < AXES; axis++)
        number = number * extent[axis] * parts->grid[axis] + in_grid[axis] * extent[axis] +
                 at[axis];
    return number;
}

/* Sums of parts become sums of samples, in the lane of part 0. */
INLINE void join_sum(const Parts *parts, real *y, int64_t channels)
{
    const int64_t count = parts->count, used = parts->samples * count;
    for (int64_t c = 0; count > 1 && c < channels; c++, y += ARCH_LANES)
        for (int64_t lane = 0; lane < used; lane += count) {
            real sum = y[lane];
            for (int64_t part = 1; part < count; part++)
                sum += y[lane + part];
            y[lane] = sum;
        }
}

INLINE void join_mean(const Parts *parts, real *y, int64_t channels, int64_t sites)
{
    join_sum(parts, y, channels);
    for (int64_t i = 0; i < channels * ARCH_LANES; i++)
        y[i] /= (real)(part_sites(parts, sites) * parts->count);
}

/* The largest of a sample's parts, where nobody asks for its site. */
INLINE void join_largest(const Parts *parts, real *y, int64_t channels)
{
    for (int64_t c = 0; parts->count > 1 && c < channels; c++, y += ARCH_LANES)
        for (int64_t s = 0; s < parts->samples; s++) {
            const int64_t lane = s * parts->count;
            real max = y[lane];
            for (int64_t part = 1; part < parts->count; part++)
                max = y[lane + part] > max ? y[lane + part] : max;
            y[lane] = max;
        }
}

/* The largest of a sample's parts; where they are equal, that of the first site.  Its site
 * stays in the lane of its part, the other lanes get -1. */
INLINE void join_max(const Parts *parts, const int64_t *extent, real *y, real *site,
                     int64_t channels)
{
    for (int64_t c = 0; parts->count > 1 && c < channels; c++, y += ARCH_LANES) {
        for (int64_t s = 0; s < parts->samples; s++) {
            const int64_t lane = s * parts->count;
            int64_t best = 0;
            for (int64_t part = 1; part < parts->count; part++) {
                const real a = y[lane + part], b = y[lane + best];
                const int earlier =
                    a == b &&
                    whole_site(parts, extent, part, (int64_t)site[lane + part]) <
                        whole_site(parts, extent, best, (int64_t)site[lane + best]);
                if (a > b || earlier)
                    best = part;
            }
            y[lane] = y[lane + best];
            for (int64_t part = 0; part < parts->count; part++)
                site[lane + part] = part == best ? site[lane + part] : -1;
        }
        site += ARCH_LANES;
    }
}

/* A sample's value for all of its parts. */
INLINE void share(const Parts *parts, const real *from, real *to, int64_t channels)
{
    const int64_t count = parts->count, used = parts->samples * count;
    for (int64_t c = 0; c < channels; c++, from += ARCH_LANES, to += ARCH_LANES) {
        if (count == 1) {
            memcpy(to, from, ARCH_LANES * sizeof *to);
            continue;
        }
        for (int64_t lane = 0; lane < used; lane += count)
            for (int64_t part = 0; part < count; part++)
                to[lane + part] = from[lane];
        for (int64_t lane = used; lane < ARCH_LANES; lane++)
            to[lane] = 0;
    }
}

INLINE void share_mean(const Parts *parts, const real *from, real *to, int64_t channels,
                       int64_t sites)
{
    share(parts, from, to, channels);
    for (int64_t i = 0; i < channels * ARCH_LANES; i++)
        to[i] /= (real)(part_sites(parts, sites) * parts->count);
}

/* One number of every sample: the lane of a part, `from` and `to` being those of sample 0. */
INLINE void copy_part(const Parts *parts, const real *from, real *to)
{
    if (parts->count == 1)
        memcpy(to, from, ARCH_LANES * sizeof *to);
    else
        for (int64_t n = 0; n < parts->samples; n++)
            to[n * parts->count] = from[n * parts->count];
}

/* Flatten: feature channel * sites + site of the one site behind it; or back. */
INLINE void copy_features(const Parts *parts, const int64_t *extent, const real *from, real *to,
                          int64_t channels, int64_t row, int64_t sites, int back)
{
    const int64_t all = sites * parts->count;
    for (int64_t s = 0; s < sites; s++)
        for (int64_t part = 0; part < parts->count; part++) {
            const int64_t whole = parts->count == 1 ? s : whole_site(parts, extent, part, s);
            for (int64_t c = 0; c < channels; c++) {
                const int64_t field = (s * row + c) * ARCH_LANES + part,
                              flat = (c * all + whole) * ARCH_LANES;
                copy_part(parts, from + (back ? flat : field), to + (back ? field : flat));
            }
        }
}

INLINE void flatten(const Parts *parts, const int64_t *extent, const real *x, real *y,
                    int64_t channels, int64_t row, int64_t sites)
{
    if (parts->count > 1)
        clear(y, channels * sites * parts->count * ARCH_LANES);
    copy_features(parts, extent, x, y, channels, row, sites, 0);
}

/* ... and its adjoint. */
INLINE void unflatten(const Parts *parts, const int64_t *extent, const real *y, real *x,
                      int64_t channels, int64_t row, int64_t sites)
{
    if (parts->count > 1)
        clear(x, row * sites * ARCH_LANES);
    copy_features(parts, extent, y, x, channels, row, sites, 1);
}
