/* Random graphs are valid, and a graph that is damaged is refused with a reason. */
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "random_graph.h"

enum { SEEDS = 2000 };

static const RandomOptions everything = {.rank_max = 4, .branches = 1};

static void random_graphs_are_valid(void **state)
{
    (void)state;
    int seen[OP_COUNT] = {0}, losses[3] = {0}, wrapped = 0, vectors = 0, fields = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        Arena *a = arena_new();
        int64_t lattice[AXES_MAX];
        Graph *g = random_graph(seed, everything, a, lattice);
        Val culprit;
        assert_true(graph_verify(g, stderr));
        assert_true(graph_accepts(g, lattice, &culprit));
        losses[g->loss]++;
        vectors += g->rank == 0;
        fields += graph_node(g, g->output)->shape.rank > 0;
        for (uint32_t i = 1; i < g->nodes; i++) {
            const Node *n = &g->node[i];
            seen[n->op]++;
            for (int d = 0; n->op == OP_CONV && d < n->shape.rank; d++)
                wrapped +=
                    n->window.boundary[d] == BOUNDARY_CIRCULAR &&
                    n->window.kernel[d] > extent_value(n->shape.extent[d], lattice);
        }
        arena_free(a);
    }
    for (int op = 1; op < OP_COUNT; op++) {
        bool forward =
            (op_info[op].class != LEAF && op_info[op].class != LOSS &&
             !strstr(op_info[op].name, "_d") && !strstr(op_info[op].name, "spread") &&
             !strstr(op_info[op].name, "un") && op != OP_PICK &&
             !strstr(op_info[op].name, "_arg")) ||
            op == OP_INPUT || op == OP_PARAM;
        if (forward && seen[op] < 50)
            fail_msg("%s came up %d times", op_info[op].name, seen[op]);
    }
    assert_true(losses[0] > 50 && losses[1] > 50 && losses[2] > 50);
    assert_true(wrapped > 50 && vectors > 50 && fields > 50);
}

/* The same seed gives the same text, and a different one another. */
static void random_texts_repeat(void **state)
{
    (void)state;
    char *text[3] = {0};
    const uint64_t seed[3] = {7, 7, 8};
    for (int i = 0; i < 3; i++) {
        size_t size;
        FILE *out = open_memstream(&text[i], &size);
        random_arch(seed[i], random_models, out);
        fclose(out);
        assert_non_null(strstr(text[i], "model random_"));
    }
    assert_string_equal(text[0], text[1]);
    assert_string_not_equal(text[0], text[2]);
    for (int i = 0; i < 3; i++)
        free(text[i]);
}

/* ---- damage ---------------------------------------------------------------------- */

enum { X = 1, WEIGHT, BIAS, CONV, RELU, AVG, SUM, LINEAR_WEIGHT, LOGIT, Y, NODES };

/* input[2](T,X) -> conv 3x2 [4] -> leaky_relu -> avg_pool -> global_sum -> linear [1]
 * -> sigmoid, loss BCE */
static Graph *sound_graph(Arena *a)
{
    GraphBuilder b;
    graph_begin(&b, a);
    b.g.name = "sound";
    b.g.rank = 2;
    b.g.axis[0] = "T";
    b.g.axis[1] = "X";
    Shape in = {
        .channels = 2, .rank = 2, .extent = {extent_axis(0), extent_axis(1)}
    };
    b.g.input = graph_add(&b, (Node){.op = OP_INPUT, .shape = in, .name = "x"});
    graph_add_param(&b, (Param){
                            .name = "conv1.weight", .rank = 4, .dim = {4, 2, 3, 2}
    });
    graph_add_param(&b, (Param){.name = "conv1.bias", .rank = 1, .dim = {4}});
    graph_add_param(&b, (Param){
                            .name = "linear1.weight", .rank = 2, .dim = {1, 4}
    });
    Window conv = {
        .kernel = {3, 2},
          .stride = {1, 1},
          .before = {1, 0}
    };
    Window pool = {
        .kernel = {2, 2},
          .stride = {2, 2},
          .boundary = {2, 2}
    };
    graph_add(&b, (Node){.op = OP_PARAM, .param = 0});
    graph_add(&b, (Node){.op = OP_PARAM, .param = 1});
    graph_add(&b, (Node){
                      .op = OP_CONV, .arg = {{X}, {WEIGHT}, {BIAS}},
                           .window = conv
    });
    graph_add(&b, (Node){.op = OP_LEAKY_RELU, .arg = {{CONV}}, .slope = 0.01});
    graph_add(&b, (Node){.op = OP_AVG_POOL, .arg = {{RELU}}, .window = pool});
    graph_add(&b, (Node){.op = OP_GLOBAL_SUM, .arg = {{AVG}}});
    graph_add(&b, (Node){.op = OP_PARAM, .param = 2});
    b.g.logit = graph_add(&b, (Node){
                                  .op = OP_CONV, .arg = {{SUM}, {LINEAR_WEIGHT}}
    });
    b.g.output = graph_add(&b, (Node){.op = OP_SIGMOID, .arg = {{LOGIT}}});
    b.g.loss = LOSS_BCE;
    return graph_end(&b);
}

static void bad_op(Graph *g)
{
    g->node[RELU].op = OP_COUNT;
}
static void none_op(Graph *g)
{
    g->node[RELU].op = OP_NONE;
}
static void null_name(Graph *g)
{
    g->node[RELU].name = NULL;
}
static void later_operand(Graph *g)
{
    g->node[RELU].arg[0].i = AVG;
}
static void own_operand(Graph *g)
{
    g->node[RELU].arg[0].i = RELU;
}
static void lost_operand(Graph *g)
{
    g->node[RELU].arg[0].i = 0;
}
static void far_operand(Graph *g)
{
    g->node[RELU].arg[0].i = 4000000000u;
}
static void extra_operand(Graph *g)
{
    g->node[RELU].arg[1].i = X;
}
static void no_weight(Graph *g)
{
    g->node[CONV].arg[1].i = 0;
}
static void field_as_weight(Graph *g)
{
    g->node[CONV].arg[1].i = X;
}
static void weight_as_field(Graph *g)
{
    g->node[RELU].arg[0].i = WEIGHT;
}
static void param_range(Graph *g)
{
    g->node[WEIGHT].param = 3;
}
static void param_negative(Graph *g)
{
    g->node[WEIGHT].param = -1;
}
static void param_on_field(Graph *g)
{
    g->node[RELU].param = 0;
}
static void channels_zero(Graph *g)
{
    g->node[X].shape.channels = 0;
}
static void rank_large(Graph *g)
{
    g->node[X].shape.rank = AXES_MAX + 1;
}
static void extent_axis_range(Graph *g)
{
    g->node[X].shape.extent[0].axis = 2;
}
static void extent_div(Graph *g)
{
    g->node[X].shape.extent[0].div = 0;
}
static void shape_rule(Graph *g)
{
    g->node[AVG].shape.extent[0].add = 1;
}
static void channel_rule(Graph *g)
{
    g->node[RELU].shape.channels = 5;
}
static void kernel_zero(Graph *g)
{
    g->node[CONV].window.kernel[0] = 0;
}
static void kernel_other(Graph *g)
{
    g->node[CONV].window.kernel[0] = 2;
}
static void stride_zero(Graph *g)
{
    g->node[CONV].window.stride[1] = 0;
}
static void before_large(Graph *g)
{
    g->node[CONV].window.before[0] = 3;
}
static void none_before(Graph *g)
{
    g->node[AVG].window.before[0] = 1;
}
static void padded_pool(Graph *g)
{
    g->node[AVG].window.boundary[0] = BOUNDARY_ZERO;
}
static void boundary_range(Graph *g)
{
    g->node[CONV].window.boundary[0] = (Boundary)7;
}
static void slope_negative(Graph *g)
{
    g->node[RELU].slope = -0.5;
}
static void slope_nan(Graph *g)
{
    g->node[RELU].slope = strtod("nan", NULL);
}
static void tensor_dims(Graph *g)
{
    g->param[0].dim[2] = 2, g->param[0].dim[3] = 3;
}
static void bias_dims(Graph *g)
{
    g->node[CONV].arg[2].i = WEIGHT;
}
static void offset_gap(Graph *g)
{
    g->param[1].offset++;
}
static void count_wrong(Graph *g)
{
    g->param[1].count++;
}
static void total_wrong(Graph *g)
{
    g->param_count--;
}
static void dim_zero(Graph *g)
{
    g->param[1].dim[0] = 0;
}
static void param_rank(Graph *g)
{
    g->param[1].rank = 7;
}
static void param_name(Graph *g)
{
    g->param[1].name = NULL;
}
static void input_elsewhere(Graph *g)
{
    g->input.i = CONV;
}
static void output_range(Graph *g)
{
    g->output.i = NODES;
}
static void output_none(Graph *g)
{
    g->output.i = 0;
}
static void output_param(Graph *g)
{
    g->output.i = WEIGHT, g->loss = LOSS_NONE;
}
static void logit_elsewhere(Graph *g)
{
    g->logit.i = SUM;
}
static void bce_no_sigmoid(Graph *g)
{
    g->output.i = LOGIT;
}
static void loss_other(Graph *g)
{
    g->loss_value.i = SUM;
}
static void dx_shape(Graph *g)
{
    g->dx.i = CONV;
}
static void graph_rank(Graph *g)
{
    g->rank = 5;
}
static void second_input(Graph *g)
{
    g->node[g->nodes++] = g->node[X];
}

static void no_gradient(Graph *g)
{
    static Val none[3];
    g->dparam = none;
}

static void weight_as_gradient(Graph *g)
{
    static Val weights[3] = {{WEIGHT}, {BIAS}, {LINEAR_WEIGHT}};
    g->dparam = weights;
}

typedef struct Damage {
    void (*inflict)(Graph *g);
    const char *said; /* a part of the message */
} Damage;

/* clang-format off */
static const Damage damages[] = {
    {bad_op, "%5 ?: unknown operator"},         {none_op, "%5 none: unknown operator 0"},
    {null_name, "%5 leaky_relu: name"},         {later_operand, "%5 leaky_relu: operand %6 comes later"},
    {own_operand, "operand %5 comes later"},    {lost_operand, "operand 1 is missing"},
    {far_operand, "comes later"},               {extra_operand, "one too many"},
    {no_weight, "operand 2 is missing"},        {field_as_weight, "no parameter"},
    {weight_as_field, "no field"},              {param_range, "out of range"},
    {param_negative, "out of range"},           {param_on_field, "%5 leaky_relu: has a parameter index"},
    {channels_zero, "%1 input: 0 channels"},    {rank_large, "rank 5"},
    {extent_axis_range, "malformed"},           {extent_div, "malformed"},
    {shape_rule, "%6 avg_pool: the shape"},     {channel_rule, "%5 leaky_relu: the shape"},
    {kernel_zero, "kernel 0 on axis 0"},        {kernel_other, "not [out][in][kernel]"},
    {stride_zero, "stride 0 on axis 1"},        {before_large, "begin 3 before"},
    {none_before, "boundary none"},             {padded_pool, "pool with padding"},
    {boundary_range, "unknown boundary"},       {slope_negative, "slope -0.5"},
    {slope_nan, "slope"},                       {tensor_dims, "not [out][in][kernel]"},
    {bias_dims, "conv1.weight is not [4]"},     {offset_gap, "conv1.bias: offset 49"},
    {count_wrong, "conv1.bias: count"},         {total_wrong, "param_count"},
    {dim_zero, "dimension 0 is 0"},             {param_rank, "has rank 7"},
    {param_name, "has no name"},                {input_elsewhere, "input"},
    {output_range, "no node"},                  {output_none, "no field"},
    {output_param, "no field"},                 {logit_elsewhere, "logit"},
    {bce_no_sigmoid, "final sigmoid"},          {loss_other, "value of the loss"},
    {dx_shape, "shape of the input"},           {graph_rank, "rank 5"},
    {second_input, "%11 input: a second input"}, {no_gradient, "conv1.weight has no gradient"},
    {weight_as_gradient, "no gradient of"},
};
/* clang-format on */

static bool verify_says(const Graph *g, char **said)
{
    size_t size;
    FILE *err = open_memstream(said, &size);
    bool ok = graph_verify(g, err);
    fclose(err);
    return ok;
}

static void every_damage_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(damages); i++) {
        Arena *a = arena_new();
        Graph *g = sound_graph(a);
        char *said = NULL;
        assert_true(verify_says(g, &said));
        assert_string_equal(said, "");
        free(said);
        damages[i].inflict(g);
        bool ok = verify_says(g, &said);
        if (ok || !strstr(said, damages[i].said))
            fail_msg("damage %zu: expected '%s', got '%s'", i, damages[i].said, said);
        free(said);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_are_valid),
        cmocka_unit_test(random_texts_repeat),
        cmocka_unit_test(every_damage_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
