/* check.h - a generated model held against the oracle.
 *
 * A Case is one model on one lattice with one batch: random weights and inputs, the Graph
 * it came from, and the memory its entries want. */
#ifndef TESTS_KERNELS_CHECK_H
#define TESTS_KERNELS_CHECK_H

#include "arch_model.h"
#include "ir/eval.h"

typedef enum Values {
    VALUES_FLUX,    /* inputs -3 .. 3, weights uniform in +-1/sqrt(fan_in)                 */
    VALUES_INTEGER  /* weights and inputs in -2 .. 2: every sum is exact in float          */
} Values;

typedef struct Case {
    const Graph *g;
    const ArchModel *model;
    Arena *arena;
    int64_t extent[ARCH_AXES_MAX], batch, sites, out;
    /* as doubles for the oracle and as `real` for the model */
    double *x, *params, *target, *dy;
    int8_t *x_i8;
    void *params_real, *target_real, *dy_real, *packed;
} Case;

/* True and *c if the model takes this lattice. */
bool case_make(Case *c, const Graph *g, const ArchModel *model, const int64_t *extent,
               int64_t batch, Values values, uint64_t seed);
void case_free(Case *c);

ArchCall case_call(const Case *c, ArchWhat what, ArchIsa isa);
double real_at(const ArchModel *m, const void *p, int64_t i);

/* The largest |y - y64| / (eps * magnitude) over `count` numbers; infinity if one is not
 * finite or differs where the magnitude is zero. */
double error_ratio(const ArchModel *m, const void *y, const double *y64,
                   const double *magnitude, int64_t count);

/* Reads the only model of a .arch; dies if it is faulty. */
const Graph *graph_read(const char *path, Arena *a);
const ArchModel *model_load(const char *library, const char *name);

#endif
