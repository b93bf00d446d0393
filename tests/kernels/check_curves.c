/* check_curves tanh|sigmoid LIBRARY MODEL - a network of one function at each site against
 * the same function in long double, on every instruction set: over the whole range, near
 * zero, and where it ends. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { POINTS = 40000, ULPS_MAX = 4 };

static long double sigmoid(long double x)
{
    return 1 / (1 + expl(-x));
}

/* A quarter each: evenly to +-20, to +-1, down to 1e-30 of either sign, to +-100. */
static double point(int64_t i)
{
    static const double reach[] = {20, 1, 0, 100};
    int quarter = (int)(i % 4);
    double part = (double)(i / 4) / (POINTS / 4 - 1); /* 0 .. 1 */
    if (quarter == 2)
        return (i / 4 % 2 ? 1 : -1) * pow(10, -30 * part);
    return reach[quarter] * (2 * part - 1);
}

/* In units of half the last digit of `real`; below its least normal number all are one. */
static double ulps(const ArchModel *m, double y, long double wanted)
{
    double epsilon = m->real == ARCH_F64 ? DBL_EPSILON : FLT_EPSILON;
    double least = m->real == ARCH_F64 ? DBL_MIN : FLT_MIN;
    if (fabsl(wanted) < least && fabs(y) <= least)
        return 0;
    return (double)(fabsl((y - wanted) / (wanted * epsilon / 2)));
}

typedef struct Curve {
    const ArchModel *m;
    long double (*function)(long double);
    Tally tally;
    void *x, *y, *packed;
    int64_t count;
} Curve;

static void evaluate(const Curve *k, ArchIsa isa)
{
    ArchCall call = {.size = sizeof call,
                     .batch = 1,
                     .extent = {k->count},
                     .x = k->x,
                     .x_type = k->m->real,
                     .packed = k->packed,
                     .isa = isa};
    call.work = aligned_alloc(
        64, (k->m->work_bytes(call.extent, 1, ARCH_FORWARD) + 63) / 64 * 64);
    k->m->forward(&call, k->y);
    free(call.work);
}

static void check_points(Curve *k, ArchIsa isa)
{
    double worst = 0, where = 0;
    for (int64_t i = 0; i < k->count; i++)
        real_set(k->m, k->x, i, point(i));
    evaluate(k, isa);
    for (int64_t i = 0; i < k->count; i++) {
        double x = real_at(k->m, k->x, i);
        double off = ulps(k->m, real_at(k->m, k->y, i), k->function(x));
        if (!(off <= worst)) {
            worst = off;
            where = x;
        }
    }
    printf("%s, %s: at most %.2f units, at %.9g\n", k->m->name, isa_name[isa], worst,
           where);
    tally(&k->tally, worst <= ULPS_MAX, "%s: %g units at %.17g", isa_name[isa], worst,
          where);
}

static void check_ends(Curve *k, ArchIsa isa)
{
    const double x[] = {0, INFINITY, -INFINITY, NAN, 1e30, -1e30};
    for (int64_t i = 0; i < k->count; i++)
        real_set(k->m, k->x, i, x[i % 6]);
    evaluate(k, isa);
    for (int64_t i = 0; i < 6; i++) {
        double y = real_at(k->m, k->y, i);
        bool good =
            isnan(x[i]) ? isnan(y) : ulps(k->m, y, k->function(x[i])) <= ULPS_MAX;
        tally(&k->tally, good, "%s: %g at %g", isa_name[isa], y, x[i]);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4 || (strcmp(argv[1], "tanh") && strcmp(argv[1], "sigmoid"))) {
        fprintf(stderr, "usage: check_curves tanh|sigmoid LIBRARY MODEL\n");
        return 2;
    }
    Curve k = {.m = model_load(argv[2], argv[3]),
               .function = strcmp(argv[1], "tanh") ? sigmoid : tanhl,
               .count = POINTS};
    k.tally.name = k.m->name;
    k.x = real_new(k.m, POINTS);
    k.y = real_new(k.m, POINTS);
    k.packed = aligned_alloc(64, k.m->packed_bytes + 64);
    for (ArchIsa isa = isa_next(ARCH_ISA_BEST); isa; isa = isa_next(isa)) {
        check_points(&k, isa);
        check_ends(&k, isa);
    }
    isa_report_missing();
    free(k.x);
    free(k.y);
    free(k.packed);
    return tally_end(&k.tally);
}
