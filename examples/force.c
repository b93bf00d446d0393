/* force.c - a network inside a lattice program: configurations, outputs, the force.
 *
 *     force 16x16 [eq1.safetensors]
 *
 * Makes configurations on a lattice chosen at run time, puts 0, 1, 2, .. open worms on them,
 * lets the network count the worms, and takes the derivative of its output O by the
 * configuration, F = dO/dx: the force with which a term -O in an action would pull.  It is
 * held against a difference quotient along F, where dO(x + s F)/ds = |F|^2 at s = 0.
 *
 * Without trained weights (demo.sh leaves some in demo/) the network is a random one: it
 * cannot count, its force is as good.  Exit: 0, or 1 with one line that says why. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "archrt/flux.h"
#include "archrt/rng.h"
#include "archrt/weights.h"
#include "archrt/worms.h"
#include "count_eq1_f64.h"

enum { SAMPLES = 6, SEED = 1 };

/* A batch on one lattice, and the memory of the network. */
typedef struct Batch {
    int64_t extent[2], channels, size; /* size: numbers in one sample */
    int8_t *links;                     /* (SAMPLES, channels, T, X)   */
    double *x, *force;                 /* likewise                    */
    double y[SAMPLES];
    Weights weights;
    void *work;
} Batch;

static void *allocate(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (p == NULL) {
        fputs("force: out of memory\n", stderr);
        exit(1);
    }
    return p;
}

/* The kernels of the network take any lattice: its extents are arguments. */
static bool batch_init(Batch *b, const char *lattice)
{
    const ArchModel *m = count_eq1_f64_model();
    char end;
    if (sscanf(lattice, "%" SCNd64 "x%" SCNd64 "%c", &b->extent[0], &b->extent[1],
               &end) != 2)
        return false;
    if (b->extent[0] < 2 || b->extent[1] < 2 || b->extent[0] > 1024 ||
        b->extent[1] > 1024)
        return false;
    size_t forward = m->work_bytes(b->extent, SAMPLES, ARCH_FORWARD);
    size_t vjp = m->work_bytes(b->extent, SAMPLES, ARCH_VJP);
    if (forward == 0 || vjp == 0)
        return false;
    b->channels = m->channels;
    b->size = b->channels * b->extent[0] * b->extent[1];
    b->links = allocate((size_t)(SAMPLES * b->size));
    b->x = allocate((size_t)(SAMPLES * b->size) * sizeof *b->x);
    b->force = allocate((size_t)(SAMPLES * b->size) * sizeof *b->force);
    b->work = allocate(forward > vjp ? forward : vjp);
    return true;
}

static void batch_release(Batch *b)
{
    weights_release(&b->weights);
    free(b->links);
    free(b->x);
    free(b->force);
    free(b->work);
}

static bool load_weights(Batch *b, const char *path, ArchError *e)
{
    const ArchModel *m = count_eq1_f64_model();
    if (path == NULL) {
        weights_init(&b->weights, m, 1);
        weights_draw(&b->weights, m, SEED);
    } else if (!weights_read(&b->weights, m, path, e)) {
        return false;
    }
    weights_pack(&b->weights, m);
    return true;
}

/* Sample i: an independent configuration of the chain with i open worms on it. */
static bool make_configurations(Batch *b, ArchError *e)
{
    const FluxParams p = {.eta = 4.04, .lambda = 1, .mu = 1.25};
    FluxChain *chain = flux_new(&p, 2, b->extent, SEED, 0, e);
    bool ok = chain != NULL && flux_thermalise(chain, FLUX_THERMAL, e);
    for (int i = 0; ok && i < SAMPLES; i++) {
        Rng rng = rng_init(SEED, RNG_WORMS, 0, (uint32_t)i);
        int worms = worms_fit(b->extent[0] * b->extent[1], i) ? i : 0;
        ok = flux_advance(chain, FLUX_BETWEEN, e) &&
             worms_insert(chain, worms, &rng, b->links + i * b->size, e);
    }
    flux_free(chain);
    return ok;
}

/* One call of the network on any memory: int8 links here, doubles below. */
static ArchCall make_call(const Batch *b, const void *x, ArchType type)
{
    return (ArchCall){
        .size = sizeof(ArchCall),
        .extent = {b->extent[0], b->extent[1]},
        .batch = SAMPLES,
        .x = x,
        .x_type = type,
        .packed = b->weights.packed,
        .work = b->work
    };
}

static void print_counts(Batch *b)
{
    ArchCall call = make_call(b, b->links, ARCH_I8);
    count_eq1_f64_forward(&call, b->y);
    puts("open worms   the network says");
    for (int i = 0; i < SAMPLES; i++)
        printf("%10d   %16.4f\n", worms_fit(b->extent[0] * b->extent[1], i) ? i : 0,
               b->y[i]);
}

/* LeakyReLU has no derivative at 0, where integer fluxes often lie; beside them it has. */
static void leave_the_kinks(Batch *b)
{
    Rng rng = rng_init(SEED, RNG_TEST, 0, 0);
    for (int64_t i = 0; i < SAMPLES * b->size; i++)
        b->x[i] = b->links[i] + 0.25 * (rng_uniform(&rng) - 0.5);
}

/* force = dO/dx of every sample: the product of dO = 1 with the Jacobian. */
static void compute_force(Batch *b)
{
    const double dy[SAMPLES] = {1, 1, 1, 1, 1, 1};
    ArchCall call = make_call(b, b->x, ARCH_F64);
    count_eq1_f64_vjp(&call, dy, b->force, NULL);
}

/* O at x + s F, every sample with its own F. */
static void shifted_output(Batch *b, double s, double y[SAMPLES])
{
    double *x = allocate((size_t)(SAMPLES * b->size) * sizeof *x);
    for (int64_t i = 0; i < SAMPLES * b->size; i++)
        x[i] = b->x[i] + s * b->force[i];
    ArchCall call = make_call(b, x, ARCH_F64);
    count_eq1_f64_forward(&call, y);
    free(x);
}

/* Whether |F|^2 and the difference quotient along F agree to 1e-6. */
static bool check_force(Batch *b)
{
    const double step = 1e-7;
    double up[SAMPLES], down[SAMPLES];
    bool agree = true;
    shifted_output(b, step, up);
    shifted_output(b, -step, down);
    puts("\n     |F|^2   difference quotient   relative difference");
    for (int i = 0; i < SAMPLES; i++) {
        double square = 0, quotient = (up[i] - down[i]) / (2 * step);
        for (int64_t j = 0; j < b->size; j++)
            square += b->force[i * b->size + j] * b->force[i * b->size + j];
        double difference = fabs(quotient - square) / square;
        agree = agree && difference < 1e-6;
        printf("%10.6f   %19.6f   %19.1e\n", square, quotient, difference);
    }
    return agree;
}

int main(int argc, char **argv)
{
    ArchError e;
    Batch b = {0};
    if (argc < 2 || argc > 3 || !batch_init(&b, argv[1])) {
        fputs("usage: force TxX [eq1.safetensors], for example force 16x16; "
              "extents 2 to 1024\n",
              stderr);
        return 1;
    }
    bool ok =
        load_weights(&b, argc == 3 ? argv[2] : NULL, &e) && make_configurations(&b, &e);
    if (ok) {
        print_counts(&b);
        leave_the_kinks(&b);
        compute_force(&b);
        if (!check_force(&b))
            ok = error_set(&e, ARCH_EXIT_DIVERGED,
                           "force and difference quotient disagree");
    }
    if (!ok)
        fprintf(stderr, "force: %s\n", e.text);
    batch_release(&b);
    return ok ? 0 : 1;
}
