/* check_worms COUNTING DETECTING DENSITY - networks whose answer is known in closed form, as
 * libraries made from archs/: weights set by hand, random fluxes without divergence, and
 * open paths on top of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { BATCH = 20, T = 6, X = 9, SITES = T * X, CHANNELS = 4, WORMS_MAX = 6 };

/* k_t, k_x, l_t, l_x of one configuration. */
typedef struct Flux {
    int8_t field[CHANNELS][T][X];
} Flux;

typedef struct Worms {
    Tally tally;
    Flux flux[BATCH];
    int worms[BATCH];
    int charge[BATCH]; /* sum of k_t over the lattice */
} Worms;

static int wrap(int x, int length)
{
    return (x % length + length) % length;
}

/* One step from (t, x), which it moves on. */
static void step(Flux *f, int *t, int *x, int direction)
{
    int t1 = wrap(*t + (direction == 0) - (direction == 1), T);
    int x1 = wrap(*x + (direction == 2) - (direction == 3), X);
    switch (direction) {
    case 0: f->field[0][*t][*x]++; break;
    case 1: f->field[0][t1][*x]--; break;
    case 2: f->field[1][*t][*x]++; break;
    default: f->field[1][*t][x1]--; break;
    }
    *t = t1;
    *x = x1;
}

/* A sum of plaquettes and of lines around the lattice has no divergence. */
static void closed_flux(Flux *f, uint64_t *state)
{
    memset(f, 0, sizeof *f);
    for (int i = 0; i < SITES; i++) {
        int t = check_between(state, 0, T - 1), x = check_between(state, 0, X - 1);
        bool turn = check_between(state, 0, 1);
        const int around[2][4] = {
            {0, 2, 1, 3},
            {2, 0, 3, 1}
        };
        for (int k = 0; k < 4; k++)
            step(f, &t, &x, around[turn][k]);
    }
    int line = check_between(state, 0, X - 1), t = 0;
    for (int i = 0; i < T; i++)
        step(f, &t, &line, 0);
    for (int c = 2; c < CHANNELS; c++)
        for (int i = 0; i < SITES; i++)
            f->field[c][i / X][i % X] = (int8_t)check_between(state, 0, 3);
}

/* A random walk between two sites that are no end yet. */
static void open_worm(Flux *f, bool (*is_end)[X], uint64_t *state)
{
    int t, x;
    do {
        t = check_between(state, 0, T - 1);
        x = check_between(state, 0, X - 1);
    } while (is_end[t][x]);
    is_end[t][x] = true;
    do
        step(f, &t, &x, check_between(state, 0, 3));
    while (is_end[t][x]);
    is_end[t][x] = true;
}

static void make_worms(Worms *k)
{
    uint64_t state = 7;
    for (int b = 0; b < BATCH; b++) {
        Flux *f = &k->flux[b];
        bool is_end[T][X] = {{false}};
        closed_flux(f, &state);
        k->worms[b] = b % (WORMS_MAX + 1);
        for (int i = 0; i < k->worms[b]; i++)
            open_worm(f, is_end, &state);
        k->charge[b] = 0;
        for (int i = 0; i < SITES; i++)
            k->charge[b] += f->field[0][i / X][i % X];
    }
}

static void set_param(const ArchModel *m, float *params, const char *name, int at,
                      float value)
{
    for (int i = 0; i < m->params; i++)
        if (!strcmp(m->param[i].name, name))
            params[m->param[i].offset + at] = value;
}

/* w[k_t] = [[0,-1],[0,1]], w[k_x] = [[0,0],[-1,1]], first index t. */
static void set_divergence(const ArchModel *m, float *params)
{
    set_param(m, params, "conv1.weight", 1, -1);
    set_param(m, params, "conv1.weight", 3, 1);
    set_param(m, params, "conv1.weight", 6, -1);
    set_param(m, params, "conv1.weight", 7, 1);
}

static void forward(const Worms *k, const ArchModel *m, const float *params,
                    ArchIsa isa, float *y)
{
    ArchCall call = {
        .size = sizeof call,
        .extent = {T, X},
        .batch = BATCH,
        .x = k->flux,
        .x_type = ARCH_I8,
        .isa = isa
    };
    void *packed = aligned_alloc(64, (m->packed_bytes + 64) / 64 * 64);
    call.work = aligned_alloc(64, m->work_bytes(call.extent, BATCH, ARCH_FORWARD));
    call.packed = packed;
    m->pack(params, packed, 1);
    m->forward(&call, y);
    free(packed);
    free(call.work);
}

static void check_worms(Worms *k, const ArchModel *const *m, ArchIsa isa)
{
    float counting[17] = {0}, detecting[16] = {0}, density[4] = {0};
    float count[BATCH], open[BATCH], n[BATCH];
    set_divergence(m[0], counting);
    set_param(m[0], counting, "linear1.weight", 0, 2);
    set_divergence(m[1], detecting);
    set_param(m[2], density, "linear1.weight", 0, 1);
    forward(k, m[0], counting, isa, count);
    forward(k, m[1], detecting, isa, open);
    forward(k, m[2], density, isa, n);
    for (int b = 0; b < BATCH; b++) {
        double wanted = (double)k->charge[b] / SITES;
        tally(&k->tally, count[b] == (float)k->worms[b], "%s: %g worms counted, not %d",
              isa_name[isa], (double)count[b], k->worms[b]);
        tally(&k->tally, open[b] == (k->worms[b] ? 1.0f : 0.0f),
              "%s: largest divergence %g with %d worms", isa_name[isa], (double)open[b],
              k->worms[b]);
        tally(&k->tally, fabs((double)n[b] - wanted) <= 2e-7 * fabs(wanted),
              "%s: density %g, not %g", isa_name[isa], (double)n[b], wanted);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: check_worms COUNTING DETECTING DENSITY\n");
        return 2;
    }
    const ArchModel *m[] = {model_load(argv[1], "exact_counting"),
                            model_load(argv[2], "exact_detecting"),
                            model_load(argv[3], "exact_density")};
    Worms k = {.tally = {.name = "worms"}};
    make_worms(&k);
    for (ArchIsa isa = isa_next(ARCH_ISA_BEST); isa; isa = isa_next(isa))
        check_worms(&k, m, isa);
    isa_report_missing();
    return tally_end(&k.tally);
}
