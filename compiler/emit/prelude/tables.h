/* ---- where a window looks: tables of site numbers, for any number of axes ---- */

typedef struct Window {
    int axes, kernel[ARCH_AXES_MAX], stride[ARCH_AXES_MAX], before[ARCH_AXES_MAX];
    int circular[ARCH_AXES_MAX];
} Window;

/* Site of the input seen at position p of one axis through tap k, or -1 outside. */
INLINE int64_t seen(const Window *w, int axis, int64_t in, int64_t p, int64_t k)
{
    int64_t q = p * w->stride[axis] + k - w->before[axis];
    if (!w->circular[axis])
        return q >= 0 && q < in ? q : -1;
    while (q < 0)
        q += in;
    while (q >= in)
        q -= in;
    return q;
}

/* Coordinates of a site or tap, row-major. */
INLINE void coordinates(int axes, const int64_t *extent, int64_t number, int64_t *at)
{
    for (int axis = axes - 1; axis >= 0; axis--) {
        at[axis] = number % extent[axis];
        number /= extent[axis];
    }
}

INLINE int64_t site_count(int axes, const int64_t *extent)
{
    int64_t sites = 1;
    for (int axis = 0; axis < axes; axis++)
        sites *= extent[axis];
    return sites;
}

/* ... or 0 if there is none, or more than the tables can number. */
INLINE int64_t checked_sites(int axes, const int64_t *extent)
{
    int64_t sites = 1;
    for (int axis = 0; axis < axes && sites; axis++)
        sites = extent[axis] < 1 || extent[axis] > (1 << 30) / sites ? 0 : sites * extent[axis];
    return sites;
}

INLINE int64_t tap_count(const Window *w, int64_t *kernel)
{
    for (int axis = 0; axis < w->axes; axis++)
        kernel[axis] = w->kernel[axis];
    return site_count(w->axes, kernel);
}

/* A walk over the output sites with one tap: which input site each of them sees. */
typedef struct Walk {
    const Window *window;
    const int64_t *in, *out;
    int64_t tap[ARCH_AXES_MAX], site, ghost;
    int32_t *near, *back; /* the table to fill, the other null */
} Walk;

/* `row` numbers the input sites by the axes before this one; -1: outside already.  The
 * limit is for compilers that unroll the recursion and see no other. */
INLINE void walk(Walk *a, int axis, int64_t row)
{
    if (axis == a->window->axes || axis == AXES) {
        if (a->near)
            a->near[a->site] = (int32_t)(row < 0 ? a->ghost : row);
        else if (row >= 0)
            a->back[row] = (int32_t)a->site;
        a->site++;
        return;
    }
    for (int64_t p = 0; p < a->out[axis]; p++) {
        const int64_t q = seen(a->window, axis, a->in[axis], p, a->tap[axis]);
        walk(a, axis + 1, row < 0 || q < 0 ? -1 : row * a->in[axis] + q);
    }
}

/* near[tap][p]: the input site that output site p sees; the ghost, if none. */
INLINE void fill_near(int32_t *near, const Window *w, const int64_t *in, const int64_t *out)
{
    int64_t kernel[ARCH_AXES_MAX];
    const int64_t taps = tap_count(w, kernel), sites = site_count(w->axes, out);
    for (int64_t tap = 0; tap < taps; tap++) {
        Walk a = {.window = w, .in = in, .out = out, .near = near + tap * sites};
        a.ghost = site_count(w->axes, in);
        coordinates(w->axes, kernel, tap, a.tap);
        walk(&a, 0, 0);
    }
}

/* back[tap][q]: the output site that sees input site q through this tap, or the ghost. */
INLINE void fill_back(int32_t *back, const Window *w, const int64_t *in, const int64_t *out)
{
    int64_t kernel[ARCH_AXES_MAX];
    const int64_t taps = tap_count(w, kernel), sites = site_count(w->axes, in);
    for (int64_t tap = 0; tap < taps; tap++) {
        Walk a = {.window = w, .in = in, .out = out, .back = back + tap * sites};
        for (int64_t q = 0; q < sites; q++)
            a.back[q] = (int32_t)site_count(w->axes, out);
        coordinates(w->axes, kernel, tap, a.tap);
        walk(&a, 0, 0);
    }
}

/* cover[way][q]: the output sites whose pool windows hold input site q, or the ghost, and
 * in `tap` by which of their taps (tap may be null).  Windows do not wrap. */
INLINE void fill_cover(int32_t *cover, int32_t *tap, const Window *w,
                              const int64_t *in, const int64_t *out)
{
    int64_t way_extent[ARCH_AXES_MAX], way_at[ARCH_AXES_MAX], q[ARCH_AXES_MAX];
    for (int axis = 0; axis < w->axes; axis++)
        way_extent[axis] = (w->kernel[axis] + w->stride[axis] - 1) / w->stride[axis];
    const int64_t ways = site_count(w->axes, way_extent);
    const int64_t sites = site_count(w->axes, in), ghost = site_count(w->axes, out);
    for (int64_t way = 0; way < ways; way++) {
        coordinates(w->axes, way_extent, way, way_at);
        for (int64_t site = 0; site < sites; site++) {
            int64_t p = 0, k = 0;
            coordinates(w->axes, in, site, q);
            for (int axis = 0; axis < w->axes && p >= 0; axis++) {
                const int64_t at = q[axis] / w->stride[axis] - way_at[axis];
                const int64_t t = q[axis] - at * w->stride[axis];
                const int inside = at >= 0 && at < out[axis] && t < w->kernel[axis];
                p = inside ? p * out[axis] + at : -1;
                k = k * w->kernel[axis] + t;
            }
            if (cover)
                *cover++ = (int32_t)(p < 0 ? ghost : p);
            if (tap)
                *tap++ = (int32_t)(p < 0 ? 0 : k);
        }
    }
}
