/* check_model [-exact] [-lattice TxX,..] FILE.arch LIBRARY MODEL [LIBRARY MODEL]
 *
 * The models made from one network - float, double - against the double-precision oracle:
 * forward, gradient and vjp, on every instruction set, several lattices and batches.  With
 * -exact, weights and inputs are small integers, and wherever no sum can round the result
 * must equal the oracle bit for bit. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "exact.h"
#include "grad/grad.h"

enum { MODELS_MAX = 2, BATCH_MAX = 33 };

typedef struct Check {
    Tally tally;
    const Graph *g, *loss,
        *vjp; /* the network and its gradients; loss NULL: it has none */
    const ArchModel *model[MODELS_MAX];
    int models;
    Values values;
    double worst[3]; /* of forward, gradient, vjp           */
    int proved[3];   /* results that had to be bit-identical */

    /* What is being checked now. */
    const Case *c;
    const Trial *trial;
    int64_t batch;
    ArchIsa isa;
} Check;

static const char *const what_name[] = {"forward", "gradient", "vjp"};

/* eps * 30 is far below 1e-12 in double: the ratio is the stricter of the two. */
static void judge(Check *k, ArchWhat what, double ratio, bool exact, const char *part)
{
    k->worst[what] = fmax(k->worst[what], ratio);
    k->proved[what] += exact;
    char lattice[64] = "";
    for (int d = 0; d < k->g->rank; d++)
        snprintf(lattice + strlen(lattice), sizeof lattice - strlen(lattice), "%s%lld",
                 d ? "x" : "", (long long)k->c->extent[d]);
    tally(&k->tally, exact ? ratio == 0 : ratio <= RATIO_MAX,
          "%s %s%s, lattice %s, batch %lld, %s: %s%.3g", k->trial->m->name,
          what_name[what], part, lattice, (long long)k->batch, isa_name[k->isa],
          exact ? "not exact, ratio " : "ratio ", ratio);
}

static bool is_exact(const Check *k, const Graph *g, const Eval *e)
{
    int digits = k->trial->m->real == ARCH_F64 ? DBL_MANT_DIG : FLT_MANT_DIG;
    return k->values == VALUES_INTEGER &&
           eval_is_exact(g, e, k->c->extent, k->batch, digits);
}

static void check_forward(Check *k, const Eval *e, bool exact)
{
    uint32_t y = k->g->output.i;
    int64_t count = k->batch * k->c->out;
    ArchCall call = trial_call(k->trial, k->batch, ARCH_FORWARD, k->isa);
    void *got = real_new(k->trial->m, count);
    k->trial->m->forward(&call, got);
    judge(k, ARCH_FORWARD,
          error_ratio(k->trial->m, got, e->value[y], e->magnitude[y], count), exact,
          "");
    free(got);
    call_free(&call);
}

/* The gradient of all parameters, tensor by tensor. */
static double params_ratio(const ArchModel *m, const Graph *g, const Eval *e,
                           const void *got)
{
    double worst = 0;
    for (int i = 0; i < g->params; i++) {
        const Param *p = &g->param[i];
        uint32_t v = g->dparam[i].i;
        const char *tensor = (const char *)got + real_size(m) * (size_t)p->offset;
        worst =
            fmax(worst, error_ratio(m, tensor, e->value[v], e->magnitude[v], p->count));
    }
    return worst;
}

static void check_gradient(Check *k, const Eval *e, bool exact)
{
    const ArchModel *m = k->trial->m;
    ArchCall call = trial_call(k->trial, k->batch, ARCH_GRADIENT, k->isa);
    void *got = real_new(m, m->param_count);
    double loss = NAN, expected = 0, near = m->real == ARCH_F64 ? 1e-10 : 1e-3;
    m->gradient(&call, k->trial->target, &loss, got);
    for (int64_t n = 0; n < k->batch; n++)
        expected += e->value[k->loss->loss_value.i][n];
    judge(k, ARCH_GRADIENT, params_ratio(m, k->loss, e, got), exact, "");
    tally(&k->tally, fabs(loss - expected) <= (exact ? 0 : near * fabs(expected)),
          "%s loss, %s: %.17g, not %.17g", m->name, isa_name[k->isa], loss, expected);
    free(got);
    call_free(&call);
}

static void check_vjp(Check *k, const Eval *e, bool exact)
{
    const ArchModel *m = k->trial->m;
    ArchCall call = trial_call(k->trial, k->batch, ARCH_VJP, k->isa);
    int64_t count = k->batch * k->c->channels * k->c->sites;
    void *dx = real_new(m, count), *alone = real_new(m, count);
    void *dparams = real_new(m, m->param_count), *single = real_new(m, m->param_count);
    m->vjp(&call, k->trial->dy, dx, dparams);
    uint32_t v = k->vjp->dx.i;
    judge(k, ARCH_VJP, params_ratio(m, k->vjp, e, dparams), exact, " dparams");
    judge(k, ARCH_VJP, error_ratio(m, dx, e->value[v], e->magnitude[v], count), exact,
          " dx");
    m->vjp(&call, k->trial->dy, alone, NULL);
    m->vjp(&call, k->trial->dy, NULL, single);
    tally(&k->tally, !memcmp(alone, dx, real_size(m) * (size_t)count),
          "%s dx without dparams has other bits", m->name);
    tally(&k->tally, !memcmp(single, dparams, real_size(m) * (size_t)m->param_count),
          "%s dparams without dx has other bits", m->name);
    free(dx);
    free(alone);
    free(dparams);
    free(single);
    call_free(&call);
}

/* One evaluation of the oracle serves every model and instruction set. */
static void each_model(Check *k, const Graph *g, const Eval *e,
                       void (*check)(Check *, const Eval *, bool))
{
    for (int i = 0; i < k->models; i++) {
        Trial trial = trial_make(k->c, k->model[i]);
        k->trial = &trial;
        bool exact = is_exact(k, g, e);
        for (k->isa = isa_next(ARCH_ISA_BEST); k->isa; k->isa = isa_next(k->isa))
            check(k, e, exact);
        trial_free(&trial);
    }
}

static void check_batch(Check *k, const Eval *forward, bool gradients)
{
    each_model(k, k->g, forward, check_forward);
    if (!gradients)
        return;
    Arena *a = arena_new();
    each_model(k, k->vjp, case_eval(k->c, k->vjp, k->batch, a), check_vjp);
    arena_free(a);
    if (!k->loss)
        return;
    a = arena_new();
    each_model(k, k->loss, case_eval(k->c, k->loss, k->batch, a), check_gradient);
    arena_free(a);
}

/* Samples are independent, so forward of 33 samples answers for every smaller batch. */
static void check_lattice(Check *k, const int64_t *extent)
{
    static const int64_t batch[] = {1, 15, 16, 17, BATCH_MAX};
    Case c;
    bool accepted = case_make(&c, k->g, extent, BATCH_MAX, k->values, 17);
    for (int i = 0; i < k->models; i++)
        tally(&k->tally,
              accepted == (k->model[i]->work_bytes(extent, 1, ARCH_FORWARD) > 0),
              "%s and the oracle disagree on whether it takes %lldx%lld",
              k->model[i]->name, (long long)extent[0], (long long)extent[1]);
    if (!accepted)
        return;
    k->c = &c;
    /* Wide networks on many sites: the oracle takes a second for one sample's gradient. */
    bool heavy = k->g->param_count * c.sites > 1000000;
    const Eval *forward = case_eval(&c, k->g, BATCH_MAX, c.arena);
    for (size_t i = 0; i < countof(batch); i++) {
        k->batch = batch[i];
        check_batch(k, forward, !heavy || k->batch == 1 || k->batch == 17);
    }
    case_free(&c);
}

static void usage(void)
{
    fprintf(stderr,
            "usage: check_model [-exact] [-lattice TxX,..] FILE.arch LIBRARY MODEL "
            "[LIBRARY MODEL]\n");
    exit(2);
}

/* "1x1,2x3", or else those of the project's target. */
static void check_lattices(Check *k, const char *own)
{
    static const int64_t lattice[][ARCH_AXES_MAX] = {
        {8,  8},
        {9,  7},
        {60, 4}
    };
    for (size_t i = 0; !own && i < countof(lattice); i++)
        check_lattice(k, lattice[i]);
    while (own && *own) {
        int64_t extent[ARCH_AXES_MAX] = {0};
        for (int d = 0; d < ARCH_AXES_MAX && *own && *own != ','; d++) {
            char *end;
            extent[d] = strtoll(own, &end, 10);
            own = end + (*end == 'x');
        }
        own += *own == ',';
        check_lattice(k, extent);
    }
}

/* An exact run that proves nothing would pass whatever the models do. */
static void report(Check *k)
{
    for (int what = 0; what < 3; what++) {
        printf("%s: worst ratio %.2g", what_name[what], k->worst[what]);
        if (k->values == VALUES_INTEGER)
            printf(", %d results bit for bit", k->proved[what]);
        printf("\n");
        if (k->values == VALUES_INTEGER && (what != ARCH_GRADIENT || k->loss))
            tally(&k->tally, k->proved[what] > 0, "no %s was exact", what_name[what]);
    }
    isa_report_missing();
}

int main(int argc, char **argv)
{
    Check k = {0};
    const char *lattice = NULL;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++)
        if (!strcmp(argv[i], "-exact"))
            k.values = VALUES_INTEGER;
        else if (!strcmp(argv[i], "-lattice") && i + 1 < argc)
            lattice = argv[++i];
        else
            usage();
    if (argc - i != 3 && argc - i != 5)
        usage();
    Arena *a = arena_new();
    k.g = graph_read(argv[i], a);
    for (i++; i < argc; i += 2)
        k.model[k.models++] = model_load(argv[i], argv[i + 1]);
    k.tally.name = k.model[0]->name;
    k.vjp = grad_reverse(k.g, GRAD_VJP, a);
    k.loss = k.g->loss ? grad_reverse(k.g, GRAD_LOSS, a) : NULL;
    check_lattices(&k, lattice);
    report(&k);
    arena_free(a);
    return tally_end(&k.tally);
}
