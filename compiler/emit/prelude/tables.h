/* ---- where a window looks: tables of site numbers, for any number of axes ---- */

typedef struct Window {
    int axes, kernel[ARCH_AXES_MAX], stride[ARCH_AXES_MAX], before[ARCH_AXES_MAX];
    int circular[ARCH_AXES_MAX];
} Window;

/* The sites that windows reach: those of the part, 0 .. extent - 1, and around them. */
typedef struct Reach {
    int axes;
    int64_t extent[ARCH_AXES_MAX], first[ARCH_AXES_MAX], width[ARCH_AXES_MAX];
} Reach;

/* Site h of the halo is, in each lane, site from[h] of lane lane[h * 16 + ..], or zero if
 * that is negative.  In memory the halo follows the sites and the ghost site. */
typedef struct Halo {
    int64_t sites;
    int32_t *from, *lane;
} Halo;

/* Coordinates of a site or tap, row-major. */
INLINE void coordinates(int axes, const int64_t *extent, int64_t number, int64_t *at)
{
    for (int axis = axes - 1; axis >= 0; axis--) {
        at[axis] = number % extent[axis];
        number /= extent[axis];
    }
}

/* ... of the next one. */
INLINE void next_coordinates(int axes, const int64_t *extent, int64_t *at)
{
    for (int axis = axes - 1; axis >= 0; axis--) {
        if (++at[axis] < extent[axis])
            return;
        at[axis] = 0;
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

INLINE int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/* What the windows of all sites of `out` reach in `in`. */
INLINE Reach reach_forward(const Window *w, const Parts *parts, const int64_t *in,
                           const int64_t *out)
{
    Reach r = {.axes = w->axes};
    for (int axis = 0; axis < w->axes; axis++) {
        const int64_t last = (out[axis] - 1) * w->stride[axis] + w->kernel[axis] - 1;
        r.extent[axis] = r.width[axis] = in[axis];
        if (!has_halo(parts, axis))
            continue;
        const int64_t to = last - w->before[axis] + 1;
        r.first[axis] = -w->before[axis];
        r.width[axis] = (to > in[axis] ? to : in[axis]) - r.first[axis];
    }
    return r;
}

/* ... and backward: the sites of `out` whose windows hold some site of `in`. */
INLINE Reach reach_backward(const Window *w, const Parts *parts, const int64_t *in,
                            const int64_t *out)
{
    Reach r = {.axes = w->axes};
    for (int axis = 0; axis < w->axes; axis++) {
        r.extent[axis] = r.width[axis] = out[axis];
        if (!has_halo(parts, axis))
            continue;
        const int64_t to = (in[axis] - 1 + w->before[axis]) / w->stride[axis] + 1;
        const int64_t from = floor_div(w->before[axis] - w->kernel[axis] + 1, w->stride[axis]);
        r.first[axis] = from < 0 ? from : 0;
        r.width[axis] = (to > out[axis] ? to : out[axis]) - r.first[axis];
    }
    return r;
}

INLINE int64_t halo_sites(const Reach *r)
{
    return site_count(r->axes, r->width) - site_count(r->axes, r->extent);
}

/* A place within reach, axis by axis: `box` numbers all of them row-major, `sites` those of
 * the part before it (or, inside, those up to it). */
typedef struct Place {
    int64_t box, sites;
    int inside;
} Place;

INLINE Place place_next(const Reach *r, int axis, Place p, int64_t q)
{
    const int64_t extent = r->extent[axis], clamped = q < 0 ? 0 : q > extent ? extent : q;
    p.box = p.box * r->width[axis] + q - r->first[axis];
    p.sites = p.sites * extent + (p.inside ? clamped : 0);
    p.inside = p.inside && q >= 0 && q < extent;
    return p;
}

/* Its number in memory, where `ghost` sites and the ghost lie before the halo. */
INLINE int32_t place_number(Place p, int64_t ghost)
{
    return (int32_t)(p.inside ? p.sites : ghost + 1 + p.box - p.sites);
}

/* Source of a halo site: wraps its coordinates into a part, *away parts off. */
INLINE int64_t halo_source(const Reach *r, const int64_t *box, int64_t *away, int *inside)
{
    int64_t site = 0;
    *inside = 1;
    for (int axis = 0; axis < r->axes; axis++) {
        const int64_t q = box[axis] + r->first[axis];
        away[axis] = floor_div(q, r->extent[axis]);
        site = site * r->extent[axis] + q - away[axis] * r->extent[axis];
        *inside &= away[axis] == 0;
    }
    return site;
}

/* The lane that holds the part `away` from that of `lane`, or -1 outside. */
INLINE int32_t lane_away(const Window *w, const Parts *parts, int64_t lane, const int64_t *away)
{
    int64_t at[ARCH_AXES_MAX], number = 0;
    if (lane >= parts->samples * parts->count)
        return -1;
    coordinates(w->axes, parts->grid, lane % parts->count, at);
    for (int axis = 0; axis < w->axes; axis++) {
        const int64_t grid = parts->grid[axis], to = at[axis] + away[axis];
        if (!w->circular[axis] && (to < 0 || to >= grid))
            return -1;
        number = number * grid + to - floor_div(to, grid) * grid;
    }
    return (int32_t)(lane / parts->count * parts->count + number);
}

INLINE void fill_halo_table(const Halo *halo, const Window *w, const Parts *parts,
                            const Reach *r)
{
    int64_t box[ARCH_AXES_MAX], away[ARCH_AXES_MAX], h = 0;
    const int64_t places = halo->sites ? site_count(r->axes, r->width) : 0;
    for (int64_t place = 0; place < places; place++) {
        int inside;
        coordinates(r->axes, r->width, place, box);
        const int64_t from = halo_source(r, box, away, &inside);
        if (inside)
            continue;
        halo->from[h] = (int32_t)from;
        for (int lane = 0; lane < ARCH_LANES; lane++)
            halo->lane[h * ARCH_LANES + lane] = lane_away(w, parts, lane, away);
        h++;
    }
}

/* A walk over the sites of the output with one tap: which site of the input each sees. */
typedef struct Walk {
    const Window *window;
    const Parts *parts;
    const int64_t *in, *out;
    Reach reach;
    int64_t tap[ARCH_AXES_MAX], ghost;
    int32_t *table;
} Walk;

/* Site of the input seen at position p of an axis through the tap; 1 if there is one. */
INLINE int seen(const Walk *a, int axis, int64_t p, int64_t *q)
{
    const Window *w = a->window;
    const int64_t in = a->in[axis];
    *q = p * w->stride[axis] + a->tap[axis] - w->before[axis];
    if (has_halo(a->parts, axis))
        return 1; /* in another part, if it is not in this one */
    if (!w->circular[axis])
        return *q >= 0 && *q < in;
    while (*q < 0)
        *q += in;
    while (*q >= in)
        *q -= in;
    return 1;
}

/* The limit AXES is for compilers that unroll the recursion and see no other. */
INLINE void walk_forward(Walk *a, int axis, Place place, int outside)
{
    if (axis == a->window->axes || axis == AXES) {
        *a->table++ = outside ? (int32_t)a->ghost : place_number(place, a->ghost);
        return;
    }
    const int last = axis == a->window->axes - 1 && place.inside && !outside;
    for (int64_t p = 0; p < a->out[axis]; p++) {
        int64_t q;
        const int sees = seen(a, axis, p, &q);
        if (last && sees && q >= 0 && q < a->in[axis]) {
            *a->table++ = (int32_t)(place.sites * a->in[axis] + q); /* the common case */
            continue;
        }
        walk_forward(a, axis + 1, sees ? place_next(&a->reach, axis, place, q) : place,
                     outside || !sees);
    }
}

/* Here the output is what is reached, and a part's input the sites of the table. */
INLINE void walk_backward(Walk *a, int axis, Place place, int64_t row)
{
    if (axis == a->window->axes || axis == AXES) {
        a->table[row] = place_number(place, a->ghost);
        return;
    }
    const int last = axis == a->window->axes - 1 && place.inside;
    for (int64_t i = 0; i < a->reach.width[axis]; i++) {
        const int64_t p = i + a->reach.first[axis];
        int64_t q;
        if (!seen(a, axis, p, &q) || q < 0 || q >= a->in[axis])
            continue;
        if (last && p >= 0 && p < a->reach.extent[axis])
            a->table[row * a->in[axis] + q] =
                (int32_t)(place.sites * a->reach.extent[axis] + p); /* the common case */
        else
            walk_backward(a, axis + 1, place_next(&a->reach, axis, place, p),
                          row * a->in[axis] + q);
    }
}

/* near[tap][p]: the input site that output site p sees; the ghost, if none. */
INLINE void fill_near(int32_t *near, const Halo *halo, const Window *w, const Parts *parts,
                      const int64_t *in, const int64_t *out)
{
    int64_t kernel[ARCH_AXES_MAX];
    const int64_t taps = tap_count(w, kernel);
    Walk a = {.window = w, .parts = parts, .in = in, .out = out, .table = near};
    a.reach = reach_forward(w, parts, in, out);
    a.ghost = site_count(w->axes, in);
    for (int64_t tap = 0; tap < taps; tap++) {
        coordinates(w->axes, kernel, tap, a.tap);
        walk_forward(&a, 0, (Place){0, 0, 1}, 0);
    }
    fill_halo_table(halo, w, parts, &a.reach);
}

/* back[tap][q]: the output site that sees input site q through this tap, or the ghost. */
INLINE void fill_back(int32_t *back, const Halo *halo, const Window *w, const Parts *parts,
                      const int64_t *in, const int64_t *out)
{
    int64_t kernel[ARCH_AXES_MAX];
    const int64_t taps = tap_count(w, kernel), sites = site_count(w->axes, in);
    Walk a = {.window = w, .parts = parts, .in = in, .out = out, .table = back};
    a.reach = reach_backward(w, parts, in, out);
    a.ghost = site_count(w->axes, out);
    for (int64_t tap = 0; tap < taps; tap++, a.table += sites) {
        for (int64_t q = 0; q < sites; q++)
            a.table[q] = (int32_t)a.ghost;
        coordinates(w->axes, kernel, tap, a.tap);
        walk_backward(&a, 0, (Place){0, 0, 1}, 0);
    }
    fill_halo_table(halo, w, parts, &a.reach);
}

/* cover[way][q]: the output sites whose pool windows hold input site q, or the ghost, and
 * in `tap` by which of their taps (tap may be null).  Windows do not wrap. */
INLINE void fill_cover(int32_t *cover, int32_t *tap, const Window *w, const int64_t *in,
                       const int64_t *out)
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

/* Fills the halo behind x [sites][ghost][halo], `inner` sites before the ghost. */
INLINE void fill_halo(const Halo *halo, real *x, int64_t channels, int64_t inner)
{
    const int64_t row = channels * ARCH_LANES;
    real *to = x + (inner + 1) * row;
    for (int64_t h = 0; h < halo->sites; h++) {
        const real *from = x + halo->from[h] * row;
        const int32_t *source = halo->lane + h * ARCH_LANES;
        for (int64_t c = 0; c < channels; c++, from += ARCH_LANES, to += ARCH_LANES)
            for (int lane = 0; lane < ARCH_LANES; lane++)
                to[lane] = source[lane] < 0 ? 0 : from[source[lane]];
    }
}
