/* dataset.h - configurations with labels, as they lie in an HDF5 file.
 *
 * One lattice: at the root
 *
 *     /x    (N, C, T, X)   int8 .. float64; for flux data channels k_t, k_x, l_t, l_x
 *     /y    (N, outputs)   labels
 *     /set  (N)            row of /sets each sample was made with          (optional)
 *     /obs  (N, 2)         n and |phi|^2 of the closed configuration       (optional)
 *     /path_worm (N + 1)   worms of sample i: from [i] to before [i + 1]   (optional)
 *     /path_begin (W + 1)  steps of worm w: from [w] to before [w + 1]     (optional)
 *     /path (S, 2)         a site, t X + x, and the direction the worm left it by: 0 ..
 *                          D-1 forward along axis 0 (time), 1, .., D .. 2D-1 backward;
 *                          -1 behind its last step                        (optional)
 *     /sampling            how the samples of each row of /sets were made  (optional):
 *                          tau, error, between, thermal, worms; see DatasetSampling
 *     /sets                parameters: eta, lambda, mu, worms              (optional):
 *                          a compound per row, or a group with a column each
 *
 * Several lattices: the same in one group for each, /60x4/x, and /sets once.
 * Attributes of the root: kind, seed, protocol, version (of this layout: 2; 1
 * had no /sampling).
 *
 * kind "flux": y is (n, |phi|^2).  "worms": y is the number of open worms.  "open": y is
 * 1 with an open worm and 0 without; there too a path is stored, of a worm that closed.
 *
 * A file with only /x and /y, made by anything that writes HDF5, is a data set; other
 * number types are converted to the narrowest of ours that holds them.  /y may be (N).
 *
 * HDF5 is not made for threads: one thread at a time may be in these functions. */
#ifndef ARCHRT_DATASET_H
#define ARCHRT_DATASET_H

#include <stdint.h>

#include "arch_model.h"
#include "archrt/error.h"

enum { DATASET_PROTOCOL = 1024 };

/* Parameters shared by many samples. */
typedef struct DatasetSet {
    double eta, lambda, mu;
    int worms; /* open worms on every sample; 0 for flux data */
} DatasetSet;

/* How the samples of one parameter set on one lattice were made.  A sweep is `worms` worms
 * and one proposal for every l. */
typedef struct DatasetSampling {
    double tau, error; /* sweeps, of n or |phi|^2, the larger; 0: not measured */
    int64_t between;   /* sweeps from sample to sample                         */
    int64_t thermal;   /* sweeps before the first                              */
    int64_t worms;     /* in a sweep                                           */
} DatasetSampling;

/* The ways of worms, as in the file; all NULL if they were not kept. */
typedef struct DatasetPaths {
    int64_t *worm;  /* (samples + 1)            */
    int64_t *begin; /* (worms + 1)              */
    int32_t *step;  /* (steps, 2) site, way     */
} DatasetPaths;

/* The samples of one lattice. */
typedef struct DatasetGroup {
    int rank; /* axes of the lattice; 0: x is (N, C)      */
    int64_t extent[ARCH_AXES_MAX];
    int channels, outputs;
    int64_t samples;
    ArchType type; /* of x                                     */
    void *x;       /* (samples, channels, sites)               */
    double *y;     /* (samples, outputs)                       */
    int32_t *set;  /* (samples) index into sets, or NULL       */
    double *obs;   /* (samples, 2) n, |phi|^2, or NULL         */
    DatasetPaths paths;
    DatasetSampling *sampling; /* (sets), or NULL                          */
} DatasetGroup;

typedef struct Dataset {
    int groups, sets;
    DatasetGroup *group;
    DatasetSet *set;
    uint64_t seed;                   /* 0 if the file does not say               */
    char kind[16];                   /* "flux", "worms", or "" for foreign files */
    char protocol[DATASET_PROTOCOL]; /* how the samples were made, or ""         */
} Dataset;

/* Reads a whole file; the groups come by size.  Errors (code FILE): missing, not HDF5,
 * truncated, no /x or /y, shapes that disagree, larger than the memory, of a later
 * layout; (code DIVERGED): a NaN or infinity in /x, /y or /obs, naming sample and place.
 * On failure *d is empty. */
bool dataset_read(Dataset *d, const char *path, ArchError *e);

/* Writes the whole file beside `path`, then renames it: it is there whole or not at
 * all. Equal data give equal bytes. */
bool dataset_write(const Dataset *d, const char *path, ArchError *e);

/* Whether dataset_write() could create `path`: asked before hours of work. */
bool dataset_writable(const char *path, ArchError *e);

void dataset_release(Dataset *d);

void dataset_paths_release(DatasetPaths *p);

int64_t dataset_sites(const DatasetGroup *g);

/* "8x8" or, for rank 0, "1". */
void dataset_lattice(const DatasetGroup *g, char text[96]);

/* The order of groups in a file: by rank, by sites, by extents. */
int dataset_compare(const DatasetGroup *a, const DatasetGroup *b);

size_t arch_type_size(ArchType type);

#endif
