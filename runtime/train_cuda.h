/* train_cuda.h - a training on a CUDA device; private to train_cuda*.c.
 *
 * Active instances have slots 0, 1, .., in their order; all arrays but `best` are by slot.  An
 * instance that has stopped leaves its slot at the beginning of the next epoch.  Of a step,
 * neighbours with batches of the same lattice and size go in one launch, with data of one
 * lattice all of them; launches of a step are run, reduce, adamw, pack.  Nothing comes back
 * but sums of losses. */
#ifndef ARCHRT_TRAIN_CUDA_H
#define ARCHRT_TRAIN_CUDA_H

#include "gpu_tools.h"
#include "train_state.h"

/* The samples of one lattice. */
typedef struct CudaGroup {
    GpuMemory x, target, valid, tables;
} CudaGroup;

struct TrainCuda {
    GpuModel *model;
    Gpu *gpu;
    GpuProgram tools;
    size_t numbers;       /* bytes of the parameters of an instance */
    int64_t batch;        /* rows of a batch in `index`             */
    int64_t slots, *slot; /* active instances, their numbers        */
    double *sum;          /* (slots)                                */
    int64_t *row;         /* as `index`                             */
    CudaGroup *group;
    GpuMemory w, m, v, u, grad, packed; /* (slots, ..)             */
    GpuMemory best;                     /* (instances, ..)         */
    GpuMemory loss, loss_sum;           /* (slots)                 */
    GpuMemory index;                    /* (slots, batches, batch) */
    GpuMemory y, work;
};

/* train_cuda_memory.c: of TrainBackend. */
bool train_cuda_begin(Train *t, ArchError *e);
bool train_cuda_fetch(Train *t, ArchError *e);
void train_cuda_end(Train *t);

/* Slots for the active instances, with what t holds of them. */
bool train_cuda_place(Train *t, ArchError *e);

/* A call of `instances` networks on the data of one lattice. */
ArchCall train_cuda_call(const Train *t, int group, int64_t batch, int64_t instances);

#endif
