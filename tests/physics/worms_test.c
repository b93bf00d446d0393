/* Worms on top of configurations: their ways, their lengths, and what a worm that
 * closed leaves behind.  False alarms: two chi^2 at p = 1e-3, 6 pulls at 4 sigma and 3
 * means at 5, less than 0.3 % of all seeds; the seed is fixed. */
#include "flux_chain.h"

#include "archrt/flux_data.h"
#include "archrt/stats.h"
#include "exact.h"
#include "pulls.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 300 };

static Dataset make(FluxDataSpec s)
{
    Dataset d;
    ArchError e;
    s.lattices = s.points = 1;
    s.seed = 3;
    if (!flux_data_make(&s, &d, &e))
        fail_msg("%s", e.text);
    return d;
}

/* The flux on the link a step went along, by its sign at the tail. */
static void undo(const Lattice *g, int8_t *k, const int32_t *step, int64_t steps,
                 int sign)
{
    for (int64_t i = 0; i + 1 < steps; i++) {
        const int32_t from = step[2 * i], way = step[2 * i + 1],
                      to = g->neighbour[from * 2 * g->rank + way];
        assert_int_equal(to, step[2 * i + 2]);
        if (way < g->rank)
            k[way * g->sites + from] += (int8_t)sign;
        else
            k[(way - g->rank) * g->sites + to] -= (int8_t)sign;
    }
}

static int divergence(const Lattice *g, const int8_t *k, int32_t x)
{
    int div = 0;
    for (int a = 0; a < g->rank; a++)
        div += k[a * g->sites + x] -
               k[a * g->sites + g->neighbour[x * 2 * g->rank + g->rank + a]];
    return div;
}

/* Taking every worm back along its way leaves a closed configuration of density n. */
static void check_paths_lead_back(void **state)
{
    (void)state;
    const int worms[] = {0, 1, 3};
    const FluxLattice box = {
        2, {4, 3}
    };
    const FluxParams p = {4.25, 1, 1};
    Dataset d = make((FluxDataSpec){.lattice = &box,
                                    .point = &p,
                                    .worms = worms,
                                    .counts = 3,
                                    .paths = true,
                                    .samples = SAMPLES,
                                    .thermal = 100,
                                    .between = 1});
    const DatasetGroup *g = &d.group[0];
    const DatasetPaths *all = &g->paths;
    Lattice l;
    ArchError e;
    assert_true(lattice_init(&l, 2, box.extent, 2, &e));
    for (int64_t i = 0; i < g->samples; i++) {
        int8_t *x = (int8_t *)g->x + i * 4 * l.sites;
        assert_int_equal(all->worm[i + 1] - all->worm[i], worms[g->set[i]]);
        for (int64_t w = all->worm[i + 1]; w-- > all->worm[i];) {
            const int32_t *step = all->step + 2 * all->begin[w];
            const int64_t steps = all->begin[w + 1] - all->begin[w];
            const int div = divergence(&l, x, step[0]);
            assert_int_equal(abs(div), 1);
            undo(&l, x, step, steps, -div);
        }
        int sum = 0;
        for (int32_t s = 0; s < l.sites; s++) {
            assert_int_equal(divergence(&l, x, s), 0);
            sum += x[s];
        }
        assert_true(fabs(g->obs[2 * i] - (double)sum / l.sites) < 1e-14);
    }
    lattice_release(&l);
    dataset_release(&d);
}

/* Steps that single worms took on a lattice where they soon find a place to stop. */
static void lengths(WormsLength length, double steps, double *mean, int64_t *least)
{
    const int64_t extent[] = {16, 16};
    const FluxParams p = {4.25, 1, 1.5};
    ArchError e;
    WormsPaths paths = {0};
    const WormsSpec s = {1, length, steps, &paths};
    static int8_t links[4 * 256];
    Rng rng = rng_init(11, RNG_WORMS, 0, 0);
    FluxChain *c = flux_new(&p, 2, extent, 1, 0, &e);
    assert_true(flux_thermalise(c, 100, &e));
    *least = INT64_MAX;
    for (int i = 0; i < 4000; i++) {
        assert_true(worms_open(c, &s, &rng, links, &e));
        const int64_t taken = paths.end[i] - (i > 0 ? paths.end[i - 1] : 0) - 1;
        *least = taken < *least ? taken : *least;
    }
    *mean = (double)(paths.steps - 4000) / 4000;
    worms_paths_release(&paths);
    flux_free(c);
}

/* A worm that stands on its tail goes on, at most a few steps: the means are m or a
 * little more.  The errors are those of 4000 independent m. */
static void check_lengths(void **state)
{
    (void)state;
    const struct {
        WormsLength length;
        double steps, mean, sd;
        int64_t least;
    } c[] = {
        {WORMS_FIXED,     20, 20,    0,    20},
        {WORMS_UNIFORM,   0,  128.5, 73.9, 1 },
        {WORMS_UNIFORM,   50, 25.5,  14.4, 1 },
        {WORMS_GEOMETRIC, 30, 30,    29.5, 1 },
        {WORMS_FIXED,     1,  1,     0,    1 },
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        double mean;
        int64_t least;
        lengths(c[i].length, c[i].steps, &mean, &least);
        const double error = c[i].sd / sqrt(4000);
        printf("    length %g: mean %g of %g, least %lld\n", c[i].steps, mean,
               c[i].mean, (long long)least);
        assert_int_equal(least, c[i].least);
        assert_true(mean >= c[i].mean - 5 * error &&
                    mean < c[i].mean + 0.5 + 5 * error);
    }
}

/* One worm more keeps the distribution: closed samples have the exact n and |phi|^2. */
static void check_closed_worms_keep_the_distribution(void **state)
{
    (void)state;
    const int worms[] = {0};
    const FluxLattice ring[] = {
        {1, {2}},
        {1, {3}},
        {1, {4}}
    };
    const FluxParams p = {4.01, 1, 1.05};
    Pulls all_n = {0}, all_phi2 = {0};
    for (int i = 0; i < 3; i++) {
        Dataset d = make((FluxDataSpec){.lattice = &ring[i],
                                        .point = &p,
                                        .worms = worms,
                                        .counts = 1,
                                        .detect = true,
                                        .samples = 300000,
                                        .thermal = 200,
                                        .between = 5});
        Stats n, phi2;
        const Exact exact = exact_ring(&p, (int)ring[i].extent[0], 24);
        stats_gamma(d.group[0].obs, 300000, 2, &n);
        stats_gamma(d.group[0].obs + 1, 300000, 2, &phi2);
        pulls_add(&all_n, "n", n.mean, n.error, exact.n);
        pulls_add(&all_phi2, "|phi|^2", phi2.mean, phi2.error, exact.phi2);
        dataset_release(&d);
    }
    assert_true(pulls_pass(&all_n, "n under closed worms"));
    assert_true(pulls_pass(&all_phi2, "|phi|^2 under closed worms"));
}

/* Worms that close do so where they began, they change the configuration, and the
 * labels are those of what is stored. */
static void check_closed_worms_close(void **state)
{
    (void)state;
    const int64_t extent[] = {4, 4};
    const FluxParams p = {4.25, 1, 1.25};
    ArchError e;
    WormsPaths paths = {0};
    int8_t links[64], *k = links;
    WormsClosed to = {.links = links};
    int changed = 0;
    Rng rng = rng_init(12, RNG_WORMS, 0, 0);
    FluxChain *c = flux_new(&p, 2, extent, 1, 0, &e);
    assert_true(flux_thermalise(c, 100, &e));
    for (int i = 0; i < 400; i++) {
        assert_true(worms_close(c, &paths, &rng, &to, &e));
        const int64_t first = i > 0 ? paths.end[i - 1] : 0;
        assert_int_equal(paths.step[2 * first], paths.step[2 * paths.end[i] - 2]);
        changed += memcmp(links, flux_links(c), 64) != 0;
        int sum = 0;
        for (int32_t x = 0; x < 16; x++) {
            assert_int_equal(divergence(&c->lattice, k, x), 0);
            sum += k[x];
        }
        assert_true(to.n == sum / 16.0);
    }
    assert_true(changed > 100);
    worms_paths_release(&paths);
    flux_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_paths_lead_back),
        cmocka_unit_test(check_lengths),
        cmocka_unit_test(check_closed_worms_close),
        cmocka_unit_test(check_closed_worms_keep_the_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
