/* ---- a sweep: a part in bands of rows, each through all phases before the next ---- */

/* A kernel that sweeps. */
typedef struct SweepKernel {
    int64_t ring; /* bands that a field holds                  */
    int alone;    /* a block has one sample                    */
    double more;  /* work beyond the part, in bands            */
    double far;   /* longer, if all of it came from far memory */
    double begin; /* sites' work that goes into beginning a band */
} SweepKernel;

/* What decides between a sweep and whole parts. */
typedef struct Sweep {
    SweepKernel kernel;
    int64_t rows, most; /* into how many bands a lattice divides: what divides rows, up to most */
    double bytes;       /* of fields that hold all of a lattice                                */
    double whole;       /* ... of those of a kernel that does not sweep                        */
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

/* What nearly fills near memory already waits for far memory now and then. */
#define NEARLY_FULL 0.1

/* A sweep may take so many times as long as whole parts; large, and all is swept that can be and
 * does not fit near memory. */
#ifndef SWEEP_ALLOWED
#define SWEEP_ALLOWED 1.0
#endif

/* How much longer a part takes that is done in so many bands. */
INLINE double sweep_factor(const Sweep *s, double part, int64_t count, int64_t bands)
{
    const double held = s->bytes / (double)count / (double)bands * (double)s->kernel.ring;
    return 1 + s->kernel.more / (double)bands + s->kernel.far * far_part(held) +
           NEARLY_FULL * held / CACHE_BYTES + s->kernel.begin * (double)bands / part;
}

/* The number of bands that takes least time; *factor is what it takes then. */
INLINE int64_t best_bands(const Sweep *s, double part, const Parts *p, double *factor)
{
    int64_t best = 0;
    *factor = HUGE_VAL;
    const int64_t most = s->most < s->rows ? s->most : s->rows;
    for (int64_t n = 2; n * p->grid[0] <= most; n++) {
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

/* Of parts of which one fills a block, if it must be so; chooses their bands. */
INLINE double sweep_cost(const Cut *cut, Parts *p)
{
    const Sweep *s = cut->sweep;
    double part = 1, factor;
    if (s->kernel.alone && p->samples > 1)
        return HUGE_VAL;
    for (int axis = 0; axis < cut->axes; axis++)
        part *= (double)(cut->extent[axis] / p->grid[axis]);
    p->bands = best_bands(s, part, p, &factor);
    p->ring = s->kernel.ring;
    return cut_cost(cut, p) * factor;
}

/* Whether there is anything to gain: not if the fields of a block fit near memory. */
INLINE int worth_sweeping(double bytes, const Parts *parts)
{
    return bytes / (double)parts->count > CACHE_BYTES;
}

/* Whether a sweep takes less time than `parts`, and then its parts in their place. */
INLINE int choose_sweep(const Sweep *s, int axes, const int64_t *extent, const Divisors *can,
                        int64_t batch, Parts *parts)
{
    Cut cut = {axes, extent, can, batch, 0, 0, sweep_cost, s, HUGE_VAL, *parts};
    const double held = s->whole / (double)parts->count;
    if (!worth_sweeping(s->whole, parts))
        return 0;
    const double least = cut_cost(&cut, parts) * (1 + s->kernel.far * far_part(held));
    const Parts one = {1, ARCH_LANES, {1, 1, 1, 1}, 0, 0, 0};
    cut_axis(&cut, 0, one);
    if (cut.least >= SWEEP_ALLOWED * least)
        return 0;
    *parts = cut.best;
    return 1;
}
