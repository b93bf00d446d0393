/* check_slopes FILE.arch LIBRARY MODEL - gradients of a model in double against central
 * differences of its own forward.
 *
 * f(t) = <dy, y(p + t dp, x + t dx)> is smooth between kinks, where
 * (f(h) - f(-h)) / 2h = f'(0) + O(h^2).  A direction that meets a kink (LeakyReLU, a
 * maximum) at every step says nothing, and most directions must say something. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { BATCH = 2 };

typedef struct Slopes {
    Tally tally;
    const ArchModel *m;
    const Case *c;
    const Trial *trial;
    double *params, *x;           /* where                    */
    double *dparams, *dx;         /* the direction            */
    double *at_params, *at_x, *y; /* scratch                  */
    void *packed;
    int64_t x_count;
    bool loss; /* f is the loss, not <dy, y> */
    int tried, used;
} Slopes;

static double run(const Slopes *k, ArchWhat what, const double *x, double *out)
{
    ArchCall call = trial_call(k->trial, BATCH, what, ARCH_ISA_BEST);
    double loss = 0;
    call.x = x;
    call.x_type = ARCH_F64;
    call.packed = k->packed;
    if (what == ARCH_GRADIENT)
        k->m->gradient(&call, k->trial->target, &loss, out);
    else
        k->m->forward(&call, out);
    call_free(&call);
    return loss;
}

static double value(const Slopes *k, double t)
{
    for (int64_t i = 0; i < k->m->param_count; i++)
        k->at_params[i] = k->params[i] + t * k->dparams[i];
    for (int64_t i = 0; i < k->x_count; i++)
        k->at_x[i] = k->x[i] + t * k->dx[i];
    k->m->pack(k->at_params, k->packed, 1);
    if (k->loss)
        return run(k, ARCH_GRADIENT, k->at_x, k->at_params);
    run(k, ARCH_FORWARD, k->at_x, k->y);
    double f = 0;
    for (int64_t i = 0; i < BATCH * k->c->out; i++)
        f += k->c->dy[i] * k->y[i];
    return f;
}

/* The mean of the slopes on both sides, and their difference. */
typedef struct Sides {
    double mean, jump;
} Sides;

static Sides sides(const Slopes *k, double f, double h)
{
    double up = (value(k, h) - f) / h, down = (f - value(k, -h)) / h;
    return (Sides){(up + down) / 2, up - down};
}

/* The slope at the largest step that crosses no kink, as long as the rounding of f does not
 * matter.  Without a kink the mean does not depend on h, and the jump is h f''; a kink at d
 * changes the mean by 1 - d/h and the jump by twice that, and cannot hide in both. */
static bool smooth_slope(const Slopes *k, double scale, double *slope)
{
    double f = value(k, 0);
    for (double h = 1e-3; h > DBL_EPSILON * fabs(f) / (3e-7 * scale); h /= 6) {
        Sides coarse = sides(k, f, h), fine = sides(k, f, h / 2);
        *slope = coarse.mean;
        if (fabs(coarse.mean - fine.mean) <= 1e-7 * scale &&
            fabs(coarse.jump - 2 * fine.jump) <= 3e-7 * scale)
            return true;
    }
    return false;
}

/* <gradient, direction> against the differences. */
static void check_direction(Slopes *k, const double *gp, const double *gx,
                            const char *what)
{
    double slope = 0, scale = 0, wanted;
    for (int64_t i = 0; i < k->m->param_count; i++) {
        slope += gp[i] * k->dparams[i];
        scale += fabs(gp[i] * k->dparams[i]);
    }
    for (int64_t i = 0; gx && i < k->x_count; i++) {
        slope += gx[i] * k->dx[i];
        scale += fabs(gx[i] * k->dx[i]);
    }
    k->tried++;
    if (!smooth_slope(k, scale, &wanted))
        return;
    k->used++;
    tally(&k->tally, fabs(wanted - slope) <= 1e-6 * scale,
          "slope %s is %.12g by differences, %.12g by the model", what, wanted, slope);
}

static void direction_clear(Slopes *k)
{
    memset(k->dparams, 0, sizeof(double) * (size_t)k->m->param_count);
    memset(k->dx, 0, sizeof(double) * (size_t)k->x_count);
}

/* Along all weights of a tensor, along one of them, along all of x, along one site. */
static void check_directions(Slopes *k, const double *gp, const double *gx)
{
    uint64_t state = 41;
    for (int i = 0; i < k->m->params; i++) {
        const ArchParam *p = &k->m->param[i];
        direction_clear(k);
        for (int64_t j = 0; j < p->count; j++)
            k->dparams[p->offset + j] = check_uniform(&state);
        check_direction(k, gp, gx, p->name);
        for (int j = 0; j < 3; j++) {
            direction_clear(k);
            k->dparams[p->offset + check_random(&state) % p->count] = 1;
            check_direction(k, gp, gx, p->name);
        }
    }
    for (int j = 0; gx && j < 8; j++) {
        direction_clear(k);
        for (int64_t i = 0; i < k->x_count; i++)
            if (j < 2 || i == (int64_t)(check_random(&state) % k->x_count))
                k->dx[i] = check_uniform(&state);
        check_direction(k, gp, gx, "along x");
    }
}

static void check_vjp(Slopes *k)
{
    double *gp = real_new(k->m, k->m->param_count), *gx = real_new(k->m, k->x_count);
    ArchCall call = trial_call(k->trial, BATCH, ARCH_VJP, ARCH_ISA_BEST);
    call.x = k->x;
    call.x_type = ARCH_F64;
    k->m->vjp(&call, k->trial->dy, gx, gp);
    k->loss = false;
    check_directions(k, gp, gx);
    call_free(&call);
    free(gp);
    free(gx);
}

static void check_gradient(Slopes *k)
{
    double *gp = real_new(k->m, k->m->param_count);
    k->m->pack(k->params, k->packed, 1);
    run(k, ARCH_GRADIENT, k->x, gp);
    k->loss = true;
    check_directions(k, gp, NULL);
    free(gp);
}

static Slopes slopes_of(const ArchModel *m, const Case *c, const Trial *trial)
{
    Slopes k = {.tally = {.name = m->name}, .m = m, .c = c, .trial = trial};
    uint64_t state = 31;
    k.x_count = BATCH * c->channels * c->sites;
    k.params = c->params;
    k.x = NEW_ARRAY(c->arena, double, k.x_count);
    k.dx = NEW_ARRAY(c->arena, double, k.x_count);
    k.at_x = NEW_ARRAY(c->arena, double, k.x_count);
    k.dparams = NEW_ARRAY(c->arena, double, m->param_count);
    k.at_params = NEW_ARRAY(c->arena, double, m->param_count);
    k.y = NEW_ARRAY(c->arena, double, BATCH * c->out);
    k.packed = trial->packed;
    /* Not integers: a site of zeros, two equal maxima, are kinks. */
    for (int64_t i = 0; i < k.x_count; i++)
        k.x[i] = 3 * check_uniform(&state);
    return k;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: check_slopes FILE.arch LIBRARY MODEL\n");
        return 2;
    }
    Arena *a = arena_new();
    const Graph *g = graph_read(argv[1], a);
    const ArchModel *m = model_load(argv[2], argv[3]);
    int64_t extent[ARCH_AXES_MAX] = {4, 4};
    for (int d = 0; d < g->rank; d++)
        if (g->fixed[d])
            extent[d] = g->fixed[d];
    Case c;
    if (m->real != ARCH_F64 || !case_make(&c, g, extent, BATCH, VALUES_FLUX, 29))
        return 1;
    Trial trial = trial_make(&c, m);
    Slopes k = slopes_of(m, &c, &trial);
    check_vjp(&k);
    if (m->gradient)
        check_gradient(&k);
    printf("%d of %d directions crossed no kink\n", k.used, k.tried);
    tally(&k.tally, 3 * k.used >= 2 * k.tried, "too few directions without a kink");
    trial_free(&trial);
    case_free(&c);
    arena_free(a);
    return tally_end(&k.tally);
}
