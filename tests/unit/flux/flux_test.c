/* Chains, worms and lattices as a program uses them: what repeats, and what is refused. */
#include "archrt/flux.h"
#include "archrt/flux_data.h"
#include "archrt/lattice.h"
#include "archrt/worms.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const FluxParams usual = {4.25, 1, 1};

static void contains(const ArchError *e, ArchExit code, const char *part)
{
    assert_int_equal(e->code, code);
    if (strstr(e->text, part) == NULL)
        fail_msg("'%s' is not in: %s", part, e->text);
    assert_null(strchr(e->text, '\n'));
}

static void refused(FluxParams p, int rank, const int64_t *extent, const char *part)
{
    ArchError e = {0};
    assert_null(flux_new(&p, rank, extent, 1, 0, &e));
    contains(&e, ARCH_EXIT_USAGE, part);
}

static void impossible_parameters_are_refused(void **state)
{
    (void)state;
    const int64_t box[] = {8, 8, 8, 8, 8}, thin[] = {8, 1}, none[] = {8, -3},
                  huge[] = {1 << 20, 1 << 20};
    refused((FluxParams){4, -0.1, 1}, 2, box, "lambda = -0.1");
    refused((FluxParams){4, 0, 1}, 2, box, "ground state only for eta >");
    refused((FluxParams){5.08, 0, 1}, 2, box, "2 cosh mu = 5.08616");
    refused((FluxParams){NAN, 1, 1}, 2, box, "finite");
    refused((FluxParams){4, INFINITY, 1}, 2, box, "finite");
    refused((FluxParams){4, 1, -INFINITY}, 2, box, "finite");
    refused((FluxParams){-1e200, 1e-200, 1}, 2, box, "double precision");
    refused(usual, 2, thin, "lattice 8x1: every extent must be at least 2");
    refused(usual, 2, none, "lattice 8x-3: every extent");
    refused(usual, 2, huge, "more than");
    refused(usual, 0, box, "1 to 4 axes, not 0");
    refused(usual, 5, box, "1 to 4 axes, not 5");
}

static void an_overflow_names_parameters_and_site(void **state)
{
    (void)state;
    const int64_t box[] = {4, 4};
    const FluxParams dense = {4, 0.001, 2};
    ArchError e = {0};
    FluxChain *c = flux_new(&dense, 2, box, 1, 0, &e);
    assert_non_null(c);
    assert_false(flux_thermalise(c, FLUX_THERMAL, &e));
    contains(&e, ARCH_EXIT_USAGE,
             "lattice 4x4, eta 4, lambda 0.001, mu 2: a flux at site (");
    flux_free(c);
}

static void chains_repeat_and_differ_by_stream(void **state)
{
    (void)state;
    const int64_t box[] = {6, 5};
    ArchError e;
    FluxChain *c[] = {
        flux_new(&usual, 2, box, 1, 0, &e), flux_new(&usual, 2, box, 1, 0, &e),
        flux_new(&usual, 2, box, 1, 1, &e), flux_new(&usual, 2, box, 2, 0, &e)};
    for (int i = 0; i < 4; i++) {
        assert_true(flux_thermalise(c[i], 100, &e));
        assert_true(flux_advance(c[i], 10, &e));
    }
    assert_memory_equal(flux_links(c[0]), flux_links(c[1]), 4 * 30);
    assert_memory_not_equal(flux_links(c[0]), flux_links(c[2]), 4 * 30);
    assert_memory_not_equal(flux_links(c[0]), flux_links(c[3]), 4 * 30);
    for (int i = 0; i < 4; i++)
        flux_free(c[i]);
}

/* Chains that advance together do what each does alone, also if they are more than run
 * at once, in one dimension and in three. */
static void together_is_as_alone(void **state)
{
    (void)state;
    enum { CHAINS = 2 * FLUX_LANES + 1 };
    const int64_t box[] = {4, 3, 2};
    ArchError e;
    for (int rank = 1; rank <= 3; rank++) {
        FluxChain *all[CHAINS];
        all[0] = flux_new(&usual, rank, box, 1, 0, &e);
        for (uint32_t i = 1; i < CHAINS; i++)
            all[i] = flux_twin(all[0], i, &e);
        assert_true(flux_thermalise_all(all, CHAINS, 40, &e));
        assert_true(flux_advance_all(all, CHAINS, 7, &e));
        for (uint32_t i = 0; i < CHAINS; i++) {
            FluxChain *alone = flux_new(&usual, rank, box, 1, i, &e);
            assert_true(flux_thermalise(alone, 40, &e));
            assert_true(flux_advance(alone, 7, &e));
            int64_t sites = 1;
            for (int a = 0; a < rank; a++)
                sites *= box[a];
            assert_memory_equal(flux_links(alone), flux_links(all[i]),
                                2 * rank * sites);
            assert_int_equal(flux_proposals(alone), flux_proposals(all[i]));
            assert_int_equal(flux_worms(alone), flux_worms(all[i]));
            flux_free(alone);
        }
        for (int i = CHAINS; i-- > 0;)
            flux_free(all[i]);
    }
}

/* Neighbours come back; with two sites forward and backward are the same site. */
static void neighbours_are_periodic(void **state)
{
    (void)state;
    const int64_t box[] = {4, 3, 2};
    ArchError e;
    Lattice l;
    assert_true(lattice_init(&l, 3, box, 2, &e));
    for (int32_t x = 0; x < l.sites; x++) {
        int64_t at[ARCH_AXES_MAX], to[ARCH_AXES_MAX];
        lattice_position(&l, x, at);
        for (int axis = 0; axis < 3; axis++) {
            const int32_t next = l.neighbour[x * 6 + axis];
            assert_int_equal(l.neighbour[next * 6 + 3 + axis], x);
            lattice_position(&l, next, to);
            for (int i = 0; i < 3; i++)
                assert_int_equal(to[i], i == axis ? (at[i] + 1) % box[i] : at[i]);
        }
        assert_int_equal(l.neighbour[x * 6 + 2], l.neighbour[x * 6 + 5]);
    }
    lattice_release(&l);
}

static void impossible_worms_are_refused(void **state)
{
    (void)state;
    const int64_t box[] = {4, 4};
    const FluxParams stiff = {1e7, 1, 0};
    int8_t links[64];
    ArchError e = {0};
    Rng rng = rng_init(1, RNG_WORMS, 0, 0);
    FluxChain *c = flux_new(&usual, 2, box, 1, 0, &e);
    assert_true(worms_insert(c, 4, &rng, links, &e));
    assert_false(worms_insert(c, 5, &rng, links, &e));
    contains(&e, ARCH_EXIT_USAGE, "5 open worms on 16 sites");
    assert_false(worms_insert(c, -1, &rng, links, &e));
    flux_free(c);
    c = flux_new(&stiff, 2, box, 1, 0, &e);
    assert_false(worms_insert(c, 2, &rng, links, &e));
    contains(&e, ARCH_EXIT_USAGE,
             "eta 1e+07, lambda 1, mu 0: no place for 2 open worms");
    flux_free(c);
}

static void impossible_data_are_refused(void **state)
{
    (void)state;
    const FluxLattice twice[] =
        {
            {2, {4, 4}},
            {2, {4, 4}}
    },
                      large = {2, {4096, 4096}};
    const FluxParams same[] = {usual, usual};
    const int worms[] = {0, 5};
    FluxDataSpec s = {.lattices = 2,
                      .lattice = twice,
                      .points = 1,
                      .point = &usual,
                      .samples = 10,
                      .thermal = 10,
                      .between = 1};
    Dataset d;
    ArchError e = {0};
    assert_false(flux_data_make(&s, &d, &e));
    contains(&e, ARCH_EXIT_USAGE, "lattice 4x4 is given twice");
    s.lattices = 1, s.points = 2, s.point = same;
    assert_false(flux_data_make(&s, &d, &e));
    contains(&e, ARCH_EXIT_USAGE, "eta 4.25, lambda 1, mu 1 is given twice");
    s.points = 1, s.worms = worms, s.counts = 2;
    assert_false(flux_data_make(&s, &d, &e));
    contains(&e, ARCH_EXIT_USAGE, "lattice 4x4: 5 open worms asked for");
    s.worms = NULL, s.lattice = &large, s.samples = 1000000000;
    assert_false(flux_data_make(&s, &d, &e));
    contains(&e, ARCH_EXIT_USAGE, "GB are needed");
    s.samples = 0;
    assert_false(flux_data_make(&s, &d, &e));
    contains(&e, ARCH_EXIT_USAGE, "at least one sample");
}

/* A failure inside a chain ends the others too and leaves nothing behind. */
static void a_failing_chain_is_reported(void **state)
{
    (void)state;
    const FluxLattice box = {
        2, {4, 4}
    };
    const FluxParams point[] = {
        {4.25, 1,     1},
        {4,    0.001, 2},
        {4.25, 1,     0}
    };
    const FluxDataSpec s = {.lattices = 1,
                            .lattice = &box,
                            .points = 3,
                            .point = point,
                            .samples = 5000,
                            .thermal = 1000,
                            .between = 20};
    Dataset d;
    ArchError e = {0};
    assert_false(flux_data_make(&s, &d, &e));
    contains(&e, ARCH_EXIT_USAGE, "lambda 0.001, mu 2: a flux at site");
    assert_null(d.group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_parameters_are_refused),
        cmocka_unit_test(an_overflow_names_parameters_and_site),
        cmocka_unit_test(chains_repeat_and_differ_by_stream),
        cmocka_unit_test(together_is_as_alone),
        cmocka_unit_test(neighbours_are_periodic),
        cmocka_unit_test(impossible_worms_are_refused),
        cmocka_unit_test(impossible_data_are_refused),
        cmocka_unit_test(a_failing_chain_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
