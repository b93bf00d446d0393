/* flux_parts.h - what a stopped job has done so far: a file for each chain.
 *
 * In a folder beside the output, `job` says in words what is made, `pilots` holds what
 * pilots have found, and N.part chain N: its state, and its samples.  Each is written whole (temporary, fsync, rename) and
 * carries a checksum; one that is damaged counts as absent, because its chain can be made
 * again to the same bytes.  Parts are for the machine that wrote them. */
#ifndef FLUX_PARTS_H
#define FLUX_PARTS_H

#include "file.h"
#include "flux_chain.h"
#include "flux_work.h"

typedef struct FluxParts {
    char folder[FILE_PATH_MAX];
    char *job; /* malloc */
    uint64_t hash;
    bool there; /* whether the folder is */
} FluxParts;

/* A chain of the job and its samples, of which `done` are there. */
typedef struct FluxPart {
    int64_t index; /* of the chain in the job                                 */
    FluxChain *chain;
    int64_t done, all;
    int64_t first, stride; /* row of its first sample; rows to the next count    */
    int counts;
    DatasetGroup *group;
    WormsPaths *paths; /* of the group, by row, or NULL */
} FluxPart;

/* Errors: USAGE if the folder holds another job; FILE: parts of another version, no parts,
 * no right to write. */
bool flux_parts_open(FluxParts *p, const FluxDataSpec *s, ArchError *e);
void flux_parts_release(FluxParts *p);

/* Fills the samples, p->done and the state of the chain; done = 0 if there is no part. */
bool flux_parts_load(const FluxParts *f, FluxPart *p);

bool flux_parts_save(FluxParts *f, const FluxPart *p, ArchError *e);

/* Into the `sampling` of the groups, and from there: pilots that are not done have
 * between = 0. */
void flux_parts_load_pilots(const FluxParts *f, Dataset *d);
bool flux_parts_save_pilots(FluxParts *f, const Dataset *d, ArchError *e);

#endif
