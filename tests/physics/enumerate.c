#include "enumerate.h"

#include "radial.h"

#include <math.h>
#include <stdlib.h>

/* Two links join the sites of each of four pairs, there and back around the lattice.
 * Conservation leaves one net flux j that goes round the square of pairs,
 *
 *     00 -> 10 -> 11 -> 01 -> 00,
 *
 * and a free flux in each pair, that of its link back: the link there has k = back + j,
 * or back - j where the round goes against the pair's direction. */
enum { PAIRS = 4 };
static const struct {
    int site[2], round;
    bool time;
} pairs[PAIRS] = {
    {{0, 2}, +1, true }, /* 00 to 10; a site is 2 t + x */
    {{1, 3}, -1, true }, /* 01 to 11 */
    {{0, 1}, -1, false}, /* 00 to 01 */
    {{2, 3}, +1, false}, /* 10 to 11 */
};

typedef struct Walk {
    Enumeration *sums;
    int j;
    double link[ENUMERATE_MAX + 1][ENUMERATE_MAX + 1]; /* 1 / ((|k|+l)! l!) */
    double w[ENUMERATE_MAX + 2], r[ENUMERATE_MAX + 1]; /* W(2p) / W(0) and its ratios */
} Walk;

/* Of the pairs so far. */
typedef struct Part {
    double weight;
    int order, charge, f[4];
} Part;

static void count_configuration(const Walk *walk, const Part *p)
{
    Enumeration *e = walk->sums;
    double weight = p->weight, phi2 = 0;
    for (int x = 0; x < 4; x++) {
        weight *= walk->w[p->f[x] / 2];
        phi2 += walk->r[p->f[x] / 2] / 4;
    }
    e->configurations++;
    e->z[p->order][p->charge + ENUMERATE_MAX] += weight;
    e->phi2[p->order][p->charge + ENUMERATE_MAX] += weight * phi2;
}

/* All (k, l) of the links of this pair and of those behind it. */
static void walk_pair(const Walk *walk, int pair, const Part *before)
{
    if (pair == PAIRS) {
        count_configuration(walk, before);
        return;
    }
    const int room = walk->sums->order - before->order;
    for (int back = -room; back <= room; back++) {
        const int there = back + pairs[pair].round * walk->j;
        const int least = abs(there) + abs(back);
        for (int l = 0; least + 2 * l <= room; l++)
            for (int m = 0; least + 2 * (l + m) <= room; m++) {
                const int f = least + 2 * (l + m);
                Part p = *before;
                p.weight *= walk->link[abs(there)][l] * walk->link[abs(back)][m];
                p.order += f;
                p.charge += pairs[pair].time ? there + back : 0;
                p.f[pairs[pair].site[0]] += f;
                p.f[pairs[pair].site[1]] += f;
                walk_pair(walk, pair + 1, &p);
            }
    }
}

Enumeration *enumerate_new(double eta, double lambda, int order)
{
    Walk *walk = malloc(sizeof *walk);
    walk->sums = calloc(1, sizeof *walk->sums);
    walk->sums->order = order;
    radial_weights(eta, lambda, ENUMERATE_MAX + 2, walk->w);
    for (int p = 0; p <= ENUMERATE_MAX; p++)
        walk->r[p] = walk->w[p + 1] / walk->w[p];
    for (int k = 0; k <= ENUMERATE_MAX; k++)
        for (int l = 0; l <= ENUMERATE_MAX; l++)
            walk->link[k][l] = exp(-lgamma(k + l + 1.0) - lgamma(l + 1.0));
    for (walk->j = -order; walk->j <= order; walk->j++)
        walk_pair(walk, 0, &(Part){.weight = 1});
    Enumeration *e = walk->sums;
    free(walk);
    return e;
}

/* K = T Q = 2 Q and n = Q / 2: n is K / 4. */
Exact enumerate_exact(const Enumeration *e, double mu, int order)
{
    double z = 0, n = 0, phi2 = 0;
    for (int m = 0; m <= order; m++)
        for (int k = -m; k <= m; k++) {
            const double factor = exp(mu * k);
            z += factor * e->z[m][k + ENUMERATE_MAX];
            n += factor * e->z[m][k + ENUMERATE_MAX] * k / 4;
            phi2 += factor * e->phi2[m][k + ENUMERATE_MAX];
        }
    return (Exact){n / z, phi2 / z};
}
