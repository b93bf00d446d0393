/* model_build.h - from .arch to a shared object, behind a cache: an entry of cache.h,
 * HASH.so. */
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
