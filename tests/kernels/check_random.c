/* check_random ISA LATTICE BATCH,.. FILE.arch LIBRARY MODEL - a model against the oracle on one
 * instruction set and lattice, for each batch: forward, the gradient of the loss, and the vjp
 * with dx, with dparams, and with both.  Every second batch gives x as `real`, not as bytes.
 *
 * check_random - the instruction sets of this machine. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "grad/grad.h"

typedef struct Check {
    Tally tally;
    const Graph *vjp, *loss; /* gradients of the network; loss NULL: it has none */
    const ArchModel *m;
    ArchIsa isa;
    double worst;
    /* What is being checked now. */
    const Case *c;
    Trial trial;
    int64_t batch;
    const void *x; /* as real; NULL: bytes */
} Check;

static void judge(Check *k, const char *what, double ratio)
{
    k->worst = fmax(k->worst, ratio);
    tally(&k->tally, ratio <= RATIO_MAX, "%s, batch %lld, x %s: ratio %.3g", what,
          (long long)k->batch, k->x ? "real" : "int8", ratio);
}

static ArchCall call_new(const Check *k, ArchWhat what)
{
    ArchCall call = trial_call(&k->trial, k->batch, what, k->isa);
    if (k->x) {
        call.x = k->x;
        call.x_type = k->m->real;
    }
    return call;
}

/* A field of the batch against value v of the oracle. */
static void judge_field(Check *k, const char *what, const Eval *e, Val v, const void *y,
                        int64_t count)
{
    judge(k, what, error_ratio(k->m, y, e->value[v.i], e->magnitude[v.i], count));
}

static void judge_params(Check *k, const char *what, const Eval *e, const Graph *g,
                         const void *dparams)
{
    double worst = 0;
    for (int i = 0; i < g->params; i++) {
        const Param *p = &g->param[i];
        uint32_t v = g->dparam[i].i;
        const char *tensor =
            (const char *)dparams + real_size(k->m) * (size_t)p->offset;
        worst = fmax(worst,
                     error_ratio(k->m, tensor, e->value[v], e->magnitude[v], p->count));
    }
    judge(k, what, worst);
}

static void check_forward(Check *k, const Eval *e)
{
    ArchCall call = call_new(k, ARCH_FORWARD);
    void *y = real_new(k->m, k->batch * k->c->out);
    k->m->forward(&call, y);
    judge_field(k, "forward", e, k->vjp->output, y, k->batch * k->c->out);
    free(y);
    call_free(&call);
}

static void check_vjp(Check *k, const Eval *e, bool with_dx, bool with_dparams)
{
    static const char *const name[2][2] = {
        {"",             "vjp dparams alone"},
        {"vjp dx alone", "vjp of both"      }
    };
    const char *what = name[with_dx][with_dparams];
    int64_t inputs = k->batch * k->c->channels * k->c->sites;
    ArchCall call = call_new(k, ARCH_VJP);
    void *dx = with_dx ? real_new(k->m, inputs) : NULL;
    void *dparams = with_dparams ? real_new(k->m, k->m->param_count) : NULL;
    k->m->vjp(&call, k->trial.dy, dx, dparams);
    if (with_dx)
        judge_field(k, what, e, k->vjp->dx, dx, inputs);
    if (with_dparams)
        judge_params(k, what, e, k->vjp, dparams);
    free(dx);
    free(dparams);
    call_free(&call);
}

static void check_gradient(Check *k, const Eval *e)
{
    double loss = NAN, expected = 0, near = k->m->real == ARCH_F64 ? 1e-10 : 1e-3;
    ArchCall call = call_new(k, ARCH_GRADIENT);
    void *dparams = real_new(k->m, k->m->param_count);
    k->m->gradient(&call, k->trial.target, &loss, dparams);
    judge_params(k, "gradient", e, k->loss, dparams);
    for (int64_t n = 0; n < k->batch; n++)
        expected += e->value[k->loss->loss_value.i][n];
    tally(&k->tally, fabs(loss - expected) <= near * fabs(expected),
          "loss, batch %lld: %.17g, not %.17g", (long long)k->batch, loss, expected);
    free(dparams);
    call_free(&call);
}

static void check_batch(Check *k)
{
    Arena *a = arena_new();
    const Eval *e = case_eval(k->c, k->vjp, k->batch, a);
    check_forward(k, e);
    check_vjp(k, e, true, true);
    check_vjp(k, e, true, false);
    check_vjp(k, e, false, true);
    if (k->loss)
        check_gradient(k, case_eval(k->c, k->loss, k->batch, a));
    arena_free(a);
}

static void *real_input(const Check *k)
{
    int64_t count = k->c->batch * k->c->channels * k->c->sites;
    void *x = real_new(k->m, count);
    for (int64_t i = 0; i < count; i++)
        real_set(k->m, x, i, k->c->x[i]);
    return x;
}

static void check_batches(Check *k, const Graph *g, const int64_t *extent,
                          const char *batches)
{
    enum { BATCH_MAX = 33 };
    Case c;
    if (!case_make(&c, g, extent, BATCH_MAX, VALUES_FLUX, 17) ||
        !k->m->work_bytes(extent, 1, ARCH_FORWARD)) {
        tally(&k->tally, false, "does not take the lattice");
        return;
    }
    k->c = &c;
    k->trial = trial_make(&c, k->m);
    void *x = real_input(k);
    for (bool real = false; *batches; real = !real) {
        char *end;
        k->batch = strtoll(batches, &end, 10);
        batches = end + (*end == ',');
        k->x = real ? x : NULL;
        if (k->batch < 1 || k->batch > BATCH_MAX) {
            tally(&k->tally, false, "batch %lld", (long long)k->batch);
            break;
        }
        check_batch(k);
    }
    free(x);
    trial_free(&k->trial);
    case_free(&c);
}

static void read_lattice(const char *text, int64_t *extent)
{
    for (int d = 0; d < ARCH_AXES_MAX && *text; d++) {
        char *end;
        extent[d] = strtoll(text, &end, 10);
        text = end + (*end == 'x');
    }
}

int main(int argc, char **argv)
{
    Check k = {0};
    for (ArchIsa isa = isa_next(ARCH_ISA_BEST); isa; isa = isa_next(isa))
        if (argc == 1)
            printf("%s\n", isa_name[isa]);
        else if (!strcmp(argv[1], isa_name[isa]))
            k.isa = isa;
    if (argc == 1)
        return 0;
    if (argc != 7 || !k.isa) {
        fprintf(stderr,
                "usage: check_random ISA LATTICE BATCH,.. FILE.arch LIBRARY MODEL\n");
        return 2;
    }
    int64_t extent[ARCH_AXES_MAX] = {0};
    read_lattice(argv[2], extent);
    Arena *a = arena_new();
    const Graph *g = graph_read(argv[4], a);
    k.m = model_load(argv[5], argv[6]);
    k.tally.name = k.m->name;
    k.vjp = grad_reverse(g, GRAD_VJP, a);
    k.loss = g->loss ? grad_reverse(g, GRAD_LOSS, a) : NULL;
    check_batches(&k, g, extent, argv[3]);
    printf("worst ratio %.2g\n", k.worst);
    arena_free(a);
    return tally_end(&k.tally);
}
