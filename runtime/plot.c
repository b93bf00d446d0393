#include "plot.h"
#include "plot_script.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli.h"
#include "file.h"

#define POINTS_MAX 256

/* One lattice: least, mean and greatest value over the instances. */
typedef struct Range {
    double low, sum, high;
} Range;

typedef struct Point {
    int rank;
    int64_t extent[ARCH_AXES_MAX];
    int instances;
    bool has_accuracy;
    Range loss, accuracy;
} Point;

typedef struct Points {
    int n;
    Point at[POINTS_MAX];
} Points;

static double sites(const Point *p)
{
    double n = 1;
    for (int i = 0; i < p->rank; i++)
        n *= (double)p->extent[i];
    return n;
}

static int compare_points(const void *a, const void *b)
{
    double m = sites(a), n = sites(b);
    return (m > n) - (m < n);
}

static void widen(Range *r, double x, bool first)
{
    *r = first ? (Range){x, x, x}
               : (Range){fmin(r->low, x), r->sum + x, fmax(r->high, x)};
}

/* The point of a lattice, made if it is new; NULL for no lattice, or too many. */
static Point *find_point(Points *all, json_t *lattice)
{
    Point p = {.rank = (int)json_array_size(lattice), .has_accuracy = true};
    if (p.rank < 1 || p.rank > ARCH_AXES_MAX)
        return NULL;
    for (int i = 0; i < p.rank; i++) {
        p.extent[i] = json_integer_value(json_array_get(lattice, (size_t)i));
        if (p.extent[i] < 1)
            return NULL;
    }
    for (int i = 0; i < all->n; i++)
        if (all->at[i].rank == p.rank &&
            memcmp(all->at[i].extent, p.extent, sizeof p.extent) == 0)
            return &all->at[i];
    if (all->n == POINTS_MAX)
        return NULL;
    all->at[all->n] = p;
    return &all->at[all->n++];
}

static bool is_total(json_t *line)
{
    return json_is_true(json_object_get(line, "total"));
}

static bool add_line(Points *all, const char *text, size_t length)
{
    json_t *line = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    json_t *loss = json_object_get(line, "loss");
    json_t *accuracy = json_object_get(line, "accuracy");
    bool ok =
        json_is_object(line) && loss && accuracy && json_object_get(line, "instance");
    if (ok && is_total(line)) {
        Point *p = find_point(all, json_object_get(line, "lattice"));
        ok = p && json_is_number(loss);
        if (ok) {
            widen(&p->loss, json_number_value(loss), !p->instances);
            widen(&p->accuracy, 100 * json_number_value(accuracy), !p->instances);
            p->has_accuracy = p->has_accuracy && json_is_number(accuracy);
            p->instances++;
        }
    }
    json_decref(line);
    return ok;
}

static bool read_points(Points *all, const char *path, ArchError *e)
{
    char *data;
    size_t size;
    if (!file_read(path, &data, &size, e))
        return false;
    int number = 1;
    bool ok = true;
    for (const char *s = data; ok && *s; number++) {
        size_t n = strcspn(s, "\n");
        ok = n == strspn(s, " \t\r") || add_line(all, s, n);
        s += s[n] ? n + 1 : n;
    }
    ok = ok && strlen(data) == size;
    free(data);
    if (!ok)
        return error_set(e, ARCH_EXIT_FILE,
                         "%.300s: line %d is no output of archrun eval --json", path,
                         number - 1);
    qsort(all->at, (size_t)all->n, sizeof *all->at, compare_points);
    return all->n ? true
                  : error_set(e, ARCH_EXIT_FILE, "%.300s has no total of any lattice",
                              path);
}

static bool write_data(const Points *all, const char *path, ArchError *e)
{
    FileDraft d;
    char text[96];
    if (!file_begin(&d, path, e))
        return false;
    fprintf(d.out,
            "# lattice sites  loss: best mean worst  accuracy: worst mean best (%%)\n");
    for (int i = 0; i < all->n; i++) {
        const Point *p = &all->at[i];
        fprintf(d.out, "%s %.0f %.9g %.9g %.9g",
                cli_lattice_text(text, p->rank, p->extent), sites(p), p->loss.low,
                p->loss.sum / p->instances, p->loss.high);
        if (p->has_accuracy)
            fprintf(d.out, " %.9g %.9g %.9g\n", p->accuracy.low,
                    p->accuracy.sum / p->instances, p->accuracy.high);
        else
            fprintf(d.out, " NaN NaN NaN\n");
    }
    return file_commit(&d, e);
}

static void print_panel(FILE *out, const char *data, const char *label, int column)
{
    fprintf(out, "set ylabel '%s'\nplot ", label);
    plot_quoted(out, data);
    fprintf(out,
            " using 2:%d:%d:xtic(1) with filledcurves fs transparent solid 0.25 lc 1 "
            "title 'best to worst', \\\n     ",
            column, column + 2);
    plot_quoted(out, data);
    fprintf(out, " using 2:%d with linespoints lw 2 pt 7 lc 1 title 'mean'\n",
            column + 1);
}

/* A little wider than the data, or the labels of the outer lattices are lost. */
static void print_range(FILE *out, const Points *all)
{
    double low = INFINITY, high = 0;
    for (int i = 0; i < all->n; i++) {
        low = fmin(low, sites(&all->at[i]));
        high = fmax(high, sites(&all->at[i]));
    }
    fprintf(out, "set xrange [%.9g:%.9g]\n", low / 1.3, high * 1.3);
}

static bool write_script(const Points *all, const char *path, const char *data,
                         const char *picture, ArchError *e)
{
    FileDraft d;
    bool accuracy = false;
    for (int i = 0; i < all->n; i++)
        accuracy = accuracy || all->at[i].has_accuracy;
    if (!file_begin(&d, path, e))
        return false;
    plot_terminal(d.out, picture, 900, 700);
    fprintf(d.out,
            "set logscale x 2\nset xlabel 'lattice'\nset grid\n"
            "set multiplot layout %d,1\n",
            accuracy ? 2 : 1);
    print_range(d.out, all);
    if (accuracy) {
        fprintf(d.out, "set key bottom left\nset yrange [*<95:100.5]\n");
        print_panel(d.out, data, "accuracy (%)", 6);
        fprintf(d.out, "set key top left\nset yrange [*:*]\n");
    }
    fprintf(d.out, "set logscale y\nset format y '%%.0e'\n");
    print_panel(d.out, data, "loss", 3);
    fprintf(d.out, "unset multiplot\n");
    return file_commit(&d, e);
}

bool plot_accuracy(const char *lines, const char *picture, bool *drawn, ArchError *e)
{
    PlotFiles f;
    Points *all = memory_new(sizeof *all);
    all->n = 0;
    plot_files(&f, picture);
    bool ok = read_points(all, lines, e) && file_check_writable(picture, e) &&
              write_data(all, f.data, e) &&
              write_script(all, f.script, f.data, picture, e);
    free(all);
    return ok && plot_draw(&f, drawn, e);
}
