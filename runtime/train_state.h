/* train_state.h - a training under way; private to train*.c. */
#ifndef ARCHRT_TRAIN_STATE_H
#define ARCHRT_TRAIN_STATE_H

#include "archrt/train.h"
#include "file.h"

/* The samples of one lattice. */
typedef struct TrainGroup {
    const DatasetGroup *g;
    void *target; /* real (samples, width)                     */
    int64_t width;
    int64_t *train, *valid; /* rows of g                       */
    int64_t trains, valids;
    int64_t first; /* of its rows in Instance.row     */
    void *y;       /* real (instances, valids, width), on the processor */
} TrainGroup;

/* rows [first, first + n) of Instance.row, all of one lattice */
typedef struct Batch {
    int group;
    int64_t first, n;
} Batch;

typedef struct Instance {
    int64_t step; /* of the optimiser: done so far          */
    int64_t best_epoch;
    double best_loss, loss_sum; /* the latter of the running epoch, over its samples */
    bool finite;                /* no loss so far was NaN or infinite                */
    int64_t *row;               /* (trains of all groups) in this epoch's order      */
    Batch *batch;               /* (batches)                                         */
} Instance;

typedef struct TrainBackend TrainBackend;
typedef struct TrainCuda TrainCuda;

typedef struct Train {
    const ArchModel *m;
    const TrainOptions *o;
    const TrainBackend *backend;
    TrainCuda *cuda; /* its own, NULL on the processor */
    TrainGroup *group;
    int groups;
    int64_t trains, valids; /* over all groups                                     */
    int64_t batches;        /* of an epoch                                         */
    int64_t shards;         /* of a whole batch                                    */
    int threads;
    int64_t steps_at_once; /* between two looks at signals and the clock; no result
                               depends on it                                       */
    size_t work_bytes;
    uint64_t data_hash;

    int64_t epoch, next; /* epochs done; batches of the running one done        */
    Instance *instance;
    bool *active; /* (instances)                                         */
    Weights w, m1, m2, top, best; /* parameters; moments m, v, u; best parameters */
    double *loss;       /* (instances, shards)                                 */
    void *grad;         /* real (instances, shards, param_count)               */
    TrainLoss *history; /* (options.epochs, instances)                         */
} Train;

/* train_data.c: targets, the split, and who is in which batch. */
bool train_data_init(Train *t, const Dataset *d, ArchError *e);
void train_data_release(Train *t);
/* Shuffles for the running epoch, from (seed, instance, epoch) alone. */
void train_shuffle(const Train *t, int64_t k);

/* Who computes: the processor (train_cpu.c) or a CUDA device (train_cuda.c).  All else, the
 * orders of the samples, when to stop and what is written, is common.  A device keeps
 * weights, moments and best weights; those of t are then as old as the last fetch(). */
struct TrainBackend {
    /* From the weights, moments and best weights of t, drawn or read. */
    bool (*begin)(Train *t, ArchError *e);
    /* Samples are shuffled, and it is known which instances are active. */
    bool (*begin_epoch)(Train *t, ArchError *e);
    /* Batches [next, last) of the running epoch for all active instances: their weights,
     * step, loss_sum and finite. */
    bool (*steps)(Train *t, int64_t last, ArchError *e);
    /* sum[k] of active instances: of the losses of all validation samples. */
    bool (*validate)(Train *t, double *sum, ArchError *e);
    /* The weights of instance k are its best. */
    bool (*keep)(Train *t, int64_t k, ArchError *e);
    /* Brings all Weights of t up to date. */
    bool (*fetch)(Train *t, ArchError *e);
    void (*end)(Train *t);
};
extern const TrainBackend train_on_cpu, train_on_cuda;

/* train_checkpoint.c: everything above that changes. */
bool train_save(const Train *t, ArchError *e);
bool train_resume(Train *t, ArchError *e);

#endif
