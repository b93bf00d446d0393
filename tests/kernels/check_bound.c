/* check_bound FILE.arch LIBRARY MODEL [LIBRARY MODEL] - what a model says of its speed, against
 * what is counted in its plan. */
#include <stdio.h>

#include "check.h"
#include "plan/cost.h"

enum { NEAR_BYTES = 1 << 20, LATTICES_MAX = 32 };

typedef struct Check {
    Tally tally;
    const ArchModel *m;
    const Program *p;
    ArchIsa isa;
} Check;

/* Of the fields of a block: larger ones are cut, or come from far. */
static double bytes_held(const Program *p, const Kernel *k, const int64_t *sites)
{
    double rows = 0;
    for (int i = 0; i < k->slots; i++)
        rows += (double)(k->slot[i].channels * (sites[k->slot[i].lattice] + 1));
    return rows * LANES * (p->precision == PRECISION_F64 ? 8 : 4);
}

/* Share of the peak of a block of 16 samples in near memory. */
static double counted(const Program *p, const Kernel *k, const int64_t *sites)
{
    Cost sum;
    double fma = 0;
    for (int i = 0; i < k->lattices; i++)
        fma += k->fma[i] * (double)sites[i];
    return fma * LANES / cost_peak(p) /
           cost_block(p, k, &(CostSites){.sites = sites}, &sum);
}

/* What is left over of an odd lattice, or of a few sites, costs more, and on odd ones wide
 * kernels are not done in fewer products; the formula in generated code leaves that out. */
static bool even(const Program *p, const int64_t *sites)
{
    bool all = true;
    for (int i = 0; i < p->lattices; i++)
        all &= !p->lattice[i].rank || (sites[i] % 2 == 0 && sites[i] >= 8);
    return all;
}

/* Products are those of the model as it is written: two to three times those of a forward pass
 * for a gradient, of which little is left where winners alone are done. */
static double most(const Check *k, ArchWhat what)
{
    return k->p->kernel[WHAT_WINNERS].used && what == ARCH_GRADIENT ? 3 : 2;
}

/* Never below what is counted, and near where nothing is cut; 17 samples take two blocks;
 * one sample is not much faster than 16, though these may come from far. */
static void check_call(Check *k, const int64_t *extent, ArchWhat what)
{
    int64_t sites[LATTICES_MAX];
    const bool takes = cost_sites(k->p, extent, sites);
    const Kernel *kernel = &k->p->kernel[cost_kernel(k->p, (What)what, sites)];
    const double full = k->m->bound(extent, 128, what, k->isa),
                 two = k->m->bound(extent, 17, what, k->isa),
                 one = k->m->bound(extent, 1, what, k->isa);
    tally(&k->tally,
          takes ? full > 0 && full < most(k, what) && one > 0 && one < 1.3 * full
                : full == 0,
          "%s %s %s, %lldx%lld: at most %g, of one sample %g", k->m->name,
          isa_name[k->isa], plan_what_name[what], (long long)extent[0],
          (long long)extent[1], full, one);
    if (!takes || bytes_held(k->p, kernel, sites) > NEAR_BYTES / 2)
        return;
    const double exact = counted(k->p, kernel, sites);
    tally(&k->tally,
          full > 0.999999 * exact && full < (even(k->p, sites) ? 1.08 : 2) * exact,
          "%s %s %s, %lldx%lld: at most %g, counted %g", k->m->name, isa_name[k->isa],
          plan_what_name[what], (long long)extent[0], (long long)extent[1], full,
          exact);
    tally(&k->tally, two > full * 17 / 32 * 0.999999 && two < full * 17 / 32 * 1.000001,
          "%s %s %s: two blocks for 17 samples: at most %g, not %g", k->m->name,
          isa_name[k->isa], plan_what_name[what], two, full * 17 / 32);
}

static void check_model(Check *k)
{
    static const int64_t lattice[][ARCH_AXES_MAX] = {
        {8,  8 },
        {4,  6 },
        {16, 4 },
        {1,  1 },
        {64, 64},
        {60, 4 },
        {0,  8 }
    };
    for (size_t i = 0; i < countof(lattice); i++) {
        int64_t extent[ARCH_AXES_MAX] = {0};
        for (int axis = 0; axis < k->m->rank; axis++)
            extent[axis] =
                k->m->fixed_extent[axis] ? k->m->fixed_extent[axis] : lattice[i][axis];
        for (int what = 0; what < WHAT_WINNERS; what++)
            if (k->p->kernel[what].used)
                check_call(k, extent, (ArchWhat)what);
    }
}

int main(int argc, char **argv)
{
    static const int target[] = {
        [ARCH_ISA_PLAIN] = 2, [ARCH_ISA_AVX2] = 1, [ARCH_ISA_AVX512] = 0};
    if (argc < 4)
        return 2;
    Arena *a = arena_new();
    const Graph *g = graph_read(argv[1], a);
    Check k = {.tally = {.name = argv[3]}};
    isa_report_missing();
    for (int i = 2; i + 1 < argc; i += 2) {
        k.m = model_load(argv[i], argv[i + 1]);
        const PlanOptions options = {
            .precision = k.m->real == ARCH_F64 ? PRECISION_F64 : PRECISION_F32};
        for (k.isa = ARCH_ISA_PLAIN; k.isa; k.isa = isa_next(k.isa)) {
            k.p = plan_make(g, &plan_target[target[k.isa]], &options, a);
            check_model(&k);
        }
    }
    arena_free(a);
    return tally_end(&k.tally);
}
