/* ---- parts: a lattice cut up, so that few samples fill all lanes ---- */

/* A block of 16 lanes holds `samples` samples, each cut into `count` equal parts, `grid` of
 * them along each axis: lane = sample * count + part.  Extents and site numbers are those of
 * a part.  Where a window looks beyond its part lies a *halo* of sites, filled from the
 * other lanes.  A value without sites is in the lane of part 0. */
typedef struct Parts {
    int64_t count, samples, grid[ARCH_AXES_MAX];
    /* Swept in bands of rows, along the first axis: how many bands a part has, how many are in
     * memory, which is walked.  bands 0: not swept. */
    int64_t bands, ring, band;
} Parts;

/* Sites of a part, of which `sites` are in memory. */
INLINE int64_t part_sites(const Parts *p, int64_t sites)
{
    return p->bands ? sites / p->ring * p->bands : sites;
}

/* Rows of a band. */
INLINE int64_t band_rows(const Parts *p, int64_t rows)
{
    return p->bands ? rows / p->ring : rows;
}

/* Whether windows find the sites of other parts in a halo, along this axis.  In a sweep bands
 * follow each other round and round, so that windows wrap. */
INLINE int has_halo(const Parts *p, int axis)
{
    return p->grid[axis] > 1 && (axis > 0 || !p->bands);
}

/* can[axis][n]: 0 where some lattice of the network does not divide into n along an axis, 2
 * where parts are cut evenly into all tiles that there are, else 1. */
typedef unsigned char Divisors[ARCH_AXES_MAX][ARCH_LANES + 1];

/* A block that is larger than near memory takes longer: with what it holds grows the
 * distance from which it comes. */
#ifndef CACHE_BYTES
#define CACHE_BYTES (1 << 20)
#endif
#define CACHE_MISS 0.25 /* each time twice as large, at most: */
#define MISS_OF_FAR 0.45 /* ... of what it takes longer if all comes from far memory */
#define NO_TILES 1.3    /* what convolutions without tiles take */

/* A search for the cheapest way to cut a lattice. */
typedef struct Cut {
    int axes;
    const int64_t *extent;
    const Divisors *can;
    int64_t samples; /* of the batch                          */
    double bytes;    /* of a block that is not cut            */
    double miss;     /* longer, each time that is twice as large */
    double (*cost)(const struct Cut *, Parts *);
    const struct Sweep *sweep; /* what that needs to know, if parts are swept */
    double least;
    Parts best;
} Cut;

/* Work of one sample, in sites: whole tiles of two, and a little for a halo of one site. */
INLINE double cut_cost(const Cut *cut, Parts *p)
{
    double sites = 1, reached = 1, more = 1;
    for (int axis = 0; axis < cut->axes; axis++) {
        const double part = (double)(cut->extent[axis] / p->grid[axis]);
        sites *= part;
        reached *= part + (p->grid[axis] > 1);
        if ((*cut->can)[axis][p->grid[axis]] < 2)
            more = NO_TILES;
    }
    const int64_t samples = p->samples < cut->samples ? p->samples : cut->samples;
    const double cost =
        more * (sites + 1 + 0.15 * (reached - sites)) / (double)samples;
    const double excess = log2(cut->bytes / (double)p->count / CACHE_BYTES);
    return excess > 0 ? cost * (1 + cut->miss * excess) : cost;
}

INLINE void cut_axis(Cut *cut, int axis, Parts p)
{
    if (axis == cut->axes || axis == AXES) {
        p.samples = ARCH_LANES / p.count;
        const double cost = cut->cost(cut, &p);
        if (cost >= cut->least)
            return;
        cut->least = cost;
        cut->best = p;
        return;
    }
    const int64_t most = ARCH_LANES / p.count, before = p.count;
    for (int64_t n = 1; n <= most; n++) {
        if (!(*cut->can)[axis][n])
            continue;
        p.grid[axis] = n;
        p.count = before * n;
        cut_axis(cut, axis + 1, p);
    }
}

/* Whether there is anything to gain: not if the samples of a batch fill the lanes and a block
 * fits near memory. */
INLINE int worth_cutting(int64_t batch, double bytes)
{
    return batch < ARCH_LANES || bytes > CACHE_BYTES;
}

/* How the lattices of a batch are cut; `far`: longer, if all came from far memory. */
INLINE Parts choose_parts(int axes, const int64_t *extent, const Divisors *can, int64_t batch,
                          double bytes, double far)
{
    const double miss = MISS_OF_FAR * far < CACHE_MISS ? MISS_OF_FAR * far : CACHE_MISS;
    const Parts one = {1, ARCH_LANES, {1, 1, 1, 1}, 0, 0, 0};
    Cut cut = {axes, extent, can, batch, bytes, miss, cut_cost, NULL, HUGE_VAL, one};
    if (worth_cutting(batch, bytes))
        cut_axis(&cut, 0, cut.best);
    return cut.best;
}

/* Extents and number of the tiles of 2 x 2 x .. sites; whether no site is left over. */
INLINE int cut_into_tiles(const int64_t *extent, int64_t *tiles, int64_t *count)
{
    int even = 1;
    *count = 1;
    for (int axis = 0; axis < AXES; axis++) {
        even &= extent[axis] % 2 == 0;
        tiles[axis] = (extent[axis] + 1) / 2;
        *count *= tiles[axis];
    }
    return even;
}

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
