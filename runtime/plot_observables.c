#include "plot.h"

#include <math.h>
#include <stdlib.h>

#include "archrt/dataset.h"
#include "archrt/stats.h"
#include "plot_script.h"

/* n and |phi|^2 at one (lattice, eta, lambda, mu). */
typedef struct Point {
    const DatasetGroup *group;
    DatasetSet set;
    int64_t samples;
    Stats n, phi2;
} Point;

typedef struct Points {
    int n;
    Point *at;
} Points;

static int compare_doubles(double a, double b)
{
    return (a > b) - (a < b);
}

/* Whether two points lie on one curve: 0, else their order. */
static int compare_curves(const Point *a, const Point *b)
{
    int order = (a->group > b->group) - (a->group < b->group);
    order = order ? order : compare_doubles(a->set.eta, b->set.eta);
    return order ? order : compare_doubles(a->set.lambda, b->set.lambda);
}

static int compare_points(const void *a, const void *b)
{
    const Point *p = a, *q = b;
    const int order = compare_curves(p, q);
    return order ? order : compare_doubles(p->set.mu, q->set.mu);
}

static bool measure(const DatasetGroup *g, int32_t set, Point *p)
{
    double *obs = memory_new(2 * sizeof *obs * (size_t)g->samples);
    int64_t n = 0;
    for (int64_t i = 0; i < g->samples; i++)
        if (g->set[i] == set) {
            obs[2 * n] = g->obs[2 * i];
            obs[2 * n++ + 1] = g->obs[2 * i + 1];
        }
    p->samples = n;
    const bool any =
        stats_gamma(obs, n, 2, &p->n) && stats_gamma(obs + 1, n, 2, &p->phi2);
    free(obs);
    return any;
}

/* The mean of two, one of `weight` points already; numbers of worms of one chain share a
 * point, and their samples are as good as independent. */
static void merge_stats(Stats *a, const Stats *b, int weight)
{
    a->mean = (weight * a->mean + b->mean) / (weight + 1);
    a->error = sqrt(pow(weight * a->error, 2) + pow(b->error, 2)) / (weight + 1);
    a->tau = fmax(a->tau, b->tau);
}

static void merge_points(Points *all)
{
    int kept = 0, weight = 0;
    for (int i = 0; i < all->n; i++) {
        Point *last = kept > 0 ? &all->at[kept - 1] : NULL;
        const Point p = all->at[i];
        if (last != NULL && compare_points(last, &p) == 0) {
            merge_stats(&last->n, &p.n, weight);
            merge_stats(&last->phi2, &p.phi2, weight++);
            last->samples += p.samples;
        } else {
            all->at[kept++] = p;
            weight = 1;
        }
    }
    all->n = kept;
}

static bool take_points(Points *all, const Dataset *d, const char *path, ArchError *e)
{
    all->at = memory_new(sizeof *all->at * (size_t)(d->groups * d->sets + 1));
    for (int i = 0; i < d->groups; i++) {
        const DatasetGroup *g = &d->group[i];
        if (g->set == NULL || g->obs == NULL)
            return error_set(e, ARCH_EXIT_USAGE,
                             "%.300s does not say mu, n and |phi|^2 of its samples: "
                             "/sets, set or obs is missing",
                             path);
        for (int s = 0; s < d->sets; s++) {
            Point *p = &all->at[all->n];
            *p = (Point){.group = g, .set = d->set[s]};
            all->n += measure(g, s, p);
        }
    }
    qsort(all->at, (size_t)all->n, sizeof *all->at, compare_points);
    merge_points(all);
    return true;
}

static bool begins_curve(const Points *all, int i)
{
    return i == 0 || compare_curves(&all->at[i - 1], &all->at[i]) != 0;
}

static bool write_data(const Points *all, const char *path, ArchError *e)
{
    FileDraft d;
    char lattice[96];
    if (!file_begin(&d, path, e))
        return false;
    for (int i = 0; i < all->n; i++) {
        const Point *p = &all->at[i];
        if (begins_curve(all, i)) {
            dataset_lattice(p->group, lattice);
            fprintf(d.out,
                    "%s# %s, eta %g, lambda %g\n# mu  n error tau  |phi|^2 error tau  "
                    "samples\n",
                    i > 0 ? "\n\n" : "", lattice, p->set.eta, p->set.lambda);
        }
        fprintf(d.out, "%.12g  %.9g %.3g %.3g  %.9g %.3g %.3g  %lld\n", p->set.mu,
                p->n.mean, p->n.error, p->n.tau, p->phi2.mean, p->phi2.error,
                p->phi2.tau, (long long)p->samples);
    }
    return file_commit(&d, e);
}

static void print_panel(const Points *all, const char *data, int column, FILE *out)
{
    int curve = 0;
    char lattice[96];
    for (int i = 0; i < all->n; i++) {
        if (!begins_curve(all, i))
            continue;
        dataset_lattice(all->at[i].group, lattice);
        fputs(i > 0 ? ", \\\n     " : "plot ", out);
        plot_quoted(out, data);
        fprintf(out,
                " index %d using 1:%d:%d with yerrorlines pt 7 ps 0.7 lc %d title "
                "'%s, eta %g, lambda %g'",
                curve, column, column + 1, curve + 1, lattice, all->at[i].set.eta,
                all->at[i].set.lambda);
        curve++;
    }
    fputc('\n', out);
}

static bool write_script(const Points *all, const PlotFiles *f, ArchError *e)
{
    FileDraft d;
    if (!file_begin(&d, f->script, e))
        return false;
    plot_terminal(d.out, f->picture, 900, 900);
    fputs("set xlabel 'mu'\nset grid\nset key top left\nset offsets graph 0.03, graph "
          "0.03, graph 0.05, graph 0.05\nset multiplot layout 2,1\nset ylabel 'n'\n",
          d.out);
    print_panel(all, f->data, 2, d.out);
    fputs("set ylabel '|phi|^2'\n", d.out);
    print_panel(all, f->data, 5, d.out);
    fputs("unset multiplot\n", d.out);
    return file_commit(&d, e);
}

bool plot_observables(const char *path, const char *picture, bool *drawn, ArchError *e)
{
    Dataset d;
    Points all = {0};
    PlotFiles f;
    plot_files(&f, picture);
    if (!dataset_read(&d, path, e))
        return false;
    const bool ok = take_points(&all, &d, path, e) && file_check_writable(picture, e) &&
                    write_data(&all, f.data, e) && write_script(&all, &f, e);
    free(all.at);
    dataset_release(&d);
    return ok && plot_draw(&f, drawn, e);
}
