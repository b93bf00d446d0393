/* check_model FILE.arch LIBRARY NAME - one generated model against the double-precision
 * oracle, on every instruction set, several lattices and batches. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "grad/grad.h"

static const double ratio_max = 30;

typedef struct Tally {
    int checks, failures;
    double worst_forward, worst_gradient, worst_vjp;
} Tally;

static const char *const isa_name[] = {"best", "plain", "avx2", "avx512"};

static void report(Tally *t, const Case *c, ArchIsa isa, const char *what, double ratio,
                   bool good)
{
    t->checks++;
    if (good)
        return;
    t->failures++;
    printf("FAILED %s %s", c->model->name, what);
    for (int k = 0; k < c->model->rank; k++)
        printf("%c%lld", k ? 'x' : ' ', (long long)c->extent[k]);
    printf(" batch %lld %s: ratio %.3g\n", (long long)c->batch, isa_name[isa], ratio);
}

static EvalInput eval_input(const Case *c)
{
    return (EvalInput){.extent = c->extent,
                       .batch = c->batch,
                       .x = c->x,
                       .params = c->params,
                       .target = c->target,
                       .seed = c->dy};
}

static void check_forward(Tally *t, const Case *c, ArchIsa isa, bool exact)
{
    EvalInput in = eval_input(c);
    const Eval *e = graph_eval(c->g, &in, c->arena);
    uint32_t y = c->g->output.i;
    int64_t count = c->batch * c->out;
    ArchCall call = case_call(c, ARCH_FORWARD, isa);
    void *got = arena_alloc(c->arena, 8 * (size_t)count);
    c->model->forward(&call, got);
    double ratio = error_ratio(c->model, got, e->value[y], e->magnitude[y], count);
    bool good = exact ? ratio == 0 : ratio <= ratio_max;
    t->worst_forward = fmax(t->worst_forward, ratio);
    report(t, c, isa, exact ? "forward, integers" : "forward", ratio, good);
    free(call.work);
}

/* The gradient of all parameters, tensor by tensor. */
static double params_ratio(const Case *c, const Graph *g, const Eval *e, const void *got)
{
    double worst = 0;
    size_t size = c->model->real == ARCH_F64 ? 8 : 4;
    for (int k = 0; k < g->params; k++) {
        const Param *p = &g->param[k];
        uint32_t v = g->dparam[k].i;
        worst = fmax(worst,
                     error_ratio(c->model, (const char *)got + size * (size_t)p->offset,
                                 e->value[v], e->magnitude[v], p->count));
    }
    return worst;
}

static void check_gradient(Tally *t, const Case *c, ArchIsa isa, bool exact)
{
    if (!c->model->gradient)
        return;
    const Graph *g = grad_reverse(c->g, GRAD_LOSS, c->arena);
    EvalInput in = eval_input(c);
    const Eval *e = graph_eval(g, &in, c->arena);
    ArchCall call = case_call(c, ARCH_GRADIENT, isa);
    void *got = arena_alloc(c->arena, 8 * (size_t)c->model->param_count + 8);
    double loss = 0, expected = 0;
    c->model->gradient(&call, c->target_real, &loss, got);
    for (int64_t n = 0; n < c->batch; n++)
        expected += e->value[g->loss_value.i][n];
    double ratio = params_ratio(c, g, e, got);
    bool good = exact ? ratio == 0 : ratio <= ratio_max;
    double near = exact ? 0 : c->model->real == ARCH_F64 ? 1e-10 : 1e-3;
    bool loss_good = fabs(loss - expected) <= near * fabs(expected);
    t->worst_gradient = fmax(t->worst_gradient, ratio);
    report(t, c, isa, exact ? "gradient, integers" : "gradient", ratio, good);
    report(t, c, isa, "loss", fabs(loss - expected), loss_good);
    free(call.work);
}

static void check_vjp(Tally *t, const Case *c, ArchIsa isa, bool exact)
{
    const Graph *g = grad_reverse(c->g, GRAD_VJP, c->arena);
    EvalInput in = eval_input(c);
    const Eval *e = graph_eval(g, &in, c->arena);
    ArchCall call = case_call(c, ARCH_VJP, isa);
    int64_t count = c->batch * c->model->channels * c->sites;
    void *dparams = arena_alloc(c->arena, 8 * (size_t)c->model->param_count + 8);
    void *dx = arena_alloc(c->arena, 8 * (size_t)count);
    c->model->vjp(&call, c->dy_real, dx, dparams);
    double ratio = fmax(params_ratio(c, g, e, dparams),
                        error_ratio(c->model, dx, e->value[g->dx.i], e->magnitude[g->dx.i],
                                    count));
    t->worst_vjp = fmax(t->worst_vjp, ratio);
    report(t, c, isa, exact ? "vjp, integers" : "vjp", ratio,
           exact ? ratio == 0 : ratio <= ratio_max);
    /* Either alone gives the same bits. */
    void *alone = arena_alloc(c->arena, 8 * (size_t)count);
    size_t size = c->model->real == ARCH_F64 ? 8 : 4;
    c->model->vjp(&call, c->dy_real, alone, NULL);
    report(t, c, isa, "vjp, dx alone", 0, !memcmp(alone, dx, size * (size_t)count));
    free(call.work);
}

/* Exact only where every number stays an integer of modest size: no sigmoid, tanh, mean or
 * odd slope. */
static bool stays_integer(const Graph *g)
{
    for (uint32_t i = 1; i < g->nodes; i++) {
        Op op = g->node[i].op;
        if (op == OP_SIGMOID || op == OP_TANH || op == OP_AVG_POOL || op == OP_GLOBAL_AVG)
            return false;
        if (op == OP_LEAKY_RELU && g->node[i].slope != 0.5 && g->node[i].slope != 0)
            return false;
    }
    return true;
}

static void check_case(Tally *t, const Graph *g, const ArchModel *m, const int64_t *extent,
                       int64_t batch)
{
    for (int values = VALUES_FLUX; values <= VALUES_INTEGER; values++) {
        bool exact = values == VALUES_INTEGER;
        if (exact && !stays_integer(g))
            continue;
        Case c;
        if (!case_make(&c, g, m, extent, batch, (Values)values, 17))
            return;
        for (int isa = ARCH_ISA_PLAIN; isa <= ARCH_ISA_AVX512; isa++) {
            check_forward(t, &c, (ArchIsa)isa, exact);
            check_gradient(t, &c, (ArchIsa)isa, exact);
            check_vjp(t, &c, (ArchIsa)isa, exact);
        }
        case_free(&c);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: check_model FILE.arch LIBRARY NAME\n");
        return 2;
    }
    Arena *a = arena_new();
    const Graph *g = graph_read(argv[1], a);
    const ArchModel *m = model_load(argv[2], argv[3]);
    static const int64_t lattice[][2] = {{8, 8}, {9, 7}, {60, 4}};
    static const int64_t batch[] = {1, 15, 16, 17, 33};
    Tally t = {0};
    for (size_t i = 0; i < countof(lattice); i++)
        for (size_t j = 0; j < countof(batch); j++)
            check_case(&t, g, m, lattice[i], batch[j]);
    printf("%s: %d checks, %d failed; worst ratio forward %.2g, gradient %.2g, vjp %.2g\n",
           m->name, t.checks, t.failures, t.worst_forward, t.worst_gradient, t.worst_vjp);
    arena_free(a);
    return t.failures || !t.checks;
}
