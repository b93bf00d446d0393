/* check_random ISA LATTICE BATCH,.. FILE.arch LIBRARY MODEL - a model against the oracle on one
 * instruction set and lattice, for each batch: forward, the gradient of the loss, and the vjp
 * with dx, with dparams, and with both.  Every second batch gives x as `real`, not as bytes.
 *
 * check_random - the instruction sets of this machine. */
#include <stdlib.h>
#include <string.h>

#include "grad/grad.h"
#include "judge.h"

typedef struct Check {
    Judge judge;
    const Graph *g, *vjp,
        *loss; /* the network and its gradients; loss NULL: it has none */
    const ArchModel *m;
    const Case *c;
} Check;

static void check_batch(Check *k)
{
    Arena *a = arena_new();
    const Eval *e = case_eval(k->c, k->vjp, k->judge.batch, a);
    judge_forward(&k->judge, k->vjp, e);
    judge_vjp(&k->judge, k->vjp, e);
    if (k->loss)
        judge_gradient(&k->judge, k->loss, case_eval(k->c, k->loss, k->judge.batch, a));
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

static void check_batches(Check *k, const int64_t *extent, const char *batches)
{
    enum { BATCH_MAX = 33 };
    Judge *j = &k->judge;
    Case c;
    if (!case_make(&c, k->g, extent, BATCH_MAX, VALUES_FLUX, 17) ||
        !k->m->work_bytes(extent, 1, ARCH_FORWARD)) {
        tally(&j->tally, false, "does not take the lattice");
        return;
    }
    k->c = &c;
    Trial trial = trial_make(&c, k->m);
    j->trial = &trial;
    void *x = real_input(k);
    for (bool real = false; *batches; real = !real) {
        char *end;
        j->batch = strtoll(batches, &end, 10);
        batches = end + (*end == ',');
        j->x = real ? x : NULL;
        if (j->batch < 1 || j->batch > BATCH_MAX) {
            tally(&j->tally, false, "batch %lld", (long long)j->batch);
            break;
        }
        check_batch(k);
    }
    free(x);
    trial_free(&trial);
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
            k.judge.isa = isa;
    if (argc == 1)
        return 0;
    if (argc != 7 || !k.judge.isa) {
        fprintf(stderr,
                "usage: check_random ISA LATTICE BATCH,.. FILE.arch LIBRARY MODEL\n");
        return 2;
    }
    int64_t extent[ARCH_AXES_MAX] = {0};
    read_lattice(argv[2], extent);
    Arena *a = arena_new();
    k.g = graph_read(argv[4], a);
    k.m = model_load(argv[5], argv[6]);
    k.judge.tally.name = k.m->name;
    k.vjp = grad_reverse(k.g, GRAD_VJP, a);
    k.loss = k.g->loss ? grad_reverse(k.g, GRAD_LOSS, a) : NULL;
    check_batches(&k, extent, argv[3]);
    double worst = 0;
    for (int what = 0; what < 3; what++)
        worst = k.judge.worst[what] > worst ? k.judge.worst[what] : worst;
    printf("worst ratio %.2g\n", worst);
    arena_free(a);
    return tally_end(&k.judge.tally);
}
