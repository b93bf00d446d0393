/* launch.h - calls of a model on a machine, and their answers. */
#ifndef TESTS_CUDA_LAUNCH_H
#define TESTS_CUDA_LAUNCH_H

#include "check.h"
#include "machine.h"

enum { INSTANCES_MAX = 3, BATCH_MAX = 5 };

/* One batch in the hands of one machine. */
typedef struct Batch {
    const ArchModel *m;
    const Case *c; /* [instances]: one input, weights of each */
    int64_t batch, instances;
    ArchCall call; /* x and index are the machine's           */
    ArchCudaDevice device;
    ArchCudaArrays arrays; /* params, packed, target, dy are the machine's */
    Order order;
    int joined; /* this pass and the next are one launch: a test of the test; -1: none */
} Batch;

Batch batch_new(const ArchModel *m, const Case *c, int64_t batch, int64_t instances,
                int threads);
void batch_free(Batch *b);

/* What a call leaves. */
typedef struct Answer {
    int64_t y_count, dx_count, params;
    void *y, *dx, *dparams;
    double loss[INSTANCES_MAX];
    ArchCudaPlan plan;
    bool good; /* there was a plan, and all threads came to their end */
} Answer;

/* `parts`: which of the results of a vjp are asked for. */
typedef enum Parts { PARTS_DX = 1, PARTS_DPARAMS = 2, PARTS_ALL = 3 } Parts;

Answer answer_of(const Batch *b, ArchWhat what, Parts parts);
void answer_free(Answer *a);
/* To the last bit; false if either is not good. */
bool answer_equal(const Batch *b, ArchWhat what, const Answer *x, const Answer *y);

#endif
