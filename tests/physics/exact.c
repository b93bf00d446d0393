#include "exact.h"

#include "radial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

Exact exact_free(const FluxParams *p, int rank, const int64_t *extent)
{
    const double pi = acos(-1), time = (double)extent[0];
    int64_t momenta = 1;
    Exact sum = {0, 0};
    for (int i = 1; i < rank; i++)
        momenta *= extent[i];
    for (int64_t q = 0; q < momenta; q++) {
        double cosh_w = p->eta / 2;
        int64_t rest = q;
        for (int i = 1; i < rank; i++) {
            cosh_w -= cos(2 * pi * (double)(rest % extent[i]) / (double)extent[i]);
            rest /= extent[i];
        }
        const double w = acosh(cosh_w), below = cosh(time * w) - cosh(time * p->mu);
        sum.n += sinh(time * p->mu) / below / (double)momenta;
        sum.phi2 += sinh(time * w) / (2 * sinh(w)) / below / (double)momenta;
    }
    return sum;
}

/* sqrt of the weight of a link, which two matrices share. */
static double half_weight(int k, int l)
{
    return exp(-(lgamma(abs(k) + l + 1.0) + lgamma(l + 1.0)) / 2);
}

/* tr a b, (size, size) */
static double trace(const double *a, const double *b, int size)
{
    double sum = 0;
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++)
            sum += a[i * size + j] * b[j * size + i];
    return sum;
}

/* out = m^n for n >= 1; `spare` is overwritten. */
static void power(const double *m, int n, int size, double *out, double *spare)
{
    const size_t bytes = sizeof *m * (size_t)size * (size_t)size;
    memcpy(out, m, bytes);
    for (int i = 1; i < n; i++) {
        memset(spare, 0, bytes);
        for (int r = 0; r < size; r++)
            for (int s = 0; s < size; s++)
                for (int c = 0; c < size; c++)
                    spare[r * size + c] += out[r * size + s] * m[s * size + c];
        memcpy(out, spare, bytes);
    }
}

/* Between time slices at one charge: the matrix, the same with |phi|^2 of the slice,
 * and room for two more, (size, size). */
typedef struct Transfer {
    double *z, *phi2, *rest, *spare;
} Transfer;

static Transfer transfer_new(int size)
{
    const size_t entries = (size_t)size * (size_t)size;
    double *m = malloc(4 * entries * sizeof *m);
    return (Transfer){m, m + entries, m + 2 * entries, m + 3 * entries};
}

typedef struct Sums {
    double z, n, phi2;
} Sums;

/* The traces of one charge Q >= 0, and of -Q, which are the same, with their
 * e^{mu Q T}. */
static Sums sum_charge(const Transfer *t, int size, int q, double mu, int extent)
{
    power(t->z, extent - 1, size, t->rest, t->spare);
    const double z = trace(t->rest, t->z, size), phi2 = trace(t->rest, t->phi2, size);
    const double up = exp(mu * q * extent), down = q > 0 ? exp(-mu * q * extent) : 0;
    return (Sums){(up + down) * z, (up - down) * z * q, (up + down) * phi2};
}

static void sums_add(Sums *a, Sums b)
{
    a->z += b.z;
    a->n += b.n;
    a->phi2 += b.phi2;
}

Exact exact_ring(const FluxParams *p, int extent, int order)
{
    double *w = malloc(sizeof *w * (size_t)(3 * order));
    const Transfer t = transfer_new(order);
    Sums sum = {0};
    radial_weights(p->eta, p->lambda, 3 * order, w);
    for (int k = 0; k < order; k++) {
        for (int l = 0; l < order; l++)
            for (int m = 0; m < order; m++) {
                const double links = half_weight(k, l) * half_weight(k, m);
                t.z[l * order + m] = links * w[k + l + m];
                t.phi2[l * order + m] = links * w[k + l + m + 1];
            }
        sums_add(&sum, sum_charge(&t, order, k, p->mu, extent));
    }
    free(t.z);
    free(w);
    return (Exact){sum.n / sum.z, sum.phi2 / sum.z};
}

/* The temporal links of a time step, of charge k[0] + k[1] = Q. */
typedef struct State {
    int k[2], f[2]; /* f = |k| + 2 l */
    double weight;
} State;

static int states_of(int q, int order, State *state)
{
    int count = 0;
    for (int k = -order; k <= order; k++)
        for (int f = abs(k); f <= order; f += 2)
            for (int g = abs(q - k); f + g <= order; g += 2)
                state[count++] = (State){
                    {k, q - k},
                    {f, g    },
                    half_weight(k, (f - abs(k)) / 2) *
                        half_weight(q - k, (g - abs(q - k)) / 2)
                };
    return count;
}

/* Sums over both spatial links of a slice, of net flux d >= 0 between the columns, by
 * f of the temporal links at either site, (2 order + 1, 2 order + 1, order + 1). */
typedef struct Slice {
    int order;
    double *z, *phi2;
} Slice;

static size_t slice_at(const Slice *s, int f, int g, int d)
{
    const size_t fs = 2 * (size_t)s->order + 1, ds = (size_t)s->order + 1;
    return ((size_t)f * fs + (size_t)g) * ds + (size_t)d;
}

/* g[b] = the weight of both spatial links, |k| + 2l summed over them being b */
static void spatial_links(int d, int order, double *g)
{
    memset(g, 0, sizeof *g * (size_t)(order + 1));
    for (int k = -order; k <= order; k++)
        for (int f = abs(k); f <= order; f += 2)
            for (int h = abs(k + d); f + h <= order; h += 2)
                g[f + h] += pow(half_weight(k, (f - abs(k)) / 2) *
                                    half_weight(k + d, (h - abs(k + d)) / 2),
                                2);
}

static Slice slice_new(const FluxParams *p, int order)
{
    const int fs = 2 * order + 1;
    const size_t entries = (size_t)(fs * fs) * (size_t)(order + 1);
    Slice s = {order, malloc(2 * entries * sizeof *s.z), NULL};
    double *w = malloc(sizeof *w * (size_t)(2 * order + 2));
    double *g = malloc(sizeof *g * (size_t)(order + 1));
    s.phi2 = s.z + entries;
    radial_weights(p->eta, p->lambda, 2 * order + 2, w);
    for (int d = 0; d <= order; d++) {
        spatial_links(d, order, g);
        for (int i = 0; i < fs * fs; i++) {
            const size_t at = slice_at(&s, i / fs, i % fs, d);
            s.z[at] = s.phi2[at] = 0;
            for (int b = d; b <= order; b += 2) {
                const int f = (i / fs + b) / 2, h = (i % fs + b) / 2;
                s.z[at] += g[b] * w[f] * w[h];
                s.phi2[at] += g[b] * (w[f + 1] * w[h] + w[f] * w[h + 1]) / 2;
            }
        }
    }
    free(g);
    free(w);
    return s;
}

static void fill_transfer(const Slice *s, const State *state, int count, Transfer *t)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++) {
            const State *a = &state[i], *b = &state[j];
            const int d = abs(a->k[0] - b->k[0]);
            const double links = a->weight * b->weight;
            t->z[i * count + j] = t->phi2[i * count + j] = 0;
            if (d > s->order)
                continue;
            const size_t at = slice_at(s, a->f[0] + b->f[0], a->f[1] + b->f[1], d);
            t->z[i * count + j] = links * s->z[at];
            t->phi2[i * count + j] = links * s->phi2[at];
        }
}

Exact exact_two_columns(const FluxParams *p, int extent, int order)
{
    const int most = (2 * order + 1) * (order + 1) * (order + 1);
    State *state = malloc(sizeof *state * (size_t)most);
    const Slice slice = slice_new(p, order);
    Transfer t = transfer_new(states_of(0, order, state));
    Sums sum = {0};
    for (int q = 0; q <= order; q++) {
        const int count = states_of(q, order, state);
        fill_transfer(&slice, state, count, &t);
        sums_add(&sum, sum_charge(&t, count, q, p->mu, extent));
    }
    free(t.z);
    free(slice.z);
    free(state);
    return (Exact){sum.n / sum.z / 2, sum.phi2 / sum.z};
}
