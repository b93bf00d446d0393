#include "exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The trapezoidal rule after u = exp(t - exp(-t)) converges double exponentially. */
double exact_integral(double eta, double lambda, int p)
{
    const double step = 1.0 / 128;
    double sum = 0;
    for (double t = -5; t < 9; t += step) {
        const double log_u = t - exp(-t), u = exp(log_u);
        sum += exp((p + 1) * log_u - eta * u - lambda * u * u) * (1 + exp(-t));
    }
    return sum * step;
}

enum { KS = 16, LS = 20, PS = 2 * KS + 2 * LS + 2 }; /* where sums are cut */

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

/* c = a b */
static void multiply(const double *a, const double *b, double *c, int size)
{
    memset(c, 0, sizeof *c * (size_t)size * (size_t)size);
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++)
            for (int k = 0; k < size; k++)
                c[i * size + k] += a[i * size + j] * b[j * size + k];
}

Exact exact_ring(const FluxParams *p, int extent)
{
    double w[PS], z = 0, n = 0, phi2 = 0;
    static double m[LS * LS], insert[LS * LS], power[LS * LS], next[LS * LS];
    for (int i = 0; i < PS; i++)
        w[i] = exact_integral(p->eta, p->lambda, i) / 2;
    for (int k = -KS; k <= KS; k++) {
        for (int i = 0; i < LS * LS; i++) {
            const int l = i / LS, r = i % LS;
            const double links = half_weight(k, l) * half_weight(k, r);
            m[i] = w[abs(k) + l + r] * links;
            insert[i] = w[abs(k) + l + r + 1] * links;
            power[i] = l == r;
        }
        for (int t = 1; t < extent; t++) {
            multiply(power, m, next, LS);
            memcpy(power, next, sizeof power);
        }
        const double factor = exp(p->mu * k * extent);
        z += factor * trace(power, m, LS);
        n += factor * trace(power, m, LS) * k;
        phi2 += factor * trace(power, insert, LS);
    }
    return (Exact){n / z, phi2 / z};
}

/* The states of the two temporal links of a time step, of charge k0 + k1 = Q. */
typedef struct State {
    int k[2], l[2];
} State;

enum { K2 = 12, L2 = 5, A2 = 2 * (K2 + 2 * (L2 - 1)) + 1, B2 = 44, D2 = 2 * K2 };

/* Both spatial links between the columns, of net flux d: the weight by their f = B. */
static void spatial_links(double g[2 * D2 + 1][B2])
{
    memset(g, 0, sizeof(double) * (2 * D2 + 1) * B2);
    for (int d = -D2; d <= D2; d++)
        for (int k = -K2 - D2; k <= K2 + D2; k++)
            for (int i = 0; i < L2 * L2; i++) {
                const int l = i / L2, m = i % L2, f = abs(k) + abs(k + d) + 2 * (l + m);
                if (f < B2)
                    g[d + D2][f] += pow(half_weight(k, l) * half_weight(k + d, m), 2);
            }
}

/* Sum over the spatial links of a slice, by f of the temporal ones at either site and
 * d. */
typedef struct Slice {
    double z[A2][A2][2 * D2 + 1], phi2[A2][A2][2 * D2 + 1];
} Slice;

static void sum_slice(const FluxParams *p, Slice *s)
{
    static double g[2 * D2 + 1][B2];
    double w[(A2 + B2) / 2 + 2];
    spatial_links(g);
    for (int i = 0; i < (A2 + B2) / 2 + 2; i++)
        w[i] = exact_integral(p->eta, p->lambda, i) / 2;
    memset(s, 0, sizeof *s);
    for (int a = 0; a < A2; a++)
        for (int b = a % 2; b < A2; b += 2)
            for (int d = -D2; d <= D2; d++)
                for (int f = a % 2; f < B2; f += 2) {
                    const int i = (a + f) / 2, j = (b + f) / 2;
                    const double h = g[d + D2][f];
                    s->z[a][b][d + D2] += h * w[i] * w[j];
                    s->phi2[a][b][d + D2] +=
                        h * (w[i + 1] * w[j] + w[i] * w[j + 1]) / 2;
                }
}

static int states_of(int q, State *state)
{
    int count = 0;
    for (int k = -K2; k <= K2; k++)
        for (int i = 0; abs(q - k) <= K2 && i < L2 * L2; i++)
            state[count++] = (State){
                {k,      q - k },
                {i / L2, i % L2}
            };
    return count;
}

static void transfer(const Slice *s, const State *state, int count, double *z,
                     double *phi2)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++) {
            const State *a = &state[i], *b = &state[j];
            int f[2];
            double links = 1;
            for (int x = 0; x < 2; x++) {
                f[x] = abs(a->k[x]) + 2 * a->l[x] + abs(b->k[x]) + 2 * b->l[x];
                links *= half_weight(a->k[x], a->l[x]) * half_weight(b->k[x], b->l[x]);
            }
            const int d = a->k[0] - b->k[0];
            z[i * count + j] = links * s->z[f[0]][f[1]][d + D2];
            phi2[i * count + j] = links * s->phi2[f[0]][f[1]][d + D2];
        }
}

/* out = m^n for n >= 1; `spare` is overwritten. */
static void power(const double *m, int n, int size, double *out, double *spare)
{
    const size_t bytes = sizeof *m * (size_t)size * (size_t)size;
    memcpy(out, m, bytes);
    for (int i = 1; i < n; i++) {
        multiply(out, m, spare, size);
        memcpy(out, spare, bytes);
    }
}

Exact exact_two_columns(const FluxParams *p, int extent)
{
    enum { STATES = (2 * K2 + 1) * L2 * L2 };
    const size_t bytes = sizeof(double) * STATES * STATES;
    Slice *slice = malloc(sizeof *slice);
    State *state = malloc(sizeof *state * STATES);
    double *z = malloc(bytes), *phi2 = malloc(bytes), *rest = malloc(bytes),
           *spare = malloc(bytes);
    double sum_z = 0, sum_n = 0, sum_phi2 = 0;
    sum_slice(p, slice);
    for (int q = -2 * K2; q <= 2 * K2; q++) {
        const int count = states_of(q, state);
        const double factor = exp(extent * p->mu * q);
        transfer(slice, state, count, z, phi2);
        power(z, extent - 1, count, rest, spare);
        sum_z += factor * trace(rest, z, count);
        sum_n += factor * trace(rest, z, count) * q / 2;
        sum_phi2 += factor * trace(rest, phi2, count);
    }
    free(slice);
    free(state);
    free(z);
    free(phi2);
    free(rest);
    free(spare);
    return (Exact){sum_n / sum_z, sum_phi2 / sum_z};
}

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
