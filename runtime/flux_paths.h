/* flux_paths.h - the ways of worms while a data set is made: by sample, in any order. */
#ifndef FLUX_PATHS_H
#define FLUX_PATHS_H

#include "archrt/dataset.h"
#include "archrt/worms.h"

/* (groups, samples) without a worm; NULL without memory. */
WormsPaths **flux_paths_new(const Dataset *d);
void flux_paths_free(WormsPaths **all, const Dataset *d);

/* One behind the other into g->paths; false without memory. */
bool flux_paths_join(DatasetGroup *g, const WormsPaths *paths);

#endif
