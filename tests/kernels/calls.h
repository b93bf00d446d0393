/* calls.h - a model asked the same thing in several ways, on one lattice and instruction set. */
#ifndef TESTS_KERNELS_CALLS_H
#define TESTS_KERNELS_CALLS_H

#include "check.h"

enum { BATCH = 33, ROWS = 40, INSTANCES = 3 };

/* Everything a model computes of one call, as bytes. */
typedef struct Answer {
    void *y, *dx, *dparams, *dgradient;
    double loss[INSTANCES];
} Answer;

typedef struct Calls {
    Tally tally;
    const ArchModel *m;
    const Case *c; /* of ROWS samples */
    const Trial *trial;
    void *target; /* of the rows of the batch, or of all with an index */
    const void *dy;
    int64_t instances;
    ArchIsa isa;
} Calls;

/* How many numbers these arrays have, of all instances. */
int64_t y_count(const Calls *k);
int64_t dx_count(const Calls *k);
int64_t params_count(const Calls *k);

/* The batch as it comes, without work. */
ArchCall plain_call(const Calls *k);
/* `call` without work: each entry gets its own, full of NaN. */
ArchCall with_work(const Calls *k, const ArchCall *call, ArchWhat what);
Answer answer(const Calls *k, const ArchCall *call);
void answer_free(Answer *a);
bool answers_equal(const Calls *k, const Answer *a, const Answer *b);
bool same(const Calls *k, const void *a, const void *b, int64_t count);

/* calls_shards.c: the parts of a batch that go to threads, and their sum. */
void check_shards(Calls *k, const Answer *wanted);

#endif
