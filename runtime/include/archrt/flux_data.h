/* flux_data.h - whole data sets of flux configurations, over grids of parameters.
 *
 * One group per lattice.  Its samples stand by parameter set, a set being a point (eta,
 * lambda, mu) with a number of open worms: set = point * counts + count.  The chains of
 * a point serve its numbers of worms in turn.
 *
 * What comes out depends on the specification alone: each chain has its own stream of
 * random numbers, and how many chains there are follows from the number of samples.  How
 * long a sweep is, and how many of them part the samples, is found by pilots and kept in
 * the `sampling` of each group. */
#ifndef ARCHRT_FLUX_DATA_H
#define ARCHRT_FLUX_DATA_H

#include "archrt/dataset.h"
#include "archrt/flux.h"
#include "archrt/gpu.h"
#include "archrt/worms.h"

typedef struct FluxLattice {
    int rank;
    int64_t extent[ARCH_AXES_MAX]; /* time first */
} FluxLattice;

enum { FLUX_DATA_AUTO = -1 }; /* for thermal or between: a pilot chooses */

typedef enum FluxDataStage { FLUX_DATA_PILOT, FLUX_DATA_SAMPLES } FluxDataStage;

/* Shares of the work of a stage, 0 .. 1. */
typedef struct FluxDataProgress {
    FluxDataStage stage;
    double done;
    double from; /* of that, what was there already */
} FluxDataProgress;

typedef struct FluxDataSpec {
    int lattices, points, counts;
    const FluxLattice *lattice;
    const FluxParams *point;
    const int *worms; /* (counts) y is that number; NULL: closed, y is n and |phi|^2 */
    /* y is 1 with open worms and 0 without; on a sample without, the last worm is one
     * that closed, worms_close(), so that both kinds are as fresh */
    bool detect;
    WormsLength length; /* of open worms, with `steps` as in WormsSpec */
    double steps;
    bool paths;      /* whether to keep the ways of the worms, not for closed data */
    int64_t samples; /* per lattice, point and number of worms                      */
    uint64_t seed;
    /* Sweeps before the first sample, >= 0, and from sample to sample, >= 1; or
     * FLUX_DATA_AUTO: for every lattice and point as a pilot of its own finds, so that
     * samples are independent */
    int64_t thermal, between;
    /* NULL, or a device that does the sweeps, all points of a lattice at once, and its
     * compiler; the pilots and what follows the sweeps are the processor's.  The same
     * samples, parts and errors, and DEVICE */
    Gpu *gpu;
    GpuCompiler *compiler;
    /* NULL, or a folder for parts: what chains have done is saved there now and then, and
     * on SIGTERM or SIGINT, which are blocked meanwhile; a later call of the same
     * specification goes on from there, to the same samples */
    const char *parts;
    int64_t *resumed; /* NULL, or grows by the samples that were there already */
    /* NULL, or called now and then by the calling thread */
    void (*progress)(void *data, const FluxDataProgress *p);
    void *progress_data;
} FluxDataSpec;

/* Whether flux_data_make() would begin: cheap, to be asked first.  Errors (code USAGE):
 * as flux_new(); too many worms for a lattice; a lattice twice; more than the
 * memory. */
bool flux_data_check(const FluxDataSpec *s, ArchError *e);

/* Errors: as flux_data_check(), a flux that left its range, an autocorrelation time too
 * long to be measured; with parts also USAGE,
 * parts of another specification; FILE; STOPPED, by a signal.  The caller releases
 * *d. */
bool flux_data_make(const FluxDataSpec *s, Dataset *d, ArchError *e);

/* Removes the folder of parts, once their data are written. */
bool flux_data_forget(const char *folder, ArchError *e);

/* How, in a few sentences; the same text is the attribute `protocol` of the file. */
void flux_data_protocol(const FluxDataSpec *s, char text[DATASET_PROTOCOL]);

#endif
