/* eval.h - a trained network on data: outputs, loss, accuracy. */
#ifndef ARCHRT_EVAL_H
#define ARCHRT_EVAL_H

#include <stdbool.h>

#include "arch_model.h"
#include "archrt/dataset.h"
#include "archrt/error.h"
#include "archrt/gpu_model.h"
#include "archrt/weights.h"

/* Reads several files as one data set: samples of one lattice become one group, whatever
 * file they come from, and equal parameter sets one set. */
bool dataset_read_all(Dataset *d, const char *const *path, int n, ArchError *e);

/* Whether every group fits the network (code USAGE): lattice, channels and, if `labels`, as
 * many labels as the network has outputs (and in 0..1 for BCE). */
bool dataset_fits(const Dataset *d, const ArchModel *m, bool labels, ArchError *e);

/* Outputs for rows of one group. */
typedef struct Apply {
    const ArchModel *m;
    const DatasetGroup *g;
    const int64_t *row; /* NULL: the first `rows`                               */
    int64_t rows;
    const bool *only; /* (instances) of which outputs are wanted; NULL: all   */
    int threads;      /* 0: as many as there are cores                        */
    GpuModel *gpu;    /* NULL: the processor; a device takes no row, no only  */
} Apply;

/* y: real (instances, rows, outputs, sites of the output).  The processor needs w packed,
 * and its result does not depend on the number of threads.  Errors: DEVICE. */
bool apply_forward(const Apply *a, const Weights *w, void *y, ArchError *e);

/* Numbers of one row of y. */
int64_t apply_width(const ArchModel *m, const DatasetGroup *g);

/* Loss of one output against its label: squared error, or cross entropy of a probability
 * (its logarithms bounded by -100, as PyTorch has them). */
double loss_value(ArchLoss loss, double y, double label);

/* What a prediction is worth, for one instance and the rows of one set, or a whole lattice. */
typedef struct EvalRow {
    int instance;
    const DatasetGroup *group;
    const DatasetSet *set; /* NULL: unknown, or the total of a lattice          */
    bool total;
    int64_t samples;
    double loss;     /* mean over samples and outputs; NaN without a loss */
    double accuracy; /* NaN where it has no meaning                       */
} EvalRow;

typedef struct EvalTable {
    int rows;
    EvalRow
        *row; /* instance by instance, lattice by lattice: its sets, then its total */
} EvalTable;

/* `how`: its m, threads and gpu.  Accuracy: the share of outputs that round to their label if all labels are integers and
 * the loss is MSE; on the right side of 0.5 for BCE.  Error DIVERGED for an output that is
 * not finite.  The table points into d. */
bool eval_run(EvalTable *t, const Apply *how, const Weights *w, const Dataset *d,
              ArchError *e);
void eval_release(EvalTable *t);

#endif
