/* Two spellings of one network are one Graph; what a Graph promises others by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "sema/sema.h"
#include "syntax/syntax.h"

static Graphs *lower(const char *text, Arena *a)
{
    const char *why;
    const Source *source = source_from("t.arch", text, strlen(text), a, &why);
    assert_non_null(source);
    Diag *diag = diag_new(source, a);
    Graphs *graphs = sema_lower(syntax_parse(source, a, diag), a, diag);
    if (!graphs)
        diag_print(diag, stderr, false);
    return graphs;
}

static char *dump(const char *text)
{
    Arena *a = arena_new();
    Graphs *graphs = lower(text, a);
    assert_non_null(graphs);
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    graph_print(graphs->graph[0], f);
    fclose(f);
    arena_free(a);
    return out;
}

static void same(const char *one, const char *other)
{
    char *a = dump(one), *b = dump(other);
    assert_string_equal(a, b);
    free(a);
    free(b);
}

static void spellings_are_one_network(void **state)
{
    (void)state;
    same("model m { input u[4] on (T, X) Conv*(2x2, 4, 8) LeakyReLU AvgPool(2x2) }",
         "model m { bias off\ninput u[4] on (T, X)\n"
         "Conv(2\303\2272, 4, 8, pad=circular, stride=1x1)\n"
         "LeakyReLU(slope=0.01) AvgPool(2x2, 2) }");
    same("model m { input u[4] on (x=8) Conv(5, 4, 8) MaxPool(2, 2) Flatten\n"
         "Linear(32, 1) }",
         "model m { input u[4] on (x=8) h = Conv(5, 4, u.channels * 2)\n"
         "p = h -> MaxPool(2, stride=2) -> Flattening\n"
         "return p -> Linear(h.channels*4, 1) }");
    same("model m { input u[4] on (T) a = u -> Tanh b = u -> Tanh return a * (a + b) }",
         "model m { input u[4] on (T) a = Tanh b = u -> Tanh return a*(a + b) }");
}

/* PyTorch's names and layouts, numbered by kind of layer. */
static void parameters_are_named_as_in_pytorch(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int rank, dim[4], fan_in;
        int64_t offset, count;
    } want[] = {
        {"conv1.weight",   4, {8, 4, 3, 2}, 24, 0,   192},
        {"conv1.bias",     1, {8},          24, 192, 8  },
        {"linear1.weight", 2, {5, 8},       8,  200, 40 },
        {"linear2.weight", 2, {2, 5},       5,  240, 10 },
        {"linear2.bias",   1, {2},          5,  250, 2  },
    };
    Arena *a = arena_new();
    Graphs *graphs = lower("model m { input u[4] on (T, X)\n Conv(3x2, 4, 8) Tanh\n"
                           "GlobalMaxPool Linear*(8, 5) ReLU Linear(5, 2) }",
                           a);
    const Graph *g = graphs->graph[0];
    assert_int_equal(g->params, countof(want));
    assert_int_equal(g->param_count, 252);
    for (size_t i = 0; i < countof(want); i++) {
        const Param *p = &g->param[i];
        assert_string_equal(p->name, want[i].name);
        assert_int_equal(p->rank, want[i].rank);
        for (int d = 0; d < p->rank; d++)
            assert_int_equal(p->dim[d], want[i].dim[d]);
        assert_int_equal(p->fan_in, want[i].fan_in);
        assert_int_equal(p->offset, want[i].offset);
        assert_int_equal(p->count, want[i].count);
    }
    assert_string_equal(graph_node(g, g->output)->name, "linear2");
    assert_string_equal(g->layer[4].text, "ReLU");
    assert_int_equal(g->layers, 6);
    arena_free(a);
}

/* k = 2 reaches 0..+1, k = 3 reaches -1..+1, k = 4 reaches -1..+2. */
static void windows_reach_as_pytorch_pads(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Graphs *graphs = lower("model m { input u[1] on (A, B, C, D)\n"
                           "Conv(1x2x3x4, 1, 1) Conv(4x4x4x4, 1, 1, pad=none) }",
                           a);
    const Graph *g = graphs->graph[0];
    const Window *w = &graph_node(g, g->layer[0].value)->window;
    const Window *none = &graph_node(g, g->layer[1].value)->window;
    static const int before[] = {0, 0, 1, 1};
    for (int d = 0; d < 4; d++) {
        assert_int_equal(w->before[d], before[d]);
        assert_int_equal(none->before[d], 0);
    }
    arena_free(a);
}

/* The first character of `tail` many times, then the rest of it. */
static bool is_refused(const char *tail, int length)
{
    char *fill = malloc((size_t)length + 1);
    memset(fill, tail[0], (size_t)length);
    fill[length] = '\0';
    Arena *a = arena_new();
    const char *text = arena_printf(a, "%s%s", fill, tail + 1), *why;
    const Source *source = source_from("t.arch", text, strlen(text), a, &why);
    Diag *diag = diag_new(source, a);
    bool refused = !sema_lower(syntax_parse(source, a, diag), a, diag);
    assert_int_equal(refused, diag_errors(diag) > 0);
    arena_free(a);
    free(fill);
    return refused;
}

/* One word, number or bracket of a megabyte. */
static void nothing_is_too_long(void **state)
{
    (void)state;
    static const char *const text[] = {"x", "X", "X*", "X*(", "1",  "1x1", "(", "{",
                                       ")", "-", ".",  "=",   "\n", " ",   "#"};
    for (size_t i = 0; i < countof(text); i++)
        assert_true(is_refused(text[i], 1000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_are_one_network),
        cmocka_unit_test(parameters_are_named_as_in_pytorch),
        cmocka_unit_test(windows_reach_as_pytorch_pads),
        cmocka_unit_test(nothing_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
