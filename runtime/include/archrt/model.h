/* model.h - a compiled network in hand.
 *
 * From a shared object, or from a .arch: then archc and the C compiler run once, and the
 * result stays in a cache ($XDG_CACHE_HOME/archc or ~/.cache/archc) under a hash of
 * everything it depends on.  archc is $ARCHC, or stands beside this program, or in PATH;
 * the compiler is $CC or cc. */
#ifndef ARCHRT_MODEL_H
#define ARCHRT_MODEL_H

#include "arch_model.h"
#include "archrt/error.h"

typedef struct Model {
    const ArchModel *m;
    void *handle; /* of the shared object */
} Model;

typedef struct ModelChoice {
    const char *name; /* of the model in a file with several; NULL: the only one */
    ArchType real;    /* ARCH_F32 or ARCH_F64; 0: single precision, or whatever a shared
                         object has                                                      */
} ModelChoice;

/* Errors: MODEL if archc finds the text faulty (it has said why); USAGE for several models
 * without a choice, or a shared object of the other precision; FILE for everything that is
 * missing, unreadable, not a model or not of this version. */
bool model_open(Model *m, const char *path, const ModelChoice *choice, ArchError *e);

/* After this nothing of m->m may be used. */
void model_release(Model *m);

/* Work memory of one thread, for calls of one model one after the other.  It remembers the
 * last call: one alike finds its tables still there (ArchCall.kept). */
typedef struct ModelWork {
    void *memory; /* aligned to 64 bytes, for the largest of the calls; the owner frees it */
    int64_t extent[ARCH_AXES_MAX], batch;
    ArchWhat what;
} ModelWork;

/* Gives the call its work memory. */
void model_work_use(ModelWork *w, ArchCall *call, ArchWhat what);

/* Bytes of one real number. */
size_t model_real_size(const ArchModel *m);

/* "float32", "float64" */
static inline const char *model_real_name(const ArchModel *m)
{
    return m->real == ARCH_F64 ? "float64" : "float32";
}

/* Whether the network can work on this lattice, and if not (code USAGE) why. */
bool model_takes(const ArchModel *m, int rank, const int64_t *extent, ArchError *e);

/* NULL if a library of this file cannot be used: the struct's size and version are checked. */
const ArchModel *model_check(const ArchModel *m, const char *path, ArchError *e);

#endif
