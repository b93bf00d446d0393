/* Behind which fields of a CUDA program a site of zeros is kept: those that a window can look
 * out of.  The steps are given graphs as they are written: where the optimiser has called a
 * boundary of single taps circular, the question does not arise. */
#include <string.h>

#include "cmocka_all.h"
#include "grad/grad.h"
#include "opt/opt.h"
#include "plan/cuda.h"
#include "sema/sema.h"
#include "syntax/syntax.h"

static const Graph *graph_of(const char *layers, Arena *a)
{
    const char *why = NULL,
               *text = arena_printf(
                   a, "model m { input x[4] on (T, X) bias off %s loss MSE }", layers);
    const Source *source = source_from("m.arch", text, strlen(text), a, &why);
    assert_non_null(source);
    Diag *diag = diag_new(source, a);
    const Graphs *g = sema_lower(syntax_parse(source, a, diag), a, diag);
    assert_non_null(g);
    return g->graph[0];
}

/* How many values of the graph have a ghost. */
static int ghosts(const Graph *g, What what, Arena *a)
{
    const CudaSteps *f = cuda_steps(g, what, a);
    int n = 0;
    for (uint32_t i = 0; i < g->nodes; i++)
        n += f->ghost[i];
    return n;
}

static void expect(const char *layers, int forward, int gradient)
{
    Arena *a = arena_new();
    const Graph *g = graph_of(layers, a), *dg = grad_reverse(g, GRAD_LOSS, a);
    assert_int_equal(ghosts(g, WHAT_FORWARD, a), forward);
    assert_int_equal(ghosts(dg, WHAT_GRADIENT, a), gradient);
    assert_int_equal(ghosts(opt_run(g, a), WHAT_FORWARD, a), forward);
    assert_int_equal(ghosts(opt_run(dg, a), WHAT_GRADIENT, a), gradient);
    arena_free(a);
}

/* A tile that is near has no room for one: 3x3 looks outside, 1x1 does not. */
static void test_single_taps(void **state)
{
    (void)state;
    expect("Conv(3x3, 4, 5, pad=zero) GlobalAvgPool", 1, 1);
    expect("Conv(1x1, 4, 5, pad=zero) GlobalAvgPool", 0, 0);
    expect("Conv(1x1, 4, 5, pad=none) GlobalAvgPool", 0, 0);
    expect("Conv(3x3, 4, 5) Conv(1x1, 5, 5, pad=zero) GlobalAvgPool", 0, 0);
    expect("Conv(3x3, 4, 5) Conv(1x1, 5, 5, pad=none) GlobalAvgPool", 0, 0);
}

/* With a stride even a single tap sees but some of the sites: backward, others look at
 * none. */
static void test_strides(void **state)
{
    (void)state;
    expect("Conv(3x3, 4, 5) Conv(1x1, 5, 6, stride=2) GlobalAvgPool", 0, 1);
    expect("Conv(3x3, 4, 5) Conv(2x2, 5, 6, stride=2) GlobalAvgPool", 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_taps),
        cmocka_unit_test(test_strides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
