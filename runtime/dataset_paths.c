#include "dataset_source.h"

#include "dataset_file.h"
#include "h5file.h"

#include <stdlib.h>

void dataset_paths_release(DatasetPaths *p)
{
    free(p->worm);
    free(p->begin);
    free(p->step);
    *p = (DatasetPaths){0};
}

bool dataset_put_paths(hid_t where, const DatasetGroup *g)
{
    const DatasetPaths *p = &g->paths;
    if (p->worm == NULL)
        return true;
    const hsize_t n = (hsize_t)g->samples, worms = (hsize_t)p->worm[n],
                  steps = (hsize_t)p->begin[worms];
    const hid_t in_file = H5T_STD_I64LE, in_memory = H5T_NATIVE_INT64;
    const H5Array worm =
                      {
                          "path_worm", in_file, in_memory, 1, {n + 1},
                              p->worm
    },
                  begin = {"path_begin", in_file, in_memory, 1, {worms + 1}, p->begin},
                  step = {"path", H5T_STD_I32LE, H5T_NATIVE_INT32,
                          2,      {steps, 2},    p->step};
    return h5_put(where, &worm) && h5_put(where, &begin) &&
           (steps == 0 || h5_put(where, &step));
}

static bool inconsistent(const Reader *r)
{
    return error_set(r->error, ARCH_EXIT_FILE,
                     "%s: %spath, path_worm and path_begin do not fit together",
                     r->path, r->place);
}

/* An array of offsets that begins at 0 and never falls: NULL after an error. */
static int64_t *read_offsets(const Reader *r, hid_t where, const char *name, int64_t *n)
{
    Source s;
    int64_t *v = NULL;
    if (!source_open(r, &s, where, name))
        return NULL;
    const hid_t type = H5Dget_type(s.id);
    const bool integers = type >= 0 && H5Tget_class(type) == H5T_INTEGER;
    if (type >= 0)
        H5Tclose(type);
    bool ok = s.rank == 1 && s.dim[0] > 0 && integers;
    if (ok && (v = malloc((size_t)s.count * sizeof *v)) == NULL) {
        reader_out_of_memory(r);
    } else if (ok &&
               H5Dread(s.id, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) < 0) {
        reader_damaged(r, name);
        free(v);
        v = NULL;
    }
    for (hsize_t i = 0; v != NULL && ok && i < s.count; i++)
        ok = i == 0 ? v[i] == 0 : v[i] >= v[i - 1];
    H5Dclose(s.id);
    if (!ok) {
        free(v);
        v = NULL;
        inconsistent(r);
    }
    *n = (int64_t)s.count - 1;
    return v;
}

/* Sites on the lattice, ways along its axes, and -1 at the end of each worm only. */
static bool steps_fit(const DatasetGroup *g, int64_t worms)
{
    const DatasetPaths *p = &g->paths;
    const int64_t sites = dataset_sites(g);
    for (int64_t w = 0; w < worms; w++)
        for (int64_t i = p->begin[w]; i < p->begin[w + 1]; i++) {
            const int32_t site = p->step[2 * i], way = p->step[2 * i + 1];
            const bool last = i + 1 == p->begin[w + 1];
            if (site < 0 || site >= sites || way < -1 || way >= 2 * g->rank ||
                last != (way == -1))
                return false;
        }
    return true;
}

static bool read_steps(const Reader *r, DatasetGroup *g, hid_t where, int64_t worms)
{
    Source s;
    DatasetPaths *p = &g->paths;
    if (p->begin[worms] == 0)
        return true;
    if (!reader_has(where, "path"))
        return inconsistent(r);
    if (!source_open(r, &s, where, "path"))
        return false;
    bool ok = s.rank == 2 && s.dim[1] == 2 && s.dim[0] == (hsize_t)p->begin[worms];
    if (!ok)
        inconsistent(r);
    else
        ok = (p->step = source_values(r, &s, ARCH_I32, "path")) != NULL;
    H5Dclose(s.id);
    return ok && (steps_fit(g, worms) || inconsistent(r));
}

bool reader_paths(const Reader *r, DatasetGroup *g, hid_t where)
{
    int64_t samples, worms;
    if (!reader_has(where, "path_worm"))
        return true;
    if (!reader_has(where, "path_begin"))
        return inconsistent(r);
    if ((g->paths.worm = read_offsets(r, where, "path_worm", &samples)) == NULL ||
        (g->paths.begin = read_offsets(r, where, "path_begin", &worms)) == NULL)
        return false;
    if (samples != g->samples || worms != g->paths.worm[samples])
        return inconsistent(r);
    return read_steps(r, g, where, worms);
}
