#include <math.h>

#include "ir/eval_impl.h"

/* The next point of a box in row-major order; false behind the last. */
static bool next_point(int64_t *point, const int64_t *size, int rank)
{
    for (int d = rank - 1; d >= 0; d--) {
        if (++point[d] < size[d])
            return true;
        point[d] = 0;
    }
    return false;
}

/* Site p * stride + k - before, or -1 outside. */
static int64_t source(const Window *w, const Field *big, const int64_t *p,
                      const int64_t *k)
{
    int64_t site = 0;
    for (int d = 0; d < big->rank; d++) {
        int64_t length = big->extent[d], q = p[d] * w->stride[d] + k[d] - w->before[d];
        if (w->boundary[d] == BOUNDARY_CIRCULAR)
            q = (q % length + length) % length;
        else if (q < 0 || q >= length)
            return -1;
        site = site * length + q;
    }
    return site;
}

Sources window_sources(const Window *w, const Field *big, const Field *small, Arena *a)
{
    int64_t kernel[AXES_MAX] = {0}, k[AXES_MAX] = {0}, taps = 1, i = 0;
    for (int d = 0; d < big->rank; d++)
        taps *= kernel[d] = w->kernel[d];
    int64_t *of = NEW_ARRAY(a, int64_t, taps * small->sites);
    do {
        int64_t p[AXES_MAX] = {0};
        do
            of[i++] = source(w, big, p, k);
        while (next_point(p, small->extent, small->rank));
    } while (next_point(k, kernel, big->rank));
    return (Sources){taps, small->sites, of};
}

/* ---- convolutions ---------------------------------------------------------------- */

/* The products w[o,i,k] x[n,i,q] y[n,o,p], q seen by p through tap k, in all of which the
 * four operators sum over everything but the indices of their result. */
typedef struct Product {
    const Step *step;
    const Field *big, *small; /* fields over q and over p */
    Sources see;
} Product;

typedef void Inner(const Product *c, int64_t w, int64_t x, int64_t y, int64_t tap);

/* Calls `inner` once for every sample and weight, with the offsets of the weight and of
 * the first sites of both channels. */
static void each_weight(const Product *c, Inner *inner)
{
    const Field *big = c->big, *small = c->small;
    int64_t taps = c->see.taps;
    for (int64_t n = 0; n < big->batch; n++)
        for (int64_t o = 0; o < small->channels; o++)
            for (int64_t i = 0; i < big->channels; i++)
                for (int64_t k = 0; k < taps; k++)
                    inner(c, (o * big->channels + i) * taps + k,
                          (n * big->channels + i) * big->sites,
                          (n * small->channels + o) * small->sites, k);
}

static Product product_of(const Step *s, const Field *big, const Field *small)
{
    return (Product){s, big, small,
                     window_sources(&s->node->window, big, small, s->scratch)};
}

static void inner_forward(const Product *c, int64_t w, int64_t x, int64_t y,
                          int64_t tap)
{
    const Field *weight = &c->step->arg[1];
    const int64_t *q = c->see.of + tap * c->see.sites;
    double value = weight->value[w], magnitude = weight->magnitude[w];
    for (int64_t p = 0; p < c->see.sites; p++)
        if (q[p] >= 0) {
            c->small->value[y + p] += value * c->big->value[x + q[p]];
            c->small->magnitude[y + p] += magnitude * c->big->magnitude[x + q[p]];
        }
}

void eval_conv(Step *s)
{
    const Field *bias = &s->arg[2];
    for (int64_t i = 0; bias->value && i < field_count(&s->out); i++) {
        int64_t o = i / s->out.sites % s->out.channels;
        s->out.value[i] = bias->value[o];
        s->out.magnitude[i] = bias->magnitude[o];
    }
    Product c = product_of(s, &s->arg[0], &s->out);
    each_weight(&c, inner_forward);
}

static void inner_dx(const Product *c, int64_t w, int64_t x, int64_t y, int64_t tap)
{
    const Field *weight = &c->step->arg[1];
    const int64_t *q = c->see.of + tap * c->see.sites;
    double value = weight->value[w], magnitude = weight->magnitude[w];
    for (int64_t p = 0; p < c->see.sites; p++)
        if (q[p] >= 0) {
            c->big->value[x + q[p]] += value * c->small->value[y + p];
            c->big->magnitude[x + q[p]] += magnitude * c->small->magnitude[y + p];
        }
}

void eval_conv_dx(Step *s)
{
    Product c = product_of(s, &s->out, &s->arg[0]);
    each_weight(&c, inner_dx);
}

static void inner_dw(const Product *c, int64_t w, int64_t x, int64_t y, int64_t tap)
{
    const int64_t *q = c->see.of + tap * c->see.sites;
    double value = 0, magnitude = 0;
    for (int64_t p = 0; p < c->see.sites; p++)
        if (q[p] >= 0) {
            value += c->small->value[y + p] * c->big->value[x + q[p]];
            magnitude += c->small->magnitude[y + p] * c->big->magnitude[x + q[p]];
        }
    c->step->out.value[w] += value;
    c->step->out.magnitude[w] += magnitude;
}

void eval_conv_dw(Step *s)
{
    Product c = product_of(s, &s->arg[1], &s->arg[0]);
    each_weight(&c, inner_dw);
}

/* Many terms, often all alike, whose rounding errors do not cancel: summed in double the
 * oracle would be no better than what it judges. */
void eval_conv_db(Step *s)
{
    const Field *dy = &s->arg[0];
    for (int64_t o = 0; o < dy->channels; o++) {
        long double value = 0, magnitude = 0;
        for (int64_t n = 0; n < dy->batch; n++)
            for (int64_t p = 0; p < dy->sites; p++) {
                int64_t i = (n * dy->channels + o) * dy->sites + p;
                value += dy->value[i];
                magnitude += dy->magnitude[i];
            }
        s->out.value[o] = (double)value;
        s->out.magnitude[o] = (double)magnitude;
    }
}
