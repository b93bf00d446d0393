/* What the runtime computes in masks and tables, step by step as the formulas have it: every
 * flux and every random number must be the same. */
#include "flux_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef struct Case {
    FluxParams params;
    int rank;
    int64_t extent[ARCH_AXES_MAX];
} Case;

static const Case cases[] = {
    {{4.01, 1, 1.05}, 2, {60, 4}     },
    {{4.25, 1, 1},    2, {2, 2}      },
    {{4.01, 1, -1.5}, 2, {3, 8}      },
    {{4, 0.05, 1.2},  2, {4, 4}      },
    {{5, 0, 0.8},     2, {4, 6}      },
    {{-1, 1, 0.5},    2, {3, 3}      },
    {{2, 1, 1.2},     1, {9}         },
    {{2, 1, 1.2},     1, {2}         },
    {{6, 1, 1.2},     3, {4, 3, 2}   },
    {{9, 1, 1},       4, {2, 3, 2, 2}},
};

/* One proposal of the head; false if the worm closed. */
static bool lead(FluxChain *c, FluxWorm *w)
{
    const Lattice *g = &c->lattice;
    const uint32_t ways = 2 * (uint32_t)g->rank;
    const bool home = w->head == w->tail;
    const uint64_t product = (uint64_t)flux_draw(&c->draws) * (home ? 2 * ways : ways);
    FluxMove move = {(uint32_t)(product >> 32), FLUX_PLAIN, (uint32_t)product};
    int16_t *half = &c->field.half[w->head];
    if (move.way >= ways) {
        const bool closed = move.draw < c->table.close[*half - 1];
        *half = (int16_t)(*half - closed);
        return !closed;
    }
    if (home)
        move.factor = FLUX_OFF_TAIL;
    else if (g->neighbour[(uint32_t)w->head * ways + move.way] == w->tail)
        move.factor = FLUX_TO_TAIL;
    flux_step(g, &c->table, &c->field, w, move);
    assert_false(w->overflow);
    return true;
}

static void one_worm(FluxChain *c)
{
    const int32_t x = (int32_t)flux_below(&c->draws, (uint32_t)c->lattice.sites);
    const uint64_t product = (uint64_t)flux_draw(&c->draws) * 2;
    FluxWorm w = {.head = x, .tail = x, .sign = product >> 32 ? 1 : -1};
    c->proposals++;
    if ((uint32_t)product >= c->table.open[c->field.half[x]])
        return;
    c->field.half[x]++;
    do
        c->proposals++;
    while (lead(c, &w));
}

/* l of the link x -> y by one up or down, with the smaller of 1 and
 *     up:    r_{F_x/2} r_{F_y/2} / ((|k| + l + 1) (l + 1))
 *     down:  (|k| + l) l / (r_{F_x/2 - 1} r_{F_y/2 - 1}) */
static void one_l(FluxChain *c, int8_t k, int8_t *l, int16_t *x, int16_t *y)
{
    const double *r = c->table.r;
    const uint32_t draw = flux_draw(&c->draws);
    const double u = (draw & 0x7fffffff) * 0x1p-31;
    if (draw >> 31 && u < r[*x] * r[*y] / ((abs(k) + *l + 1) * (*l + 1))) {
        ++*l, ++*x, ++*y;
    } else if (!(draw >> 31) && *l > 0 &&
               u < (abs(k) + *l) * *l / (r[*x - 1] * r[*y - 1])) {
        --*l, --*x, --*y;
    }
}

static void sweep_l(FluxChain *c)
{
    const Lattice *g = &c->lattice;
    for (int axis = 0; axis < g->rank; axis++)
        for (int64_t at = 0; at < g->extent[axis]; at++)
            for (int32_t x = 0; x < g->sites; x++) {
                int64_t position[ARCH_AXES_MAX];
                lattice_position(g, x, position);
                if (position[axis] != at)
                    continue;
                const int32_t y = g->neighbour[x * 2 * g->rank + axis];
                int8_t *k = &c->field.links[axis * g->sites + x];
                one_l(c, *k, k + g->rank * g->sites, &c->field.half[x],
                      &c->field.half[y]);
            }
}

static FluxChain *begin(const Case *c)
{
    ArchError e = {0};
    FluxChain *chain = flux_new(&c->params, c->rank, c->extent, 11, 3, &e);
    if (chain == NULL)
        fail_msg("%s", e.text);
    return chain;
}

static void updates_are_those_of_the_formulas(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FluxChain *fast = begin(&cases[i]), *plain = begin(&cases[i]);
        const size_t sites = (size_t)fast->lattice.sites;
        ArchError e = {0};
        for (int n = 0; n < 400; n++) {
            assert_true(flux_update(fast, n % 7, &e));
            for (int worm = 0; worm < n % 7; worm++)
                one_worm(plain);
            sweep_l(plain);
            assert_memory_equal(fast->field.links, plain->field.links,
                                2 * (size_t)cases[i].rank * sites);
            assert_memory_equal(fast->field.half, plain->field.half,
                                sites * sizeof *plain->field.half);
            assert_int_equal(fast->draws.used, plain->draws.used);
            assert_int_equal(fast->proposals, plain->proposals);
        }
        flux_free(fast);
        flux_free(plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_those_of_the_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
