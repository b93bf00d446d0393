/* Laws that hold on every configuration, not only on average.  No false alarms, but for
 * the uniformity of open worms, stated there. */
#include "flux_chain.h"

#include "archrt/flux_data.h"
#include "archrt/worms.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct Case {
    FluxParams params;
    int rank;
    int64_t extent[4];
} Case;

static const Case cases[] = {
    {{4.25, 1, 1},    2, {8, 8}      },
    {{4.01, 1, 1.5},  2, {8, 8}      },
    {{4.25, 1, -1},   2, {2, 5}      },
    {{4.01, 1, 1.05}, 2, {9, 4}      },
    {{2, 1, 1.2},     1, {6}         },
    {{6, 1, 1.2},     3, {4, 3, 2}   },
    {{5, 0, 0.8},     2, {4, 6}      },
    {{-1, 1, 0.5},    2, {3, 3}      },
    {{9, 1, 1},       4, {2, 3, 2, 2}},
};
enum { CASES = sizeof cases / sizeof *cases };

static FluxChain *start(const Case *c, uint32_t stream)
{
    ArchError e = {0};
    FluxChain *chain = flux_new(&c->params, c->rank, c->extent, 7, stream, &e);
    if (chain == NULL || !flux_thermalise(chain, 100, &e))
        fail_msg("%s", e.text);
    return chain;
}

/* sum_nu (k_{x,nu} - k_{x-nu,nu}), by coordinates and not by the runtime's
 * neighbours */
static int divergence(const Lattice *g, const int8_t *k, int32_t x)
{
    int div = 0;
    int32_t stride = g->sites;
    for (int axis = 0; axis < g->rank; axis++) {
        const int32_t extent = (int32_t)g->extent[axis];
        stride /= extent;
        const int32_t at = x / stride % extent;
        const int32_t before = x + ((at + extent - 1) % extent - at) * stride;
        div += k[axis * g->sites + x] - k[axis * g->sites + before];
    }
    return div;
}

/* f_x = sum over the links at x of |k| + 2 l */
static int weight(const Lattice *g, const int8_t *links, int32_t x)
{
    int f = 0;
    int32_t stride = g->sites;
    for (int axis = 0; axis < g->rank; axis++) {
        const int32_t extent = (int32_t)g->extent[axis];
        stride /= extent;
        const int32_t at = x / stride % extent;
        const int32_t link[] = {x, x + ((at + extent - 1) % extent - at) * stride};
        for (int i = 0; i < 2; i++)
            f += abs(links[axis * g->sites + link[i]]) +
                 2 * links[(g->rank + axis) * g->sites + link[i]];
    }
    return f;
}

static void check_flux_is_conserved(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        ArchError e = {0};
        FluxChain *c = start(&cases[i], 0);
        for (int n = 0; n < 300; n++) {
            assert_true(flux_update(c, 1 + n % 3, &e));
            const int8_t *links = flux_links(c);
            for (int32_t x = 0; x < c->lattice.sites; x++) {
                assert_int_equal(divergence(&c->lattice, links, x), 0);
                assert_int_equal(weight(&c->lattice, links, x), 2 * c->field.half[x]);
            }
            const int32_t half = c->lattice.rank * c->lattice.sites;
            for (int32_t l = half; l < 2 * half; l++)
                assert_true(links[l] >= 0);
        }
        flux_free(c);
    }
}

/* The charge Q of every time slice is the same, and n = Q / (spatial sites). */
static void check_density_is_charge_per_space(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        ArchError e = {0};
        FluxChain *c = start(&cases[i], 1);
        const int32_t space = (int32_t)(c->lattice.sites / c->lattice.extent[0]);
        for (int n = 0; n < 100; n++) {
            assert_true(flux_advance(c, 1, &e));
            for (int t = 0; t < c->lattice.extent[0]; t++) {
                int q = 0;
                for (int32_t x = 0; x < space; x++)
                    q += flux_links(c)[t * space + x];
                assert_true(fabs(flux_n(c) - (double)q / space) < 1e-14);
            }
        }
        flux_free(c);
    }
}

/* Exactly two violations per worm, +1 and -1, never on one site; l is untouched and the
 * chain as well. */
static void check_open_worms(void **state)
{
    (void)state;
    static int8_t open[1024], before[1024];
    for (int i = 0; i < CASES; i++) {
        ArchError e = {0};
        FluxChain *c = start(&cases[i], 2);
        const Lattice *g = &c->lattice;
        const int32_t half = g->rank * g->sites;
        Rng rng = rng_init(7, RNG_WORMS, (uint32_t)i, 0);
        for (int n = 0; n < 200; n++) {
            const int worms = n % (g->sites / 4 + 1);
            int plus = 0, minus = 0;
            assert_true(flux_advance(c, 1, &e));
            memcpy(before, flux_links(c), (size_t)(2 * half));
            assert_true(worms_insert(c, worms, &rng, open, &e));
            assert_memory_equal(before, flux_links(c), 2 * half);
            assert_memory_equal(before + half, open + half, half);
            for (int32_t x = 0; x < g->sites; x++) {
                const int div = divergence(g, open, x);
                assert_in_range(div + 1, 0, 2);
                plus += div == 1;
                minus += div == -1;
            }
            assert_int_equal(plus, worms);
            assert_int_equal(minus, worms);
        }
        flux_free(c);
    }
}

/* By translation each end of a single worm is as likely on any of 16 sites.  chi^2 of
 * 15 degrees of freedom is beyond 45 with p < 1e-4; the seed is fixed. */
static void check_ends_of_worms_are_uniform(void **state)
{
    (void)state;
    enum { WORMS = 20000 };
    const Case c = {
        {4.25, 1, 1},
        2, {4,    4    }
    };
    int8_t open[64];
    int count[2][16] = {{0}};
    ArchError e = {0};
    FluxChain *chain = start(&c, 3);
    Rng rng = rng_init(7, RNG_WORMS, 100, 0);
    for (int n = 0; n < WORMS; n++) {
        assert_true(flux_advance(chain, 1, &e));
        assert_true(worms_insert(chain, 1, &rng, open, &e));
        for (int32_t x = 0; x < 16; x++) {
            const int div = divergence(&chain->lattice, open, x);
            if (div != 0)
                count[div > 0][x]++;
        }
    }
    for (int sign = 0; sign < 2; sign++) {
        double chi2 = 0;
        for (int x = 0; x < 16; x++) {
            const double expected = WORMS / 16.0;
            chi2 += pow(count[sign][x] - expected, 2) / expected;
        }
        if (chi2 > 45)
            fail_msg("chi^2 = %g for the ends of sign %d", chi2, sign);
    }
    flux_free(chain);
}

static FluxDataSpec spec_of(const FluxLattice *lattice, const FluxParams *point)
{
    static const int worms[] = {0, 3, 1};
    return (FluxDataSpec){.lattices = 2,
                          .lattice = lattice,
                          .points = 2,
                          .point = point,
                          .counts = 3,
                          .worms = worms,
                          .samples = 40,
                          .seed = 5,
                          .thermal = 20,
                          .between = 2};
}

/* The same bytes on any number of threads; labels and sets as asked for. */
static void check_data_do_not_depend_on_threads(void **state)
{
    (void)state;
    const FluxLattice lattice[] = {
        {2, {4, 4}},
        {2, {6, 3}}
    };
    const FluxParams point[] = {
        {4.25, 1, 1  },
        {4.01, 1, 1.5}
    };
    FluxDataSpec spec = spec_of(lattice, point);
    Dataset one, many;
    ArchError e = {0};
    spec.samples = 400;
    omp_set_num_threads(1);
    assert_true(flux_data_make(&spec, &one, &e));
    omp_set_num_threads(5);
    assert_true(flux_data_make(&spec, &many, &e));
    for (int i = 0; i < 2; i++) {
        const DatasetGroup *a = &one.group[i], *b = &many.group[i];
        const size_t n = (size_t)a->samples;
        assert_int_equal(n, 2 * 3 * 400);
        assert_memory_equal(a->x, b->x, n * 4 * (size_t)dataset_sites(a));
        assert_memory_equal(a->obs, b->obs, n * 2 * sizeof *a->obs);
        for (size_t row = 0; row < n; row++) {
            assert_int_equal(a->set[row], row / 400);
            assert_true(a->y[row] == one.set[a->set[row]].worms);
        }
    }
    dataset_release(&one);
    dataset_release(&many);
}

/* Every label of a data set is that of its configuration. */
static void check_labels(void **state)
{
    (void)state;
    const FluxLattice lattice[] = {
        {2, {4, 4}},
        {2, {6, 3}}
    };
    const FluxParams point[] = {
        {4.25, 1, 1  },
        {4.01, 1, 1.5}
    };
    FluxDataSpec spec = spec_of(lattice, point);
    Dataset d;
    ArchError e = {0};
    assert_true(flux_data_make(&spec, &d, &e));
    for (int i = 0; i < 2; i++) {
        const DatasetGroup *g = &d.group[i];
        Lattice box;
        assert_true(lattice_init(&box, g->rank, g->extent, 2, &e));
        for (int64_t row = 0; row < g->samples; row++) {
            const int8_t *x = (int8_t *)g->x + row * 4 * box.sites;
            int violations = 0;
            for (int32_t site = 0; site < box.sites; site++)
                violations += abs(divergence(&box, x, site));
            assert_true(g->y[row] == violations / 2.0);
        }
        lattice_release(&box);
    }
    dataset_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_flux_is_conserved),
        cmocka_unit_test(check_density_is_charge_per_space),
        cmocka_unit_test(check_open_worms),
        cmocka_unit_test(check_ends_of_worms_are_uniform),
        cmocka_unit_test(check_data_do_not_depend_on_threads),
        cmocka_unit_test(check_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
