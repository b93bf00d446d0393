#include "flux_verify.h"

#include "archrt/lattice.h"
#include "flux_chain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum Kind { KIND_FLUX, KIND_OPEN, KIND_WORMS, KINDS } Kind;
static const char *const kind_name[KINDS] = {"flux", "open", "worms"};

/* Rounding: sums of a few thousand ratios, made in another order. */
static const double tolerance = 1e-10;

/* The samples of one lattice, being looked at. */
typedef struct Verifier {
    const Dataset *data;
    const DatasetGroup *group;
    const char *path;
    Kind kind;
    Lattice lattice;
    double *ratio; /* (sets, size) r_p of each parameter set */
    int size;
    int8_t *links; /* (2 rank, sites) a sample, closed again */
    ArchError *error;
} Verifier;

/* "data.h5: sample 7 of 8x8" */
static void name_sample(const Verifier *v, int64_t i, char text[400])
{
    char lattice[96];
    dataset_lattice(v->group, lattice);
    snprintf(text, 400, "%.250s: sample %lld of %s", v->path, (long long)i, lattice);
}

static int divergence(const Lattice *g, const int8_t *k, int32_t x)
{
    int div = 0;
    for (int a = 0; a < g->rank; a++)
        div += k[a * g->sites + x] -
               k[a * g->sites + g->neighbour[x * 2 * g->rank + g->rank + a]];
    return div;
}

/* Exactly one site of +1 and one of -1 for each worm. */
static bool check_violations(const Verifier *v, int64_t i, int worms)
{
    char sample[400];
    int count[2] = {0, 0};
    int32_t first = -1;
    bool apart = true;
    for (int32_t x = 0; x < v->lattice.sites; x++) {
        const int div = divergence(&v->lattice, v->links, x);
        if (div == 0)
            continue;
        first = first < 0 ? x : first;
        count[div > 0] += abs(div);
        apart = apart && abs(div) == 1;
    }
    if (apart && count[0] == worms && count[1] == worms)
        return true;
    name_sample(v, i, sample);
    if (first < 0)
        return error_set(v->error, ARCH_EXIT_FILE,
                         "%s conserves flux everywhere, but says it has %d open worms",
                         sample, worms);
    char at[96];
    lattice_position_text(&v->lattice, first, at);
    return error_set(v->error, ARCH_EXIT_FILE,
                     "%s violates flux conservation %d times%s, %d open worms do so %d "
                     "times; first at site (%s)",
                     sample, count[0] + count[1], apart ? "" : " with two at one site",
                     worms, 2 * worms, at);
}

static bool check_l(const Verifier *v, int64_t i)
{
    const int32_t half = v->lattice.rank * v->lattice.sites;
    char sample[400];
    for (int32_t n = half; n < 2 * half; n++)
        if (v->links[n] < 0) {
            name_sample(v, i, sample);
            return error_set(v->error, ARCH_EXIT_FILE, "%s has a negative l: %d",
                             sample, v->links[n]);
        }
    return true;
}

/* Takes the flux of a worm back along its way; false if its steps are no way. */
static bool undo_worm(Verifier *v, int64_t worm, int sign)
{
    const DatasetPaths *p = &v->group->paths;
    const Lattice *g = &v->lattice;
    for (int64_t s = p->begin[worm]; s + 1 < p->begin[worm + 1]; s++) {
        const int32_t from = p->step[2 * s], way = p->step[2 * s + 1],
                      to = g->neighbour[from * 2 * g->rank + way];
        if (to != p->step[2 * s + 2])
            return false;
        const int32_t link =
            way < g->rank ? way * g->sites + from : (way - g->rank) * g->sites + to;
        v->links[link] = (int8_t)(v->links[link] + (way < g->rank ? sign : -sign));
    }
    return true;
}

/* Whether the ways of the open worms lead from violation to violation; afterwards the
 * configuration is closed. */
static bool undo_worms(Verifier *v, int64_t i, int worms)
{
    const DatasetPaths *p = &v->group->paths;
    bool ok = p->worm[i + 1] - p->worm[i] == worms;
    for (int64_t w = p->worm[i + 1]; ok && w-- > p->worm[i];) {
        ok = p->begin[w + 1] > p->begin[w];
        const int div =
            ok ? divergence(&v->lattice, v->links, p->step[2 * p->begin[w]]) : 0;
        ok = ok && abs(div) == 1 && undo_worm(v, w, -div);
    }
    for (int32_t x = 0; ok && x < v->lattice.sites; x++)
        ok = divergence(&v->lattice, v->links, x) == 0;
    char sample[400];
    name_sample(v, i, sample);
    return ok ||
           error_set(v->error, ARCH_EXIT_FILE,
                     "%s: its path is not that of its %d open worms", sample, worms);
}

static bool check_number(const Verifier *v, int64_t i, const char *what, double stored,
                         double found)
{
    char sample[400];
    if (fabs(stored - found) <= tolerance * fmax(1, fabs(found)))
        return true;
    name_sample(v, i, sample);
    return error_set(v->error, ARCH_EXIT_FILE, "%s: %s is %.12g, but should be %.12g",
                     sample, what, stored, found);
}

/* n and |phi|^2 of the closed configuration in v->links. */
static void observe(const Verifier *v, int64_t i, double *n, double *phi2)
{
    const Lattice *g = &v->lattice;
    const double *r = v->ratio + (ptrdiff_t)v->group->set[i] * v->size;
    const int32_t half = g->rank * g->sites;
    int64_t charge = 0;
    *phi2 = 0;
    for (int32_t x = 0; x < g->sites; x++) {
        int f = 0;
        for (int a = 0; a < g->rank; a++) {
            const int32_t out = a * g->sites + x;
            const int32_t in =
                a * g->sites + g->neighbour[x * 2 * g->rank + g->rank + a];
            f += abs(v->links[out]) + abs(v->links[in]) +
                 2 * (v->links[half + out] + v->links[half + in]);
        }
        charge += v->links[x];
        *phi2 += r[f / 2] / g->sites;
    }
    *n = (double)charge / g->sites;
}

static bool check_labels(const Verifier *v, int64_t i, int worms, bool closed)
{
    const DatasetGroup *g = v->group;
    double n = 0, phi2 = 0;
    if (closed)
        observe(v, i, &n, &phi2);
    if (closed && (!check_number(v, i, "n in /obs", g->obs[2 * i], n) ||
                   !check_number(v, i, "|phi|^2 in /obs", g->obs[2 * i + 1], phi2)))
        return false;
    if (v->kind == KIND_FLUX)
        return check_number(v, i, "the label n", g->y[2 * i], n) &&
               check_number(v, i, "the label |phi|^2", g->y[2 * i + 1], phi2);
    return check_number(v, i, "the label", g->y[i],
                        v->kind == KIND_OPEN ? worms > 0 : worms);
}

static bool check_sample(Verifier *v, int64_t i)
{
    const DatasetGroup *g = v->group;
    const size_t size = (size_t)g->channels * (size_t)v->lattice.sites;
    const int worms = v->data->set[g->set[i]].worms;
    memcpy(v->links, (int8_t *)g->x + (size_t)i * size, size);
    if (!check_l(v, i) || !check_violations(v, i, worms))
        return false;
    const bool back = worms > 0 && g->paths.worm != NULL;
    if (back && !undo_worms(v, i, worms))
        return false;
    return check_labels(v, i, worms, worms == 0 || back);
}

static bool check_shape(const Verifier *v)
{
    const DatasetGroup *g = v->group;
    const int outputs = v->kind == KIND_FLUX ? 2 : 1;
    char lattice[96];
    dataset_lattice(g, lattice);
    if (g->type == ARCH_I8 && g->channels == 2 * g->rank && g->outputs == outputs &&
        g->set != NULL && g->obs != NULL)
        return true;
    return error_set(v->error, ARCH_EXIT_FILE,
                     "%.250s says it holds %s data; then %s needs x of int8 with %d "
                     "channels, %d label(s), set and obs",
                     v->path, kind_name[v->kind], lattice, 2 * g->rank, outputs);
}

static bool make_ratios(Verifier *v)
{
    const Dataset *d = v->data;
    v->size = 3 * (INT8_MAX + 1) * v->lattice.rank + 1; /* |k| and l are int8 */
    v->ratio = malloc((size_t)d->sets * (size_t)v->size * sizeof *v->ratio);
    v->links = malloc((size_t)v->lattice.sites * 2 * (size_t)v->lattice.rank);
    if (v->ratio == NULL || v->links == NULL)
        return error_set(v->error, ARCH_EXIT_FILE, "%.250s: out of memory", v->path);
    for (int s = 0; s < d->sets; s++) {
        const DatasetSet *p = &d->set[s];
        if (!(p->lambda >= 0) ||
            !flux_ratios(p->eta, p->lambda, v->size, v->ratio + (ptrdiff_t)s * v->size))
            return error_set(v->error, ARCH_EXIT_FILE,
                             "%.250s: there is no model with eta %g, lambda %g",
                             v->path, p->eta, p->lambda);
    }
    return true;
}

static bool check_group(Verifier *v)
{
    const DatasetGroup *g = v->group;
    if (!check_shape(v))
        return false;
    if (!lattice_init(&v->lattice, g->rank, g->extent, 2, v->error)) {
        v->error->code = ARCH_EXIT_FILE;
        return false;
    }
    bool ok = make_ratios(v);
    for (int64_t i = 0; ok && i < g->samples; i++)
        ok = check_sample(v, i);
    lattice_release(&v->lattice);
    free(v->ratio);
    free(v->links);
    return ok;
}

bool flux_verify(const Dataset *d, const char *path, bool *checked, ArchError *e)
{
    int kind = 0;
    while (kind < KINDS && strcmp(d->kind, kind_name[kind]) != 0)
        kind++;
    *checked = kind < KINDS;
    for (int i = 0; *checked && i < d->groups; i++) {
        Verifier v = {
            .data = d, .group = &d->group[i], .path = path, .kind = kind, .error = e};
        if (!check_group(&v))
            return false;
    }
    return true;
}
