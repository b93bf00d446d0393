/* check_model [-exact] [-lattice TxX,..] FILE.arch LIBRARY MODEL [LIBRARY MODEL]
 *
 * The models made from one network - float, double - against the double-precision oracle:
 * forward, gradient and vjp, on every instruction set, several lattices and batches.  With
 * -exact, weights and inputs are small integers, and wherever no sum can round the result
 * must equal the oracle bit for bit. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "exact.h"
#include "grad/grad.h"
#include "judge.h"

enum { MODELS_MAX = 2, BATCH_MAX = 33 };

typedef struct Check {
    Judge judge;
    const Graph *g, *loss,
        *vjp; /* the network and its gradients; loss NULL: it has none */
    const ArchModel *model[MODELS_MAX];
    int models;
    Values values;
    const Case *c;
} Check;

static bool is_exact(const Check *k, const Graph *g, const Eval *e)
{
    int digits = k->judge.trial->m->real == ARCH_F64 ? DBL_MANT_DIG : FLT_MANT_DIG;
    return k->values == VALUES_INTEGER &&
           eval_is_exact(g, e, k->c->extent, k->judge.batch, digits);
}

/* One evaluation of the oracle serves every model and instruction set. */
static void each_model(Check *k, const Graph *g, const Eval *e,
                       void (*check)(Judge *, const Graph *, const Eval *))
{
    Judge *j = &k->judge;
    for (int i = 0; i < k->models; i++) {
        Trial trial = trial_make(k->c, k->model[i]);
        j->trial = &trial;
        j->exact = is_exact(k, g, e);
        for (j->isa = isa_next(ARCH_ISA_BEST); j->isa; j->isa = isa_next(j->isa))
            check(j, g, e);
        trial_free(&trial);
    }
}

static void check_batch(Check *k, const Eval *forward, bool gradients)
{
    const int64_t batch = k->judge.batch;
    each_model(k, k->g, forward, judge_forward);
    if (!gradients)
        return;
    Arena *a = arena_new();
    each_model(k, k->vjp, case_eval(k->c, k->vjp, batch, a), judge_vjp);
    arena_free(a);
    if (!k->loss)
        return;
    a = arena_new();
    each_model(k, k->loss, case_eval(k->c, k->loss, batch, a), judge_gradient);
    arena_free(a);
}

/* Samples are independent, so forward of 33 samples answers for every smaller batch. */
static void check_lattice(Check *k, const int64_t *extent)
{
    static const int64_t batch[] = {1, 15, 16, 17, BATCH_MAX};
    Case c;
    bool accepted = case_make(&c, k->g, extent, BATCH_MAX, k->values, 17);
    for (int i = 0; i < k->models; i++)
        tally(&k->judge.tally,
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
        k->judge.batch = batch[i];
        check_batch(k, forward, !heavy || k->judge.batch == 1 || k->judge.batch == 17);
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
        printf("%s: worst ratio %.2g", what_name[what], k->judge.worst[what]);
        if (k->values == VALUES_INTEGER)
            printf(", %d results bit for bit", k->judge.proved[what]);
        printf("\n");
        if (k->values == VALUES_INTEGER && (what != ARCH_GRADIENT || k->loss))
            tally(&k->judge.tally, k->judge.proved[what] > 0, "no %s was exact",
                  what_name[what]);
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
    k.judge.tally.name = k.model[0]->name;
    k.vjp = grad_reverse(k.g, GRAD_VJP, a);
    k.loss = k.g->loss ? grad_reverse(k.g, GRAD_LOSS, a) : NULL;
    check_lattices(&k, lattice);
    report(&k);
    arena_free(a);
    return tally_end(&k.judge.tally);
}
