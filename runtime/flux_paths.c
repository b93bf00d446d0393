#include "flux_paths.h"

#include <stdlib.h>
#include <string.h>

WormsPaths **flux_paths_new(const Dataset *d)
{
    WormsPaths **all = calloc((size_t)d->groups, sizeof *all);
    for (int i = 0; all != NULL && i < d->groups; i++) {
        all[i] = calloc((size_t)d->group[i].samples, sizeof **all);
        if (all[i] == NULL) {
            flux_paths_free(all, d);
            return NULL;
        }
    }
    return all;
}

void flux_paths_free(WormsPaths **all, const Dataset *d)
{
    for (int i = 0; all != NULL && i < d->groups; i++) {
        for (int64_t row = 0; all[i] != NULL && row < d->group[i].samples; row++)
            worms_paths_release(&all[i][row]);
        free(all[i]);
    }
    free(all);
}

bool flux_paths_join(DatasetGroup *g, const WormsPaths *paths)
{
    int64_t worms = 0, steps = 0;
    for (int64_t i = 0; i < g->samples; i++) {
        worms += paths[i].worms;
        steps += paths[i].steps;
    }
    DatasetPaths *all = &g->paths;
    all->worm = malloc((size_t)(g->samples + 1) * sizeof *all->worm);
    all->begin = malloc((size_t)(worms + 1) * sizeof *all->begin);
    all->step = malloc((size_t)(steps + 1) * 2 * sizeof *all->step);
    if (all->worm == NULL || all->begin == NULL || all->step == NULL)
        return false;
    worms = steps = 0;
    all->worm[0] = all->begin[0] = 0;
    for (int64_t i = 0; i < g->samples; i++) {
        for (int j = 0; j < paths[i].worms; j++)
            all->begin[++worms] = steps + paths[i].end[j];
        if (paths[i].steps > 0)
            memcpy(all->step + 2 * steps, paths[i].step,
                   (size_t)paths[i].steps * 2 * sizeof *all->step);
        steps += paths[i].steps;
        all->worm[i + 1] = worms;
    }
    return true;
}
