/* Extents, shapes, acceptance of lattices, and the text of a graph. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "ir/graph.h"

static int64_t floor_of(int64_t a, int64_t b)
{
    return (int64_t)floor((double)a / (double)b);
}

/* Two floors in a row are one, for all small L, a, b, c, d. */
static void nested_floors_collapse(void **state)
{
    (void)state;
    for (int64_t b = 1; b <= 4; b++)
        for (int64_t d = 1; d <= 4; d++)
            for (int64_t a = -5; a <= 5; a++)
                for (int64_t c = -5; c <= 5; c++) {
                    Extent e = extent_floor(extent_floor(extent_axis(1), a, b), c, d);
                    for (int64_t L = 1; L <= 20; L++) {
                        int64_t lattice[2] = {0, L}, inner = floor_of(L + a, b);
                        assert_int_equal(extent_value(e, lattice),
                                         floor_of(inner + c, d));
                        Extent n = extent_floor(extent_number(inner), c, d);
                        assert_int_equal(n.axis, -1);
                        assert_int_equal(n.add, floor_of(inner + c, d));
                    }
                }
}

/* Coefficients grow without bound in a deep text; they stay numbers all the same. */
static void extents_do_not_overflow(void **state)
{
    (void)state;
    const int64_t lattice[1] = {1 << 20};
    Extent down = extent_axis(0), up = extent_axis(0);
    for (int i = 0; i < 100; i++) {
        down = extent_floor(down, 1000000 - 5, 1000000);
        up = extent_floor(up, INT64_MIN / 2, 3);
    }
    assert_true(extent_value(down, lattice) <= 1);
    assert_true(extent_value(up, lattice) < 1);
    Shape s = {.channels = 1, .rank = 4};
    for (int d = 0; d < 4; d++)
        s.extent[d] = extent_number(INT64_MAX);
    assert_true(shape_sites(&s, lattice) > 0);
}

/* Counts the positions of a window one by one. */
static int64_t positions(int64_t length, int kernel, int stride, Boundary boundary)
{
    int64_t n = 0;
    for (int64_t p = 0; p < length; p += stride)
        if (boundary != BOUNDARY_NONE || p + kernel <= length)
            n++;
    return n;
}

static void windowed_extents_count_positions(void **state)
{
    (void)state;
    for (int kernel = 1; kernel <= 5; kernel++)
        for (int stride = 1; stride <= 4; stride++)
            for (int b = BOUNDARY_CIRCULAR; b <= (int)BOUNDARY_NONE; b++) {
                Window w = {.kernel = {kernel}, .stride = {stride}, .boundary = {b}};
                Shape in = {.channels = 3, .rank = 1, .extent = {extent_axis(0)}};
                Shape out = shape_windowed(&in, &w);
                assert_int_equal(out.channels, 3);
                for (int64_t L = 1; L <= 12; L++) {
                    /* Where nothing fits, any number below 1 will do. */
                    int64_t n = extent_value(out.extent[0], &L);
                    int64_t count = positions(L, kernel, stride, (Boundary)b);
                    assert_int_equal(n < 1 ? 0 : n, count);
                    Shape fixed = {
                        .channels = 3, .rank = 1, .extent = {extent_number(L)}};
                    Shape made = shape_windowed(&fixed, &w);
                    assert_int_equal(made.extent[0].axis, -1);
                    assert_int_equal(made.extent[0].add, n);
                }
            }
}

static const Window conv_2x2 = {
    .kernel = {2, 2},
      .stride = {1, 1}
};
static const Window pool_2x2 = {
    .kernel = {2,             2            },
      .stride = {2,             2            },
      .boundary = {BOUNDARY_NONE, BOUNDARY_NONE}
};

static Val add_conv(GraphBuilder *b, Val x, int in, int out)
{
    int w = graph_add_param(b, (Param){
                                   .name = "conv1.weight",
                                   .rank = 4,
                                   .dim = {out, in, 2, 2},
                                   .fan_in = 4 * in
    });
    int bias = graph_add_param(
        b, (Param){.name = "conv1.bias", .rank = 1, .dim = {out}, .fan_in = 4 * in});
    Val wv = graph_add(b, (Node){.op = OP_PARAM, .param = w, .name = "conv1.weight"});
    Val bv = graph_add(b, (Node){.op = OP_PARAM, .param = bias, .name = "conv1.bias"});
    return graph_add(
        b, (Node){
               .op = OP_CONV, .arg = {x, wv, bv},
                    .name = "conv1", .window = conv_2x2
    });
}

/* input [4](T,X) -> conv -> leaky_relu -> max_pool -> global_sum */
static Graph *small_graph(Arena *a)
{
    GraphBuilder b;
    graph_begin(&b, a);
    b.g.name = "small";
    b.g.input_name = "flux";
    b.g.rank = 2;
    b.g.axis[0] = "T";
    b.g.axis[1] = "X";
    Shape in = {
        .channels = 4, .rank = 2, .extent = {extent_axis(0), extent_axis(1)}
    };
    Val x = b.g.input =
        graph_add(&b, (Node){.op = OP_INPUT, .shape = in, .name = "flux"});
    x = add_conv(&b, x, 4, 8);
    x = graph_add(
        &b,
        (Node){.op = OP_LEAKY_RELU, .arg = {x}, .slope = 0.01, .name = "leaky_relu1"});
    x = graph_add(
        &b,
        (Node){.op = OP_MAX_POOL, .arg = {x}, .window = pool_2x2, .name = "max_pool1"});
    b.g.output = graph_add(
        &b, (Node){.op = OP_GLOBAL_SUM, .arg = {x}, .name = "global_sum_pool1"});
    b.g.loss = LOSS_MSE;
    return graph_end(&b);
}

static void shapes_follow_the_rules(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const Graph *g = small_graph(a);
    assert_true(graph_verify(g, stderr));
    const int64_t lattice[] = {5, 4};
    const Shape *conv = &g->node[4].shape, *pool = &g->node[6].shape;
    assert_int_equal(conv->channels, 8);
    assert_true(shape_same_lattice(conv, &g->node[1].shape));
    assert_false(shape_same_lattice(conv, pool));
    assert_int_equal(shape_sites(pool, lattice), 4);
    assert_int_equal(g->node[g->output.i].shape.rank, 0);
    assert_int_equal(shape_sites(&g->node[g->output.i].shape, lattice), 1);
    assert_int_equal(g->param_count, 8 * 4 * 4 + 8);
    assert_int_equal(g->param[1].offset, 128);
    arena_free(a);
}

static void flatten_is_as_wide_as_the_field(void **state)
{
    (void)state;
    Arena *a = arena_new();
    GraphBuilder b;
    graph_begin(&b, a);
    Shape in = {
        .channels = 3, .rank = 2, .extent = {extent_number(5), extent_number(2)}
    };
    Val x = graph_add(&b, (Node){.op = OP_INPUT, .shape = in});
    Val y = graph_add(&b, (Node){.op = OP_FLATTEN, .arg = {x}});
    assert_int_equal(graph_node(&b.g, y)->shape.channels, 30);
    assert_int_equal(graph_node(&b.g, y)->shape.rank, 0);
    in.extent[1] = extent_axis(1);
    x = graph_add(&b, (Node){.op = OP_INPUT, .shape = in});
    y = graph_add(&b, (Node){.op = OP_FLATTEN, .arg = {x}});
    assert_int_equal(graph_node(&b.g, y)->shape.channels, 0);
    in.extent[0] = in.extent[1] = extent_number((int64_t)1 << 40);
    x = graph_add(&b, (Node){.op = OP_INPUT, .shape = in});
    y = graph_add(&b, (Node){.op = OP_FLATTEN, .arg = {x}});
    assert_int_equal(graph_node(&b.g, y)->shape.channels, INT32_MAX);
    arena_free(a);
}

static void lattices_without_sites_are_refused(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Graph *g = small_graph(a);
    Val culprit;
    for (int64_t T = 0; T <= 4; T++)
        for (int64_t X = 0; X <= 4; X++) {
            int64_t lattice[] = {T, X};
            bool fits = T >= 2 && X >= 2;
            assert_int_equal(graph_accepts(g, lattice, &culprit), fits);
            if (!fits)
                assert_int_equal(culprit.i, T && X ? 6 : 0);
        }
    g->fixed[1] = 4;
    assert_true(graph_accepts(g, (int64_t[]){7, 4}, &culprit));
    assert_false(graph_accepts(g, (int64_t[]){7, 5}, &culprit));
    assert_int_equal(culprit.i, 0);
    arena_free(a);
}

static void a_node_is_a_line(void **state)
{
    (void)state;
    static const char expected[] =
        "graph small on (T, X) params 136\n"
        "param conv1.weight [8][4][2][2] offset 0 fan_in 16\n"
        "param conv1.bias [8] offset 128 fan_in 16\n"
        "%1 input flux [4](T,X)\n"
        "%2 param conv1.weight [8][4][2][2]\n"
        "%3 param conv1.bias [8]\n"
        "%4 conv conv1 [8](T,X) = conv(%1, %2, %3) window 2x2 circular\n"
        "%5 leaky_relu leaky_relu1 [8](T,X) = leaky_relu(%4) slope 0.01\n"
        "%6 max_pool max_pool1 [8](T/2,X/2) = max_pool(%5) window 2x2 stride 2x2 none\n"
        "%7 global_sum global_sum_pool1 [8] = global_sum(%6)\n"
        "output %7\n"
        "loss MSE\n";
    Arena *a = arena_new();
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    graph_print(small_graph(a), out);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
    arena_free(a);
}

/* A builder grows, and one that continues a graph leaves that graph alone. */
static void builders_grow_and_copy(void **state)
{
    (void)state;
    Arena *a = arena_new();
    GraphBuilder b, c;
    graph_begin(&b, a);
    Val x = b.g.input = b.g.output =
        graph_add(&b, (Node){.op = OP_INPUT, .shape = {.channels = 1}});
    for (int i = 0; i < 1000; i++) {
        int p =
            graph_add_param(&b, (Param){.name = "p", .rank = 1, .dim = {1 + i % 3}});
        assert_int_equal(p, i);
        x = graph_add(&b, (Node){.op = OP_TANH, .arg = {x}});
        graph_add_layer(&b, (LayerRow){.value = x});
    }
    Graph *g = graph_end(&b);
    assert_int_equal(g->nodes, 1002);
    assert_int_equal(g->layer[999].value.i, 1001);
    assert_true(graph_verify(g, stderr));
    graph_continue(&c, g, a);
    c.g.node[5].op = OP_SIGMOID;
    c.g.layer[3].value.i = 0;
    c.g.param[0].dim[0] = 7;
    for (int i = 0; i < 3000; i++)
        graph_add(&c, (Node){.op = OP_TANH, .arg = {x}});
    assert_int_equal(g->node[5].op, OP_TANH);
    assert_int_equal(g->layer[3].value.i, 5);
    assert_int_equal(g->param[0].dim[0], 1);
    assert_int_equal(graph_end(&c)->nodes, 4002);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_floors_collapse),
        cmocka_unit_test(extents_do_not_overflow),
        cmocka_unit_test(windowed_extents_count_positions),
        cmocka_unit_test(shapes_follow_the_rules),
        cmocka_unit_test(flatten_is_as_wide_as_the_field),
        cmocka_unit_test(lattices_without_sites_are_refused),
        cmocka_unit_test(a_node_is_a_line),
        cmocka_unit_test(builders_grow_and_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
