/* train_kernels.h - the arguments of the kernels in train_kernels.cu.
 *
 * This text is compiled in front of theirs, too; the same struct has the same layout on
 * both sides.  Arrays are the device's; `real` is float or double. */
#ifndef ARCHRT_TRAIN_KERNELS_H
#define ARCHRT_TRAIN_KERNELS_H

/* Of a block; all kernels are launched with it. */
#define TRAIN_THREADS 256

/* A step of AdamW, grid (any, instances): what the sums of a batch's losses are added to,
 * and the factors of archrt/optim.h. */
typedef struct AdamWArgument {
    void *w, *m, *v, *u; /* real (instances, params) */
    const void *g;       /* likewise                 */
    const double *loss;  /* (instances): means       */
    double *loss_sum;    /* (instances)              */
    double samples;      /* of the batch             */
    double keep, step, root, c1, b2, c2, eps, ams;
    long long params;
} AdamWArgument;

/* sum[i] += mean over `width` outputs, summed over the samples, of the losses of instance i;
 * grid (1, instances), shared memory a double a thread. */
typedef struct LossArgument {
    const void *y;        /* real (instances, rows, width)  */
    const void *target;   /* real (rows of the data, width) */
    const long long *row; /* (rows)                         */
    double *sum;          /* (instances)                    */
    long long rows, width;
    int cross_entropy; /* else squared error             */
} LossArgument;

/* x <- factor x + term in every chain, PEAK_FMAS times a thread and round; any grid. */
#define PEAK_CHAINS 8
#define PEAK_FMAS   (PEAK_CHAINS * 16)
typedef struct PeakArgument {
    void *out; /* real, a number a thread */
    double factor, term;
    long long rounds;
} PeakArgument;

#endif
