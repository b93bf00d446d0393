/* flux_kernels.cu - worms on a device: a thread a chain.
 *
 * A chain takes the numbers of its own stream one by one, and each does what it does in
 * flux_lanes.c, by the same integer thresholds; the products of doubles in a sweep of l are
 * compared without a sum, so they round alike on both sides.  Compiled without contraction
 * all the same.
 *
 * All threads of a warp draw at once: a block of Philox is four numbers, and whatever a
 * chain is at, the next number is one step of it.  Fields are cells of 16 bits, the pair
 * (k, l) of a link or F/2 of a site, those of a site together; two cells a word, and word i
 * of thread t at i threads + t in shared memory, so that every thread has a bank of its own
 * wherever its head is.
 *
 * The floor, by counting: a head proposal takes a quarter of a Philox block (20
 * operations), about 70 more, and reads 5 numbers, of which 3 wait for one another.  132
 * multiprocessors of 128 lanes at 1.8 GHz do 3e11 such steps a second.  But a step waits
 * some 400 cycles for itself, so 5e9 a second need 9 chains a multiprocessor on their way;
 * shared memory holds 18 of 200x10, 150 of 60x4.  Out of it, a step moves at most 4 sectors
 * of 32 bytes to the chip and 2 back: 2.5e10 a second at 4.8 TB/s. */
#ifdef __cplusplus
#define ENTRY extern "C" __global__ void __launch_bounds__(FLUX_THREADS, 1)
#else
#define ENTRY __global__ void __launch_bounds__(FLUX_THREADS, 1)
#endif
#define DEVICE static __device__ __forceinline__

#define FLUX_LIMIT 127 /* FLUX_MAX */

typedef unsigned long long u64;

/* What the next number of a chain decides: the site of a worm, whether it opens there, a
 * step of its head, an l. */
enum { NEXT_SITE, NEXT_OPEN, NEXT_STEP, NEXT_LINK, NEXT_NONE };

typedef struct Chain {
    unsigned short *cell; /* cell i is at i / 2 stride + i % 2 */
    unsigned stride;
    const u64 *threshold;
    const double *r;
    int next;
    unsigned head, tail;
    int sign;
    unsigned axis, place; /* in a sweep of l */
    long long worms, sweeps;
    FluxState s;
} Chain;

DEVICE unsigned short *cell_at(const Chain *c, unsigned i)
{
    return c->cell + (i >> 1) * c->stride + (i & 1);
}

DEVICE unsigned short *half_at(const FluxArgument *a, const Chain *c, unsigned site)
{
    const unsigned rank = (unsigned)a->rank;
    return cell_at(c, site * (rank + 1) + rank);
}

/* As rng_philox(): number[] of block `block` of the stream. */
DEVICE void philox(const FluxState *s, u64 block, unsigned number[4])
{
    unsigned x = (unsigned)block, y = s->counter[1], z = s->counter[2],
             w = s->counter[3] + ((unsigned)(block >> 32) << 8);
    unsigned key0 = s->key[0], key1 = s->key[1];
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const u64 p = (u64)0xD2511F53u * x, q = (u64)0xCD9E8D57u * z;
        x = (unsigned)(q >> 32) ^ y ^ key0;
        y = (unsigned)q;
        z = (unsigned)(p >> 32) ^ w ^ key1;
        w = (unsigned)p;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    number[0] = x;
    number[1] = y;
    number[2] = z;
    number[3] = w;
}

DEVICE void after_worm(Chain *c)
{
    c->next = c->worms > 0 ? NEXT_SITE : NEXT_LINK;
}

DEVICE void begin_sweep(Chain *c)
{
    c->worms = c->s.worms;
    after_worm(c);
}

/* As flux_below(). */
DEVICE void take_site(const FluxArgument *a, Chain *c, unsigned draw)
{
    const unsigned sites = (unsigned)a->sites;
    const u64 product = (u64)sites * draw;
    const unsigned low = (unsigned)product;
    if (low < sites && low < (0u - sites) % sites)
        return;
    c->head = c->tail = (unsigned)(product >> 32);
    c->next = NEXT_OPEN;
}

DEVICE void open_worm(const FluxArgument *a, Chain *c, unsigned draw)
{
    unsigned short *half = half_at(a, c, c->head);
    c->worms--;
    c->s.updates++;
    c->s.proposals++;
    if (draw << 1 >= c->threshold[*half]) {
        after_worm(c);
        return;
    }
    *half = (unsigned short)(*half + 1);
    c->sign = draw >> 31 ? 1 : -1;
    c->next = NEXT_STEP;
}

/* Row of the thresholds for a step, as way_of() in flux_lanes.c. */
DEVICE unsigned row_of(unsigned axis, int step, int home, int to_tail, int shrinks)
{
    const unsigned time = axis > 0 ? 0 : step > 0 ? 1 : 2;
    const unsigned tail = home ? 6 : to_tail ? 3 : 0;
    return (shrinks ? FLUX_ROW_SHRINK : FLUX_ROW_GROW) + tail + time;
}

/* As lane_step(): u m < t where |k| grows, u < t m where it shrinks, u < t for closing. */
DEVICE void step_head(const FluxArgument *a, Chain *c, unsigned draw)
{
    const unsigned rank = (unsigned)a->rank, ways = 2 * rank, from = c->head;
    const int home = from == c->tail;
    const u64 product = (u64)draw * (ways << home);
    const unsigned choice = (unsigned)(product >> 32);
    const int closing = choice >= ways;
    const unsigned way = closing ? 0 : choice;
    const int backward = way >= rank;
    const unsigned axis = backward ? way - rank : way;
    const unsigned to = closing ? from : a->neighbour[from * ways + way];
    const int step = closing ? 0 : backward ? c->sign : -c->sign;
    unsigned short *pair = cell_at(c, (backward ? to : from) * (rank + 1) + axis);
    unsigned short *half_from = half_at(a, c, from), *half_to = half_at(a, c, to);
    const unsigned old_from = *half_from, old_to = *half_to;
    const int k = (signed char)(*pair & 255), l = *pair >> 8, along = k * step;
    const int shrinks = closing || along < 0;
    const u64 m = closing ? 1 : (u64)((along < 0 ? -along : along + 1) + l);
    const unsigned row =
        closing ? FLUX_ROW_CLOSE : row_of(axis, step, home, to == c->tail, shrinks);
    const u64 t =
        c->threshold[row * (unsigned)a->size + (shrinks ? old_from - 1 : old_to)];
    const u64 u = (unsigned)product;
    c->s.proposals++;
    if (shrinks ? u >= t * m : u * m >= t)
        return;
    *pair = (unsigned short)(((unsigned)(k + step) & 255) | (unsigned)l << 8);
    if (shrinks)
        *half_from = (unsigned short)(old_from - 1);
    else
        *half_to = (unsigned short)(old_to + 1);
    c->head = to;
    if (closing)
        after_worm(c);
    if (k + step > FLUX_LIMIT || k + step < -FLUX_LIMIT) {
        c->s.failed = (long long)to + 1;
        c->next = NEXT_NONE;
    }
}

/* The next link of a sweep of l. */
DEVICE void next_link(const FluxArgument *a, Chain *c)
{
    if (++c->place < (unsigned)a->sites)
        return;
    c->place = 0;
    c->axis++;
    if (c->s.failed) {
        c->next = NEXT_NONE;
    } else if (c->axis == (unsigned)a->rank) {
        c->axis = 0;
        if (--c->sweeps > 0)
            begin_sweep(c);
        else
            c->next = NEXT_NONE;
    }
}

/* As propose_l(). */
DEVICE void propose_l(const FluxArgument *a, Chain *c, unsigned draw)
{
    const FluxLink link = a->link[c->axis * (unsigned)a->sites + c->place];
    unsigned short *pair = cell_at(c, link.from * ((unsigned)a->rank + 1) + c->axis);
    unsigned short *x = half_at(a, c, link.from), *y = half_at(a, c, link.to);
    const int k = (signed char)(*pair & 255), old = *pair >> 8;
    const int up = (int)(draw >> 31), down = up ^ 1, size = (k < 0 ? -k : k) + old;
    const double u = (double)(draw << 1) * 0x1p-32;
    const double m = (double)((size + up) * (old + up));
    const double *before = c->r - (down & (old > 0));
    const double w = before[*x] * before[*y];
    const int change = up ? u * m < w : -(u * w < m);
    if (change) {
        *pair = (unsigned short)((*pair & 255) | (unsigned)(old + change) << 8);
        *x = (unsigned short)(*x + change);
        *y = (unsigned short)(*y + change);
        const long long failed = (long long)link.from + 1;
        if (old + change == FLUX_LIMIT && (c->s.failed == 0 || failed < c->s.failed))
            c->s.failed = failed; /* the axis is done first, as on the processor */
    }
    next_link(a, c);
}

DEVICE void take(const FluxArgument *a, Chain *c, unsigned draw)
{
    c->s.draws++;
    if (c->next == NEXT_STEP)
        step_head(a, c, draw);
    else if (c->next == NEXT_LINK)
        propose_l(a, c, draw);
    else if (c->next == NEXT_SITE)
        take_site(a, c, draw);
    else
        open_worm(a, c, draw);
}

DEVICE void load_field(const FluxArgument *a, const Chain *c, long long chain)
{
    const unsigned rank = (unsigned)a->rank, sites = (unsigned)a->sites;
    const signed char *k = a->links + chain * 2 * a->rank * a->sites;
    const signed char *l = k + a->rank * a->sites;
    const short *half = a->half + chain * a->sites;
    for (unsigned x = 0; x < sites; x++) {
        for (unsigned i = 0; i < rank; i++)
            *cell_at(c, x * (rank + 1) + i) =
                (unsigned short)((unsigned char)k[i * sites + x] |
                                 (unsigned)(unsigned char)l[i * sites + x] << 8);
        *half_at(a, c, x) = (unsigned short)half[x];
    }
}

DEVICE void store_field(const FluxArgument *a, const Chain *c, long long chain)
{
    const unsigned rank = (unsigned)a->rank, sites = (unsigned)a->sites;
    signed char *k = a->links + chain * 2 * a->rank * a->sites;
    signed char *l = k + a->rank * a->sites;
    short *half = a->half + chain * a->sites;
    for (unsigned x = 0; x < sites; x++) {
        for (unsigned i = 0; i < rank; i++) {
            const unsigned pair = *cell_at(c, x * (rank + 1) + i);
            k[i * sites + x] = (signed char)(pair & 255);
            l[i * sites + x] = (signed char)(pair >> 8);
        }
        half[x] = (short)*half_at(a, c, x);
    }
}

/* The sweeps of a launch. */
DEVICE void run_chain(const FluxArgument *a, unsigned short *cell, unsigned stride,
                      long long chain)
{
    Chain c;
    c.s = a->state[chain];
    if (c.s.sweeps == 0 || c.s.failed)
        return;
    c.cell = cell;
    c.stride = stride;
    c.threshold = a->threshold + c.s.point * FLUX_ROWS * a->size;
    c.r = a->r + c.s.point * a->size;
    c.axis = c.place = 0;
    c.sweeps = c.s.sweeps < a->sweeps ? c.s.sweeps : a->sweeps;
    c.s.sweeps -= c.sweeps;
    load_field(a, &c, chain);
    begin_sweep(&c);
    while (c.next != NEXT_NONE) {
        unsigned number[4];
        const unsigned first = (unsigned)c.s.draws & 3;
        philox(&c.s, c.s.draws >> 2, number);
#pragma unroll 1
        for (unsigned i = 0; i < 4; i++) {
            const unsigned draw = number[0];
            number[0] = number[1];
            number[1] = number[2];
            number[2] = number[3];
            if (i >= first && c.next != NEXT_NONE)
                take(a, &c, draw);
        }
    }
    store_field(a, &c, chain);
    a->state[chain] = c.s;
}

ENTRY worms_shared(const __grid_constant__ FluxArgument a)
{
    extern __shared__ double shared[];
    const long long chain = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (chain < a.chains)
        run_chain(&a, (unsigned short *)shared + 2 * threadIdx.x, 2 * blockDim.x,
                  chain);
}

ENTRY worms_global(const __grid_constant__ FluxArgument a)
{
    const long long chain = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (chain < a.chains)
        run_chain(&a, a.work + chain * 2 * a.words, 2, chain);
}
