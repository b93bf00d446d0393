/* check.h - generated models held against the oracle, and against themselves.
 *
 * A Case is one network on one lattice: random weights and inputs in double, the same for
 * every model that is made of the network.  A Trial is a case in the hands of one model:
 * its weights packed, its targets as `real`. */
#ifndef TESTS_KERNELS_CHECK_H
#define TESTS_KERNELS_CHECK_H

#include "arch_model.h"
#include "ir/eval.h"

typedef enum Values {
    VALUES_FLUX, /* inputs -3 .. 3, weights uniform in +-1/sqrt(fan_in)                  */
    VALUES_INTEGER /* inputs -2 .. 2, a few weights of +-1 or 2 in every sum, the rest 0   */
} Values;

typedef struct Case {
    const Graph *g;
    Arena *arena;
    int64_t extent[ARCH_AXES_MAX], batch, channels, sites, outputs, out_sites;
    int64_t out; /* outputs * out_sites                                          */
    /* All representable in float: what the model sees is what the oracle gets. */
    double *x, *params, *target, *dy;
    int8_t *x_i8;
} Case;

/* True and *c if the network takes this lattice. */
bool case_make(Case *c, const Graph *g, const int64_t *extent, int64_t batch,
               Values values, uint64_t seed);
void case_free(Case *c);
/* The oracle for the first `batch` samples; `g` is the network or a gradient of it. */
const Eval *case_eval(const Case *c, const Graph *g, int64_t batch, Arena *a);

typedef struct Trial {
    const Case *c;
    const ArchModel *m;
    void *params, *target, *dy, *packed; /* packed: exactly packed_bytes */
} Trial;

Trial trial_make(const Case *c, const ArchModel *m);
void trial_free(Trial *t);

/* A call for the first `batch` samples.  `work` has exactly work_bytes and holds NaN. */
ArchCall trial_call(const Trial *t, int64_t batch, ArchWhat what, ArchIsa isa);
void call_free(ArchCall *call);

/* `real` arrays. */
size_t real_size(const ArchModel *m);
double real_at(const ArchModel *m, const void *p, int64_t i);
void real_set(const ArchModel *m, void *p, int64_t i, double value);
/* Of `count` numbers, all NaN; the caller frees it. */
void *real_new(const ArchModel *m, int64_t count);

/* The largest |y - y64| / (eps * magnitude) over `count` numbers; infinity if one is not
 * finite or differs where the magnitude is zero. */
double error_ratio(const ArchModel *m, const void *y, const double *y64,
                   const double *magnitude, int64_t count);
enum { RATIO_MAX = 30 };

/* Instruction sets.  Where one is missing the generated code takes the next below it, so a
 * test asks first and says what was not run. */
extern const char *const isa_name[];
bool isa_present(ArchIsa isa);
void isa_report_missing(void);
/* The next one that is here, from ARCH_ISA_PLAIN on; 0 behind the last. */
ArchIsa isa_next(ArchIsa isa);

/* Reads the only model of a .arch; dies if it is faulty. */
const Graph *graph_read(const char *path, Arena *a);
const ArchModel *model_load(const char *library, const char *name);

/* A small generator of its own: the tests need numbers, not their quality. */
uint32_t check_random(uint64_t *state);
int check_between(uint64_t *state, int low, int high);
double check_uniform(uint64_t *state); /* in [-1, 1) */

/* Counts checks and prints those that fail; the exit code of a test. */
typedef struct Tally {
    const char *name;
    int checks, failures;
} Tally;

__attribute__((format(printf, 3, 4))) void tally(Tally *t, bool good,
                                                 const char *format, ...);
int tally_end(const Tally *t);

#endif
