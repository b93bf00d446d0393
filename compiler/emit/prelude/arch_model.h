/* arch_model.h - what generated code offers to whoever drives it.
 *
 * Every header that archc writes carries this text behind its guard, and the runtime
 * installs it: a caller needs either, and may have both.
 *
 * The caller owns all memory; generated code has no state, allocates nothing and, once
 * `work_bytes` has said more than 0, cannot fail.  `packed` and `work` are aligned to 64
 * bytes.  `real` below is float or double, as ArchModel.real says. */
#ifndef ARCH_MODEL_H
#define ARCH_MODEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ARCH_ABI 4
#define ARCH_AXES_MAX 4
#define ARCH_LANES 16 /* numbers worked on at a time: samples, or parts of their lattices */

typedef enum ArchType { ARCH_I8 = 1, ARCH_I16, ARCH_I32, ARCH_F32, ARCH_F64 } ArchType;
typedef enum ArchLoss { ARCH_LOSS_NONE, ARCH_LOSS_MSE, ARCH_LOSS_BCE } ArchLoss;
typedef enum ArchWhat { ARCH_FORWARD, ARCH_GRADIENT, ARCH_VJP } ArchWhat;

/* The instruction set a call runs on; ARCH_ISA_BEST is the best this machine has. */
typedef enum ArchIsa {
    ARCH_ISA_BEST,
    ARCH_ISA_PLAIN,
    ARCH_ISA_AVX2,
    ARCH_ISA_AVX512
} ArchIsa;

/* One piece of work.  Set `size`, and everything unused to zero. */
typedef struct ArchCall {
    size_t size;                       /* sizeof(ArchCall)                                 */
    int64_t extent[ARCH_AXES_MAX];     /* of the lattice, time first                       */
    int64_t batch;                     /* samples                                          */

    const void *x;                     /* configurations (samples, channels, sites..)      */
    ArchType x_type;
    int64_t x_stride[2 + ARCH_AXES_MAX]; /* sample, channel, axes, in elements; all 0:
                                          contiguous                                       */
    const int64_t *index;              /* sample b of the batch is row index[b] of x and of
                                          the target; NULL: row b                          */
    int64_t index_stride;              /* instance i has index + i * index_stride: 0 where all
                                          have the same                                    */

    const void *packed;                /* [instances][packed_bytes], from pack()           */
    void *work;                        /* work_bytes(); its content is of no meaning to the
                                          caller, and before a call only if `kept`         */
    int64_t instances;                 /* networks with one architecture; 0 counts as 1    */

    int64_t shard, shards;             /* a batch is worked through in blocks of up to 16
                                          samples; of nb blocks this call does those from
                                          nb*shard/shards to nb*(shard+1)/shards; shards 0
                                          counts as 1                                      */
    ArchIsa isa;

    void *state;                       /* running statistics: none yet                     */
    uint64_t seed, step;               /* for layers that draw random numbers: none yet    */
    int training;
    int kept;                          /* 1: work is as the last call with the same extents,
                                          batch and kind of call left it, at its place; saves
                                          cutting lattices, laying fields out and making the
                                          tables of neighbours again.  With any other work all
                                          is undefined                                      */
} ArchCall;

typedef struct ArchParam {
    const char *name;                  /* "conv1.weight"                                   */
    int rank;
    int64_t dim[2 + ARCH_AXES_MAX];    /* [out][in][k..] or [out]                          */
    int64_t offset, count;             /* in elements                                      */
    int64_t fan_in;                    /* initial values: uniform in +-1/sqrt(fan_in)      */
} ArchParam;

/* ---- CUDA: what a driver needs to launch the kernels of ArchModel.cuda_source ---- */

typedef struct ArchCudaDevice {
    int multiprocessors;
    int threads;                       /* at most, in a block                              */
    size_t shared_block;               /* shared memory a block can have, in bytes         */
    size_t shared_total;               /* ... and all blocks of a multiprocessor           */
} ArchCudaDevice;

/* How calls of one kind run on one lattice and device. */
typedef struct ArchCudaPlan {
    ArchWhat what;
    int threads;                       /* of a block                                       */
    int64_t blocks;                    /* for one instance                                 */
    int in_shared;                     /* a sample has a block to itself, the network's
                                          values being in shared memory; else tiles of its
                                          lattice are dealt to all blocks, and what passes
                                          hand on is in `work`                             */
    int64_t round;                     /* samples spread at once over the grid             */
    int tile;                          /* sites of a tile, at most                         */
    int passes;                        /* launches of stage RUN, at least 1                */
    size_t shared_bytes;               /* of a block                                       */
    size_t table_bytes, work_bytes;    /* of the device's memory: work_bytes is at most what
                                          the sums of `blocks` blocks take, and the values
                                          of one sample of each instance or 256 MiB        */
} ArchCudaPlan;

/* In the order in which they are launched.  PACK: after every change of the weights;
 * TABLES: once a lattice; RUN: for every pass from 0 below `passes`, each when the one before
 * has ended, as launches on one stream do; REDUCE: behind every gradient or vjp with
 * dparams. */
typedef enum ArchCudaStage {
    ARCH_CUDA_PACK,
    ARCH_CUDA_TABLES,
    ARCH_CUDA_RUN,
    ARCH_CUDA_REDUCE
} ArchCudaStage;

/* Arrays on the device, as those of the functions of ArchModel; unused ones are null. */
typedef struct ArchCudaArrays {
    const void *params;                /* PACK: (instances, param_count)                   */
    void *packed;                      /* [instances][cuda_packed_bytes]                   */
    void *tables, *work;
    const void *target, *dy;
    void *y, *dx, *dparams;
    double *loss;
} ArchCudaArrays;

/* A kernel with one argument, a struct passed by value. */
typedef struct ArchCudaLaunch {
    const char *kernel;
    unsigned grid[2];                  /* blocks, instances                                */
    int threads;
    size_t shared_bytes;
    size_t argument_bytes;
    uint64_t argument[512];
} ArchCudaLaunch;

typedef struct ArchModel {
    size_t size;                       /* sizeof(ArchModel)                                */
    int abi;                           /* ARCH_ABI                                         */
    const char *name;                  /* "count_eq1"                                      */
    const char *version;               /* of archc                                         */
    const char *source;                /* the .arch it was made from, whole                */
    uint64_t source_hash;              /* FNV-1a of it                                     */
    ArchType real;                     /* ARCH_F32 or ARCH_F64                             */
    const char *symmetry;              /* one line: "equivariant under all translations"   */

    int channels;                      /* of the input                                     */
    int rank;                          /* axes of the lattice                              */
    const char *axis[ARCH_AXES_MAX];   /* their names                                      */
    int64_t fixed_extent[ARCH_AXES_MAX]; /* 0 where the lattice is free                    */
    int outputs;                       /* channels of the output                           */
    ArchLoss loss;

    int params;                        /* tensors                                          */
    const ArchParam *param;
    int64_t param_count;               /* numbers in all of them                           */
    size_t packed_bytes;               /* of one instance                                  */

    /* 0 for a lattice the network cannot take. */
    size_t (*work_bytes)(const int64_t *extent, int64_t batch, ArchWhat what);
    /* Sites of the output: 1 behind a global pool or Flatten. */
    int64_t (*output_sites)(const int64_t *extent);
    /* Whether a pool leaves out sites at the end of an axis, where it does not divide. */
    int (*drops_sites)(const int64_t *extent);
    /* Floating-point operations per sample, a convolution counted directly (2 per product). */
    double (*flops)(const int64_t *extent, ArchWhat what);

    /* After every change of the weights.  params, packed: [instances]. */
    void (*pack)(const void *params, void *packed, int64_t instances);
    /* y: real (instances, batch, outputs, sites); a shard writes its own samples. */
    void (*forward)(const ArchCall *call, void *y);
    /* dy: real, shaped as y.  dx: real (instances, batch, channels, sites), or NULL;
     * dparams: real (instances, param_count), summed over the shard, or NULL. */
    void (*vjp)(const ArchCall *call, const void *dy, void *dx, void *dparams);
    /* NULL if the model has no loss.  target: real (rows, outputs, sites).  loss: [instances] and
     * dparams: (instances, param_count) of the shard, summed over samples and outputs. */
    void (*gradient)(const ArchCall *call, const void *target, double *loss, void *dparams);
    /* Adds `shards` consecutive results (shards, instances, ..) of gradient() in a fixed
     * tree into the first and divides by batch * outputs: the mean loss and its gradient.
     * The tree depends on `shards` alone. */
    void (*reduce)(double *loss, void *dparams, int64_t shards, int64_t instances,
                   int64_t batch, const int64_t *extent);

    const char *cuda_source;           /* NULL: not generated                              */
    size_t cuda_packed_bytes;          /* of one instance, on the device                   */
    /* 0 for a lattice the network cannot take.  Of the call, extent, batch and instances
     * count. */
    int (*cuda_plan)(const ArchCall *call, ArchWhat what, const ArchCudaDevice *device,
                     ArchCudaPlan *plan);
    /* 0 if there is nothing to launch in this pass of this stage; the other passes are
     * launched all the same.  Every pass has a kernel, a grid and threads of its own; `pass`
     * is 0 where the stage is not RUN.  x and index of the call are on the device, packed and
     * work are those of `arrays`; for PACK and TABLES the plan may be null.  A gradient and
     * its loss are means over samples and outputs, a vjp's dparams sums. */
    int (*cuda_launch)(const ArchCall *call, const ArchCudaPlan *plan,
                       const ArchCudaArrays *arrays, ArchCudaStage stage, int pass,
                       ArchCudaLaunch *launch);

    /* The share of the machine's multiply-add peak that calls with this batch reach at most,
     * as counted from their instructions and, beyond the second cache, bytes; flop as above,
     * so that more than 1 is possible.  0 for a lattice the network cannot take. */
    double (*bound)(const int64_t *extent, int64_t batch, ArchWhat what, ArchIsa isa);
} ArchModel;

#ifdef __cplusplus
}
#endif
#endif
