/* check_symmetry [-tiles] FILE.arch LIBRARY MODEL - what the symmetry class of a network
 * promises.
 *
 * Feature maps (a network that ends on a lattice) of a shifted configuration are the
 * shifted feature maps, bit for bit; behind a global pool they agree but for the order of
 * the sum.  With -tiles, for convolutions made tile by tile, bits stay if tiles of two sites an
 * axis shift as a whole; else maps agree but for rounding, and on each instruction set one at
 * least has other bits: there are tiles.  Permuted samples give permuted bits.  A lattice
 * repeated 2 x 2 has the same mean and maximum and four times the sum. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sema/symmetry.h"

enum { BATCH = 17, AXES = 2 };

typedef struct Symmetric {
    Tally tally;
    const Graph *g;
    const ArchModel *m;
    const Case *c;
    const Eval *e;
    int64_t step[AXES]; /* shifts that the network must respect */
    int64_t tile;       /* ... and so many of them at a time bit for bit */
    ArchIsa isa;
    bool differed[ARCH_ISA_AVX512 + 1]; /* a map, shifted by part of a tile */
} Symmetric;

/* y of x on a lattice that need not be the case's. */
static void *forward(const Symmetric *k, const int64_t *extent, const int8_t *x)
{
    Trial trial = trial_make(k->c, k->m);
    ArchCall call = trial_call(&trial, BATCH, ARCH_FORWARD, k->isa);
    free(call.work);
    memcpy(call.extent, extent, AXES * sizeof *extent);
    if (posix_memalign(&call.work, 64, k->m->work_bytes(extent, BATCH, ARCH_FORWARD)))
        abort();
    call.x = x;
    void *y = real_new(k->m, BATCH * k->m->outputs * k->m->output_sites(extent));
    k->m->forward(&call, y);
    call_free(&call);
    trial_free(&trial);
    return y;
}

/* to[n, p] = from[n, p + shift] for all fields n, repeated `times` along each axis. */
static void move_fields(const void *from, void *to, size_t size, int64_t fields,
                        const int64_t *extent, const int64_t *shift, int64_t times)
{
    int64_t rows = extent[0] * times, columns = extent[1] * times;
    for (int64_t n = 0; n < fields; n++)
        for (int64_t t = 0; t < rows; t++)
            for (int64_t x = 0; x < columns; x++) {
                int64_t source =
                    (t + shift[0]) % extent[0] * extent[1] + (x + shift[1]) % extent[1];
                memcpy((char *)to + size * (size_t)((n * rows + t) * columns + x),
                       (const char *)from +
                           size * (size_t)(n * extent[0] * extent[1] + source),
                       size);
            }
}

/* How far y is from `factor` times the oracle's output of the case. */
static double ratio(const Symmetric *k, const void *y, double factor)
{
    uint32_t v = k->g->output.i;
    int64_t count = BATCH * k->c->out;
    double *value = malloc(sizeof(double) * (size_t)count);
    double *magnitude = malloc(sizeof(double) * (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        value[i] = factor * k->e->value[v][i];
        magnitude[i] = factor * k->e->magnitude[v][i];
    }
    double worst = error_ratio(k->m, y, value, magnitude, count);
    free(value);
    free(magnitude);
    return worst;
}

/* Feature maps must have moved along with the input. */
static void check_maps(Symmetric *k, const void *y, const void *got,
                       const int64_t *shift)
{
    const Case *c = k->c;
    const Shape *out = &graph_node(k->g, k->g->output)->shape;
    int64_t extent[AXES], back[AXES], count = BATCH * c->out;
    bool whole = true;
    for (int d = 0; d < AXES; d++) {
        int64_t moved = shift[d] / k->step[d];
        extent[d] = extent_value(out->extent[d], c->extent);
        back[d] = (extent[d] - moved % extent[d]) % extent[d];
        whole &= moved % k->tile == 0;
    }
    void *home = real_new(k->m, count);
    move_fields(got, home, real_size(k->m), BATCH * c->outputs, extent, back, 1);
    const bool equal = !memcmp(home, y, real_size(k->m) * (size_t)count);
    bool good = whole ? equal : ratio(k, home, 1) <= RATIO_MAX;
    k->differed[k->isa] |= !whole && !equal;
    tally(&k->tally, good,
          "feature maps on %lldx%lld shifted by %lld, %lld have other %s, %s",
          (long long)c->extent[0], (long long)c->extent[1], (long long)shift[0],
          (long long)shift[1], whole ? "bits" : "values", isa_name[k->isa]);
    free(home);
}

static void check_shift(Symmetric *k, const void *y, const int64_t *shift)
{
    const Case *c = k->c;
    int8_t *x = malloc((size_t)(BATCH * c->channels * c->sites));
    move_fields(c->x_i8, x, 1, BATCH * c->channels, c->extent, shift, 1);
    void *got = forward(k, c->extent, x);
    if (graph_node(k->g, k->g->output)->shape.rank)
        check_maps(k, y, got, shift);
    else
        tally(&k->tally, ratio(k, got, 1) <= RATIO_MAX,
              "shifting %lldx%lld by %lld, %lld changes the output, %s",
              (long long)c->extent[0], (long long)c->extent[1], (long long)shift[0],
              (long long)shift[1], isa_name[k->isa]);
    free(got);
    free(x);
}

static void check_permutation(Symmetric *k, const void *y)
{
    const Case *c = k->c;
    size_t in = (size_t)(c->channels * c->sites),
           out = real_size(k->m) * (size_t)c->out;
    int8_t *x = malloc(BATCH * in);
    for (size_t b = 0; b < BATCH; b++)
        memcpy(x + b * in, c->x_i8 + (b * 5 + 3) % BATCH * in, in);
    char *got = forward(k, c->extent, x);
    bool good = true;
    for (size_t b = 0; b < BATCH; b++)
        good &=
            !memcmp(got + b * out, (const char *)y + (b * 5 + 3) % BATCH * out, out);
    tally(&k->tally, good, "permuted samples have other bits, %s", isa_name[k->isa]);
    free(got);
    free(x);
}

static void check_tiling(Symmetric *k)
{
    const Case *c = k->c;
    Op op = graph_node(k->g, k->g->output)->op;
    if (op != OP_GLOBAL_SUM && op != OP_GLOBAL_AVG && op != OP_GLOBAL_MAX)
        return;
    int64_t extent[AXES] = {2 * c->extent[0], 2 * c->extent[1]}, none[AXES] = {0};
    int8_t *x = malloc((size_t)(4 * BATCH * c->channels * c->sites));
    move_fields(c->x_i8, x, 1, BATCH * c->channels, c->extent, none, 2);
    void *got = forward(k, extent, x);
    double worst = ratio(k, got, op == OP_GLOBAL_SUM ? 4 : 1);
    tally(&k->tally, worst <= RATIO_MAX, "%lldx%lld repeated 2x2, %s: ratio %.3g",
          (long long)c->extent[0], (long long)c->extent[1], isa_name[k->isa], worst);
    free(got);
    free(x);
}

static void check_lattice(Symmetric *k, const int64_t *extent)
{
    Case c;
    if (extent[0] % k->step[0] || extent[1] % k->step[1] ||
        !case_make(&c, k->g, extent, BATCH, VALUES_FLUX, 47))
        return;
    k->c = &c;
    k->e = case_eval(&c, k->g, BATCH, c.arena);
    for (k->isa = isa_next(ARCH_ISA_BEST); k->isa; k->isa = isa_next(k->isa)) {
        void *y = forward(k, extent, c.x_i8);
        for (int64_t t = 0; t < extent[0]; t += k->step[0])
            for (int64_t x = 0; x < extent[1]; x += k->step[1])
                check_shift(k, y, (int64_t[]){t, x});
        check_permutation(k, y);
        check_tiling(k);
        free(y);
    }
    case_free(&c);
}

int main(int argc, char **argv)
{
    static const int64_t lattice[][AXES] = {
        {8, 8},
        {5, 3},
        {1, 4},
        {6, 4},
        {2, 2}
    };
    bool tiles = argc == 5 && !strcmp(argv[1], "-tiles");
    if (argc != 4 && !tiles) {
        fprintf(stderr, "usage: check_symmetry [-tiles] FILE.arch LIBRARY MODEL\n");
        return 2;
    }
    argv += tiles;
    Arena *a = arena_new();
    const Graph *g = graph_read(argv[1], a);
    Symmetric k = {.g = g, .m = model_load(argv[2], argv[3]), .tile = 1 + tiles};
    k.tally.name = k.m->name;
    Symmetry symmetry = symmetry_of(g);
    if (symmetry.kind == SYMMETRY_NONE || g->rank != AXES)
        return 1;
    for (int d = 0; d < AXES; d++)
        k.step[d] = symmetry.kind == SYMMETRY_STRIDED ? symmetry.step[d] : 1;
    for (size_t i = 0; i < countof(lattice); i++)
        check_lattice(&k, lattice[i]);
    for (ArchIsa isa = isa_next(ARCH_ISA_BEST); tiles && isa; isa = isa_next(isa))
        tally(&k.tally, k.differed[isa], "no map shifted by part of a tile differs, %s",
              isa_name[isa]);
    isa_report_missing();
    arena_free(a);
    return tally_end(&k.tally);
}
