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
