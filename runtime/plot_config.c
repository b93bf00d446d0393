#include "plot.h"

#include <stdlib.h>
#include <string.h>

#include "archrt/dataset.h"
#include "archrt/lattice.h"
#include "plot_script.h"

enum { PIXELS_MAX = 1500, CELL_MAX = 70, K_MAX = 128 };

/* A sample on T x X, X = 1 for the chain in time. */
typedef struct Picture {
    Lattice lattice;
    const DatasetGroup *group;
    int64_t sample;
    int *k;      /* (rank, sites)             */
    int largest; /* |k|                       */
} Picture;

static double number_at(const DatasetGroup *g, int64_t i)
{
    switch (g->type) {
    case ARCH_I8: return ((const int8_t *)g->x)[i];
    case ARCH_I16: return ((const int16_t *)g->x)[i];
    case ARCH_I32: return ((const int32_t *)g->x)[i];
    case ARCH_F32: return ((const float *)g->x)[i];
    case ARCH_F64: return ((const double *)g->x)[i];
    }
    return 0;
}

static const DatasetGroup *find_group(const Dataset *d, const PlotConfig *p,
                                      ArchError *e)
{
    char name[96];
    if (p->rank == 0 && d->groups == 1)
        return d->group;
    if (p->rank == 0) {
        error_set(e, ARCH_EXIT_USAGE, "%.300s holds %d lattices: say --lattice",
                  p->path, d->groups);
        return NULL;
    }
    for (int i = 0; i < d->groups; i++)
        if (d->group[i].rank == p->rank &&
            memcmp(d->group[i].extent, p->extent,
                   (size_t)p->rank * sizeof *p->extent) == 0)
            return &d->group[i];
    lattice_text(p->rank, p->extent, name);
    error_set(e, ARCH_EXIT_USAGE, "%.300s holds no lattice %s", p->path, name);
    return NULL;
}

static bool check_group(const DatasetGroup *g, const PlotConfig *p, ArchError *e)
{
    if (g->rank < 1 || g->rank > 2 || g->channels != 2 * g->rank)
        return error_set(e, ARCH_EXIT_USAGE,
                         "%.300s: fluxes can be drawn on one or two axes with two "
                         "channels for each, this has %d axes and %d channels",
                         p->path, g->rank, g->channels);
    if (p->sample < 0 || p->sample >= g->samples)
        return error_set(e, ARCH_EXIT_USAGE,
                         "--sample: %lld is not one of the %lld samples, 0 to %lld",
                         (long long)p->sample, (long long)g->samples,
                         (long long)g->samples - 1);
    return true;
}

/* The k of the sample as integers. */
static bool take_fluxes(Picture *v, const PlotConfig *p, ArchError *e)
{
    const int64_t sites = v->lattice.sites, count = v->lattice.rank * sites,
                  first = v->sample * v->group->channels * sites;
    v->k = memory_new((size_t)count * sizeof *v->k);
    for (int64_t i = 0; i < count; i++) {
        const double k = number_at(v->group, first + i);
        if (!(k >= -K_MAX && k <= K_MAX) || k != (int)k)
            return error_set(e, ARCH_EXIT_USAGE,
                             "%.300s: sample %lld holds %g, which is no flux", p->path,
                             (long long)v->sample, k);
        v->k[i] = (int)k;
        v->largest = abs(v->k[i]) > v->largest ? abs(v->k[i]) : v->largest;
    }
    return true;
}

/* x to the right, t upwards. */
static void place(const Picture *v, int32_t site, int64_t to[2])
{
    int64_t at[ARCH_AXES_MAX] = {0};
    lattice_position(&v->lattice, site, at);
    to[0] = v->lattice.rank > 1 ? at[1] : 0;
    to[1] = at[0];
}

/* Arrows of one |k|: x t dx dt, from where the flux comes. */
static int write_arrows(const Picture *v, int size, FILE *out)
{
    int count = 0;
    for (int axis = 0; axis < v->lattice.rank; axis++)
        for (int32_t site = 0; site < v->lattice.sites; site++) {
            const int k = v->k[axis * v->lattice.sites + site];
            const int dx = axis == 1, dt = axis == 0;
            int64_t at[2];
            place(v, site, at);
            if (abs(k) != size)
                continue;
            if (k > 0)
                fprintf(out, "%lld %lld %d %d\n", (long long)at[0], (long long)at[1],
                        dx, dt);
            else
                fprintf(out, "%lld %lld %d %d\n", (long long)at[0] + dx,
                        (long long)at[1] + dt, -dx, -dt);
            count++;
        }
    return count;
}

static int write_violations(const Picture *v, int sign, FILE *out)
{
    const Lattice *g = &v->lattice;
    int count = 0;
    for (int32_t x = 0; x < g->sites; x++) {
        int div = 0;
        for (int a = 0; a < g->rank; a++)
            div += v->k[a * g->sites + x] -
                   v->k[a * g->sites + g->neighbour[x * 2 * g->rank + g->rank + a]];
        if (div * sign <= 0)
            continue;
        int64_t at[2];
        place(v, x, at);
        fprintf(out, "%lld %lld\n", (long long)at[0], (long long)at[1]);
        count++;
    }
    return count;
}

static int write_ways(const Picture *v, FILE *out)
{
    const DatasetPaths *p = &v->group->paths;
    int count = 0;
    if (p->worm == NULL)
        return 0;
    for (int64_t s = p->begin[p->worm[v->sample]]; s < p->begin[p->worm[v->sample + 1]];
         s++) {
        const int32_t way = p->step[2 * s + 1];
        if (way < 0)
            continue;
        const int rank = v->lattice.rank, axis = way % rank, d = way < rank ? 1 : -1;
        int64_t at[2];
        place(v, p->step[2 * s], at);
        if (d < 0 && at[1 - axis] == 0) /* as links, beyond the far end */
            at[1 - axis] = v->lattice.extent[axis];
        fprintf(out, "%lld %lld %d %d\n", (long long)at[0], (long long)at[1],
                axis == 1 ? d : 0, axis == 0 ? d : 0);
        count++;
    }
    return count;
}

/* Blocks of the data file, as gnuplot counts them, and their sizes. */
typedef struct Blocks {
    int arrows[K_MAX + 1], way, violation[2];
} Blocks;

static bool write_data(const Picture *v, const char *path, Blocks *b, ArchError *e)
{
    FileDraft d;
    static const char none[] = "NaN NaN NaN NaN\n"; /* a block may not be empty */
    if (!file_begin(&d, path, e))
        return false;
    for (int size = 1; size <= v->largest; size++) {
        fprintf(d.out, "# |k| = %d: x t dx dt\n", size);
        if ((b->arrows[size] = write_arrows(v, size, d.out)) == 0)
            fputs(none, d.out);
        fputs("\n\n", d.out);
    }
    fputs("# ways of worms: x t dx dt\n", d.out);
    if ((b->way = write_ways(v, d.out)) == 0)
        fputs(none, d.out);
    for (int i = 0; i < 2; i++) {
        fprintf(d.out, "\n\n# violations %+d: x t\n", i == 0 ? 1 : -1);
        if ((b->violation[i] = write_violations(v, i == 0 ? 1 : -1, d.out)) == 0)
            fputs(none, d.out);
    }
    return file_commit(&d, e);
}

static void print_curves(const Picture *v, const Blocks *b, const char *data, FILE *out)
{
    fputs("plot ", out);
    plot_quoted(out, data);
    fprintf(out,
            " index %d using 1:2:3:4 with vectors nohead lw 9 lc rgb '#50ffb000' %s",
            v->largest, b->way ? "title 'way of the worm'" : "notitle");
    for (int k = 1; k <= v->largest; k++)
        if (b->arrows[k] > 0)
            fprintf(
                out,
                ", \\\n     '' index %d using 1:2:3:4 with vectors filled head size "
                "0.22,18 lw %.1f lc rgb '#404040' title '|k| = %d'",
                k - 1, k < 8 ? 1.5 * k : 12, k);
    for (int i = 0; i < 2; i++)
        if (b->violation[i] > 0)
            fprintf(out,
                    ", \\\n     '' index %d using 1:2 with points pt 7 ps 2.2 lc rgb "
                    "'%s' title 'violation %+d'",
                    v->largest + 1 + i, i == 0 ? "#d01010" : "#1040d0",
                    i == 0 ? 1 : -1);
    fputc('\n', out);
}

static bool write_script(const Picture *v, const PlotFiles *f, const Blocks *b,
                         ArchError *e)
{
    const int64_t t = v->lattice.extent[0],
                  x = v->lattice.rank > 1 ? v->lattice.extent[1] : 1;
    const int64_t longer = t > x ? t : x;
    const int cell = (int)(PIXELS_MAX / (longer + 1));
    const int size = cell > CELL_MAX ? CELL_MAX : cell < 4 ? 4 : cell;
    FileDraft d;
    char name[96];
    lattice_text(v->lattice.rank, v->lattice.extent, name);
    if (!file_begin(&d, f->script, e))
        return false;
    plot_terminal(d.out, f->picture, (int)(x + 1) * size + 320,
                  (int)(t + 1) * size + 140);
    fprintf(d.out,
            "set size ratio -1\nset xrange [-0.7:%lld.3]\nset yrange [-0.7:%lld.3]\n"
            "set xlabel 'x'\nset ylabel 't'\nset grid lc rgb '#d8d8d8' lt 1\n"
            "set xtics %d\nset ytics %d\nset key outside right top\n"
            "set title 'sample %lld of %s, periodic'\n",
            (long long)x, (long long)t, x > 20 ? 10 : 1, t > 20 ? 10 : 1,
            (long long)v->sample, name);
    print_curves(v, b, f->data, d.out);
    return file_commit(&d, e);
}

static bool draw(const PlotConfig *p, const Dataset *d, const char *picture,
                 bool *drawn, ArchError *e)
{
    Picture v = {.group = find_group(d, p, e), .sample = p->sample};
    Blocks b = {0};
    PlotFiles f;
    plot_files(&f, picture);
    if (v.group == NULL || !check_group(v.group, p, e) ||
        !lattice_init(&v.lattice, v.group->rank, v.group->extent, 1, e))
        return false;
    const bool ok = take_fluxes(&v, p, e) && file_check_writable(picture, e) &&
                    write_data(&v, f.data, &b, e) && write_script(&v, &f, &b, e);
    free(v.k);
    lattice_release(&v.lattice);
    return ok && plot_draw(&f, drawn, e);
}

bool plot_config(const PlotConfig *p, const char *picture, bool *drawn, ArchError *e)
{
    Dataset d;
    if (!dataset_read(&d, p->path, e))
        return false;
    const bool ok = draw(p, &d, picture, drawn, e);
    dataset_release(&d);
    return ok;
}
