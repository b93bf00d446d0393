/* train.h - several instances of one network trained at once.
 *
 * Every instance has its own initial values and its own order of the samples; the split
 * into training and validation samples is common.  Weights, moments and losses are the same
 * bits for any number of threads, and for a training that was stopped and resumed.
 *
 * A device sees the same batches in the same order and computes with the same formulas: its
 * results differ by rounding.  Checkpoints do not say who wrote them: what one began, the
 * other may go on with, but for a device in TF32. */
#ifndef ARCHRT_TRAIN_H
#define ARCHRT_TRAIN_H

#include "archrt/dataset.h"
#include "archrt/gpu_model.h"
#include "archrt/optim.h"
#include "archrt/weights.h"

typedef struct TrainOptions {
    AdamW optim;
    int64_t instances, epochs, batch;
    int64_t
        patience; /* epochs without a better validation loss until an instance stops */
    int64_t
        min_epochs; /* before which none stops                                         */
    double
        validation; /* share of the samples; 0: the training loss decides              */
    uint64_t seed;
    int threads;   /* 0: as many as there are cores                              */
    GpuModel *gpu; /* the same network on a device, which trains it; NULL: the
                      processor does                                             */
    const char
        *checkpoint; /* file that is resumed from if it is there, and written every
                               minute and on SIGINT and SIGTERM; NULL: none               */
} TrainOptions;

/* As in the published trainings: 1 instance, 300 epochs, batches of 100, patience 25 after
 * 100 epochs, a tenth for validation, seed 1. */
TrainOptions train_default(void);

/* Losses of one epoch of one instance; NaN where the instance had already stopped. */
typedef struct TrainLoss {
    double train, validation;
} TrainLoss;

typedef struct TrainResult {
    Weights best;        /* of the epoch with the least validation loss            */
    int64_t epochs;      /* that the longest instance ran                          */
    TrainLoss *history;  /* (epochs, instances)                                    */
    int64_t *best_epoch; /* (instances), counted from 1                            */
    double *best_loss;   /* (instances)                                            */
} TrainResult;

/* Needs: dataset_fits(d, m, true).  Errors: USAGE for too few samples, or a checkpoint of
 * another training; FILE for a damaged checkpoint; DIVERGED with instance and epoch when a
 * loss is not finite; STOPPED after a signal, when the checkpoint is on disk; DEVICE if the
 * device fails. */
bool train_run(TrainResult *r, const ArchModel *m, const Dataset *d,
               const TrainOptions *o, ArchError *e);
void train_release(TrainResult *r);

/* Shards of a batch: a function of its size alone, so that results are. */
int64_t train_shards(int64_t batch);

#endif
