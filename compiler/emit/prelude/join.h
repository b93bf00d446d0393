/* ---- from the parts of a sample to one value and back ---- */

/* Number in the whole lattice of a site of a part, by the coordinates of both. */
INLINE int64_t whole_number(const Parts *parts, const int64_t *extent, const int64_t *in_grid,
                            const int64_t *at)
{
    int64_t number = 0;
    for (int axis = 0; axis < AXES; axis++)
        number = (number * parts->grid[axis] + in_grid[axis]) * extent[axis] + at[axis];
    return number;
}

INLINE int64_t whole_site(const Parts *parts, const int64_t *extent, int64_t part, int64_t site)
{
    int64_t at[ARCH_AXES_MAX], in_grid[ARCH_AXES_MAX];
    coordinates(AXES, extent, site, at);
    coordinates(AXES, parts->grid, part, in_grid);
    return whole_number(parts, extent, in_grid, at);
}

/* A quarter of the lanes: four such operations do what 15 would do one after the other. */
typedef real Quarter __attribute__((vector_size(4 * sizeof(real)), may_alias));

/* Where one sample has all lanes, those that no part is in get a value that changes nothing. */
INLINE void fill_idle_lanes(const Parts *parts, real *y, int64_t channels, real value)
{
    for (int64_t c = 0; parts->count < ARCH_LANES && c < channels; c++, y += ARCH_LANES)
        for (int64_t lane = parts->count; lane < ARCH_LANES; lane++)
            y[lane] = value;
}

INLINE real sum_of_lanes(const real *y)
{
    const Quarter *q = (const Quarter *)y;
    const Quarter sum = (q[0] + q[1]) + (q[2] + q[3]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

INLINE void keep_larger(Quarter *a, const Quarter *b)
{
    typedef __typeof__(*a > *b) Mask;
    const Mask larger = *a > *b;
    *a = (Quarter)(((Mask)*a & larger) | ((Mask)*b & ~larger));
}

INLINE real largest_of_lanes(const real *y)
{
    const Quarter *q = (const Quarter *)y;
    Quarter a = q[0], b = q[2];
    keep_larger(&a, &q[1]);
    keep_larger(&b, &q[3]);
    keep_larger(&a, &b);
    const real c = a[0] > a[1] ? a[0] : a[1], d = a[2] > a[3] ? a[2] : a[3];
    return c > d ? c : d;
}

/* Sums of parts become sums of samples, in the lane of part 0. */
INLINE void join_sum(const Parts *parts, real *y, int64_t channels)
{
    const int64_t count = parts->count, used = parts->samples * count;
    if (parts->samples == 1) {
        fill_idle_lanes(parts, y, channels, 0);
        for (int64_t c = 0; c < channels; c++, y += ARCH_LANES)
            *y = sum_of_lanes(y);
        return;
    }
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
    if (parts->samples == 1) {
        fill_idle_lanes(parts, y, channels, -(real)HUGE_VAL);
        for (int64_t c = 0; c < channels; c++)
            y[c * ARCH_LANES] = largest_of_lanes(y + c * ARCH_LANES);
        fill_idle_lanes(parts, y, channels, 0); /* gradients take them times 0 */
        return;
    }
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

/* Of the only sample: numbers that follow each other go to lane 0 of so many vectors, the other
 * lanes become 0. */
INLINE void outputs_to_lanes(real *y, int64_t outs)
{
    for (int64_t o = outs - 1; o >= 0; o--) {
        const real own = y[o];
        clear(y + o * ARCH_LANES, ARCH_LANES);
        y[o * ARCH_LANES] = own;
    }
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
    int64_t at[ARCH_AXES_MAX] = {0};
    for (int64_t s = 0; s < sites; s++, next_coordinates(AXES, extent, at)) {
        int64_t in_grid[ARCH_AXES_MAX] = {0};
        for (int64_t part = 0; part < parts->count; part++) {
            const int64_t whole = whole_number(parts, extent, in_grid, at);
            for (int64_t c = 0; c < channels; c++) {
                const int64_t field = (s * row + c) * ARCH_LANES + part,
                              flat = (c * all + whole) * ARCH_LANES;
                copy_part(parts, from + (back ? flat : field), to + (back ? field : flat));
            }
            next_coordinates(AXES, parts->grid, in_grid);
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
