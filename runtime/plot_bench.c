#include "plot_bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "plot_script.h"

enum {
    LABEL_LEVELS = 3,
    LEFT_PIXELS = 110,
    PANEL_PIXELS = 440,
    GAP_PIXELS = 60,
    KEY_PIXELS = 240
};

static const char *const color[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#000000", "#7f3f98",
                                    "#8c564b", "#17becf", "#7f7f7f", "#bcbd22"};

enum { COLORS = sizeof color / sizeof *color };

/* What the horizontal axis is, and who is on it. */
typedef struct Axis {
    bool batch;       /* else the sites of the lattice */
    double low, high; /* of it */
} Axis;

/* A color for every model, dashes and points for every batch. */
typedef struct Curve {
    const BenchRow *first;
    int color, dash;
} Curve;

typedef struct Picture {
    const BenchRows *all;
    Axis x;
    int curves, colors, dashes;
    Curve *curve;
    const char *data; /* file */
} Picture;

static bool same_lattice(const BenchRow *a, const BenchRow *b)
{
    return a->m->rank == b->m->rank &&
           memcmp(a->c.extent, b->c.extent, sizeof a->c.extent) == 0;
}

static double position(const Axis *x, const BenchRow *r)
{
    return x->batch ? (double)r->c.batch : bench_sites(r);
}

static Axis choose_axis(const BenchRows *all)
{
    Axis x = {.batch = false, .low = INFINITY};
    bool one_lattice = true, one_batch = true;
    for (int i = 1; i < all->n; i++) {
        one_lattice = one_lattice && same_lattice(&all->at[0], &all->at[i]);
        one_batch = one_batch && all->at[0].c.batch == all->at[i].c.batch;
    }
    x.batch = one_lattice && !one_batch;
    for (int i = 0; i < all->n; i++) {
        x.low = fmin(x.low, position(&x, &all->at[i]));
        x.high = fmax(x.high, position(&x, &all->at[i]));
    }
    return x;
}

static bool same_curve(const Axis *x, const BenchRow *a, const BenchRow *b)
{
    return a->m == b->m && (x->batch || a->c.batch == b->c.batch);
}

static void add_curve(Picture *p, const BenchRow *row)
{
    Curve c = {.first = row, .color = p->colors, .dash = p->dashes};
    for (int i = 0; i < p->curves; i++) {
        if (same_curve(&p->x, p->curve[i].first, row))
            return;
        if (p->curve[i].first->m == row->m)
            c.color = p->curve[i].color;
        if (p->x.batch || p->curve[i].first->c.batch == row->c.batch)
            c.dash = p->curve[i].dash;
    }
    p->colors += c.color == p->colors;
    p->dashes += c.dash == p->dashes;
    p->curve[p->curves++] = c;
}

static bool kind_measured(const BenchRows *all, BenchKind kind)
{
    for (int i = 0; i < all->n; i++)
        if (all->at[i].c.kind == kind)
            return true;
    return false;
}

/* The next row of a curve to the right of `last`, the first for NULL; NULL behind the last. */
static const BenchRow *next_point(const Picture *p, const Curve *c, BenchKind kind,
                                  const BenchRow *last)
{
    const BenchRow *best = NULL;
    for (const BenchRow *r = p->all->at; r < p->all->at + p->all->n; r++) {
        const double at = position(&p->x, r), before = last ? position(&p->x, last) : 0;
        const bool later = at > before || (at == before && r > last);
        if (r->c.kind == kind && same_curve(&p->x, r, c->first) && later &&
            (!best || at < position(&p->x, best)))
            best = r;
    }
    return best;
}

static void write_point(const BenchRow *r, FILE *out)
{
    char text[96];
    const double ns = 1000 / bench_sites(r);
    const BenchResult *v = &r->r;
    fprintf(out, "%s %.0f %lld %.6g %.6g %.6g %.6g %.5g %.5g %.5g\n",
            cli_lattice_text(text, r->m->rank, r->c.extent), bench_sites(r),
            (long long)r->c.batch, ns * v->us_per_sample, ns * v->us_median,
            ns * v->us_low, ns * v->us_high, 100 * v->share, 100 * v->share_median,
            100 * v->bound);
}

/* A block for every curve and kind: forward at index 2 c, step at 2 c + 1. */
static bool write_data(const Picture *p, ArchError *e)
{
    FileDraft d;
    if (!file_begin(&d, p->data, e))
        return false;
    fprintf(d.out,
            "# lattice sites batch  ns a site and sample: best, median, quartiles  "
            "%% of the peak: best over best, median over median, at most\n");
    for (int i = 0; i < 2 * p->curves; i++) {
        const Curve *c = &p->curve[i / 2];
        const BenchKind kind = i % 2 ? BENCH_STEP : BENCH_FORWARD;
        const BenchRow *r = next_point(p, c, kind, NULL);
        fprintf(d.out, "\n\n# %s %s\n", c->first->m->name, bench_kind_name(kind));
        if (!r)
            fprintf(d.out, "- NaN NaN NaN NaN NaN NaN NaN NaN NaN\n");
        for (; r; r = next_point(p, c, kind, r))
            write_point(r, d.out);
    }
    return file_commit(&d, e);
}

/* "4x16 8x8": the lattices of so many sites. */
static void print_names(const BenchRows *all, double sites, FILE *out)
{
    char text[96];
    int n = 0;
    for (const BenchRow *r = all->at; r < all->at + all->n; r++) {
        bool named = bench_sites(r) != sites;
        for (const BenchRow *b = all->at; b < r; b++)
            named = named || same_lattice(b, r);
        if (!named)
            fprintf(out, "%s%s", n++ ? " " : "",
                    cli_lattice_text(text, r->m->rank, r->c.extent));
    }
}

/* The lattices by their names, those that lie close to each other below one another. */
static void print_lattice_tics(const Picture *p, FILE *out)
{
    double placed[LABEL_LEVELS] = {0}, last = 0;
    const double room = 0.16 * log2(p->x.high / p->x.low);
    fprintf(out, "set xlabel 'lattice'\nset xtics (");
    for (;;) {
        double sites = INFINITY;
        for (int i = 0; i < p->all->n; i++)
            if (bench_sites(&p->all->at[i]) > last)
                sites = fmin(sites, bench_sites(&p->all->at[i]));
        if (sites == INFINITY)
            break;
        int level = 0;
        while (level < LABEL_LEVELS - 1 && placed[level] > 0 &&
               log2(sites / placed[level]) < room)
            level++;
        fprintf(out, "%s\"%.*s", last > 0 ? ", " : "", 2 * level, "\\n\\n");
        print_names(p->all, sites, out);
        fprintf(out, "\" %.0f", sites);
        placed[level] = last = sites;
    }
    fprintf(out, ")\n");
}

static void print_title(const BenchRows *all, FILE *out)
{
    double peak = 0;
    char isa[16];
    for (int i = 0; i < all->n; i++)
        peak = fmax(peak, all->at[i].r.peak_gflops);
    const BenchCase *c = &all->at[0].c;
    fprintf(out, "set multiplot title 'archrun bench: %s, ", bench_isa_name(c, isa));
    if (!c->gpu)
        fprintf(out, "%d thread%s, ", c->threads, c->threads > 1 ? "s" : "");
    fprintf(out, "peak %.0f GF/s; best burst, bars to the median%s'", peak,
            c->gpu ? "" : ", dotted: at most");
}

/* How much is possible at most. */
static void print_bound(const Picture *p, const Curve *c, int index, FILE *out)
{
    fprintf(out, ", \\\n     ");
    plot_quoted(out, p->data);
    fprintf(out, " index %d using %d:10 with lines lw 1 lc rgb '%s' dt 3 notitle",
            index, p->x.batch ? 3 : 2, color[c->color % COLORS]);
}

/* All curves of a kind: times with a bar to the median, or shares, with their bounds. */
static void print_panel(const Picture *p, BenchKind kind, bool shares, FILE *out)
{
    fprintf(out, "plot ");
    for (int i = 0; i < p->curves; i++) {
        const Curve *c = &p->curve[i];
        const int index = 2 * i + (int)kind;
        fprintf(out, "%s", i ? ", \\\n     " : "");
        plot_quoted(out, p->data);
        fprintf(out,
                " index %d using %d:%s with yerrorlines lw 1.5 lc rgb '%s' dt %d "
                "pt %d ps 0.9 title \"%s%s",
                index, p->x.batch ? 3 : 2, shares ? "8:($8*$4/$5):8" : "4:4:5",
                color[c->color % COLORS], c->dash % 5 + 1, c->dash % 5 + 5,
                c->first->m->name, c->first->m->real == ARCH_F64 ? " (double)" : "");
        if (p->dashes > 1)
            fprintf(out, ", batch %lld", (long long)c->first->c.batch);
        fprintf(out, "\" noenhanced");
        if (shares)
            print_bound(p, c, index, out);
    }
    fputc('\n', out);
}

/* Time above, share below; `left`: the first column, which has labels and key. */
static void print_kind(const Picture *p, BenchKind kind, bool left, int width,
                       FILE *out)
{
    static const char *const title[] = {"forward", "training step"};
    fprintf(out, "set title '%s'\nset logscale y\nset yrange [*:*]\n", title[kind]);
    if (left)
        fprintf(out,
                "set ylabel 'ns a site and sample'\n"
                "set key at screen %.4f,0.89 left top Left reverse samplen 2\n",
                1 - (KEY_PIXELS - 10.0) / width);
    else
        fprintf(out, "unset ylabel\nunset key\n");
    print_panel(p, kind, false, out);
    fprintf(out, "unset title\nunset key\nunset logscale y\nset yrange [0:100<*]\n");
    fprintf(out, left ? "set ylabel '%% of the peak'\n" : "");
    print_panel(p, kind, true, out);
}

static bool write_script(const Picture *p, const PlotFiles *f, ArchError *e)
{
    FileDraft d;
    char text[96];
    const BenchRow *first = &p->all->at[0];
    const int kinds =
        kind_measured(p->all, BENCH_FORWARD) + kind_measured(p->all, BENCH_STEP);
    const int width = LEFT_PIXELS + kinds * PANEL_PIXELS + KEY_PIXELS;
    if (!file_begin(&d, f->script, e))
        return false;
    plot_terminal(d.out, f->picture, width, 800);
    fprintf(d.out, "set logscale x 2\nset xrange [%.9g:%.9g]\nset grid\n",
            p->x.low / 1.3, p->x.high * 1.3);
    if (p->x.batch)
        fprintf(d.out, "set xlabel 'samples in a batch, on %s'\n",
                cli_lattice_text(text, first->m->rank, first->c.extent));
    else
        print_lattice_tics(p, d.out);
    print_title(p->all, d.out);
    fprintf(d.out,
            " layout 2,%d columnsfirst margins screen %.4f,%.4f,0.1,0.89 spacing "
            "screen %.4f,0.13\n",
            kinds, (double)LEFT_PIXELS / width, 1 - (double)KEY_PIXELS / width,
            (double)GAP_PIXELS / width);
    for (int kind = BENCH_FORWARD, shown = 0; kind <= BENCH_STEP; kind++)
        if (kind_measured(p->all, (BenchKind)kind))
            print_kind(p, (BenchKind)kind, shown++ == 0, width, d.out);
    fprintf(d.out, "unset multiplot\n");
    return file_commit(&d, e);
}

bool plot_bench(const BenchRows *all, const char *picture, bool *drawn, ArchError *e)
{
    PlotFiles f;
    plot_files(&f, picture);
    Picture p = {.all = all,
                 .x = choose_axis(all),
                 .curve = memory_new(sizeof *p.curve * (size_t)all->n),
                 .data = f.data};
    for (int i = 0; i < all->n; i++)
        add_curve(&p, &all->at[i]);
    bool ok = write_data(&p, e) && write_script(&p, &f, e) && plot_draw(&f, drawn, e);
    free(p.curve);
    return ok;
}
