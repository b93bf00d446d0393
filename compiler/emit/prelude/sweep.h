/* ---- a sweep: a part in bands of rows, each through all phases before the next ---- */

/* What decides between a sweep and whole parts. */
typedef struct Sweep {
    int64_t rows, most; /* into how many bands a lattice divides: what divides rows, up to most */
    int64_t ring;       /* bands that a field holds                                            */
    double bytes;       /* of fields that hold all of a lattice                                */
    double whole;       /* ... of those of a kernel that does not sweep                        */
    double more;        /* work beyond the part, in bands                                      */
    double far;         /* longer, if all of it came from far memory                           */
} Sweep;

INLINE int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A few sites' work goes into beginning a band; and what nearly fills near memory already
 * waits for far memory now and then. */
#define BAND_BEGINS 2
#define NEARLY_FULL 0.1

/* How much longer a part takes that is done in so many bands. */
INLINE double sweep_factor(const Sweep *s, double part, int64_t count, int64_t bands)
{
    const double held = s->bytes / (double)count / (double)bands * (double)s->ring;
    return 1 + s->more / (double)bands + s->far * far_part(held) +
           NEARLY_FULL * held / CACHE_BYTES + BAND_BEGINS * (double)bands / part;
}

/* The number of bands that takes least time; *factor is what it takes then. */
INLINE int64_t best_bands(const Sweep *s, double part, const Parts *p, double *factor)
{
    int64_t best = 0;
    *factor = HUGE_VAL;
    for (int64_t n = 2; n * p->grid[0] <= s->most; n++) {
        if (s->rows % (n * p->grid[0]))
            continue;
        const double takes = sweep_factor(s, part, p->count, n);
        if (takes < *factor) {
            *factor = takes;
            best = n;
        }
    }
    return best;
}

INLINE void sweep_axis(const Sweep *s, Cut *cut, int axis, double part, Parts p)
{
    if (axis == cut->axes || axis == AXES) {
        double factor;
        p.samples = ARCH_LANES / p.count;
        p.bands = best_bands(s, part, &p, &factor);
        p.ring = s->ring;
        const double cost = cut_cost(cut, &p) * factor;
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
        sweep_axis(s, cut, axis + 1, part * (double)(cut->extent[axis] / n), p);
    }
}

/* Whether a sweep takes less time than `parts`, and then its parts in their place. */
INLINE int choose_sweep(const Sweep *s, int axes, const int64_t *extent, const Divisors *can,
                        int64_t batch, Parts *parts)
{
    Cut cut = {axes, extent, can, batch, 0, HUGE_VAL, *parts};
    const double held = s->whole / (double)parts->count;
    const double least = cut_cost(&cut, parts) * (1 + s->far * far_part(held));
    const Parts one = {1, ARCH_LANES, {1, 1, 1, 1}, 0, 0, 0};
    sweep_axis(s, &cut, 0, 1, one);
    if (cut.least >= least)
        return 0;
    *parts = cut.best;
    return 1;
}
