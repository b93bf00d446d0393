/* model_build.h - from .arch to a shared object, behind a cache.
 *
 * An entry of the cache is one file, HASH.so: the library, and behind it 16 bytes, a mark
 * and the hash of the rest.  It appears by a rename, so that several builders never meet;
 * one whose hash is wrong is built again. */
#ifndef ARCHRT_MODEL_BUILD_H
#define ARCHRT_MODEL_BUILD_H

#include "archrt/model.h"
#include "file.h"

typedef struct ModelBuild {
    char library[FILE_PATH_MAX]; /* exports `const ArchModel *archrun_model(void)`    */
    char scratch[FILE_PATH_MAX]; /* a folder of our own, "" if everything is cached   */
} ModelBuild;

/* Errors as model_open(). */
bool model_build(ModelBuild *b, const char *arch, const ModelChoice *choice,
                 ArchError *e);
/* Removes what is not in the cache. */
void model_build_release(ModelBuild *b);

#endif
