#include "bench_row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "archrt/model.h"
#include "cli.h"
#include "file.h"
#include "peak.h"

/* Every number, under the name that it has here, in JSON and in CSV. */
typedef struct Column {
    const char *name;
    size_t at;
} Column;

/* clang-format off */
#define COLUMN(member) {#member, offsetof(BenchResult, member)}
/* clang-format on */

static const Column column[] = {
    COLUMN(us_per_sample), COLUMN(samples_per_s),   COLUMN(gflops),
    COLUMN(peak_gflops),   COLUMN(share),           COLUMN(us_median),
    COLUMN(us_low),        COLUMN(us_high),         COLUMN(spread),
    COLUMN(peak_median),   COLUMN(share_median),    COLUMN(speedup),
    COLUMN(peak_speedup),  COLUMN(work_bytes),      COLUMN(memory_bytes),
    COLUMN(reduce_share),  COLUMN(optimiser_share), COLUMN(pack_share),
    COLUMN(bound),
};

enum { COLUMNS = sizeof column / sizeof *column };

static double number_of(const BenchRow *row, int i)
{
    double v;
    memcpy(&v, (const char *)&row->r + column[i].at, sizeof v);
    return v;
}

const char *bench_kind_name(BenchKind kind)
{
    return kind == BENCH_STEP ? "step" : "forward";
}

const char *bench_isa_name(const BenchCase *c, char to[16])
{
    if (!c->gpu)
        return peak_name(c->isa);
    snprintf(to, 16, "sm_%d", gpu_info(gpu_model_gpu(c->gpu))->arch);
    return to;
}

static const char *precision_of(const BenchRow *row)
{
    return row->c.gpu ? gpu_model_precision(row->c.gpu) : model_real_name(row->m);
}

double bench_sites(const BenchRow *row)
{
    double n = 1;
    for (int i = 0; i < row->m->rank; i++)
        n *= (double)row->c.extent[i];
    return n;
}

void bench_rows_add(BenchRows *all, const BenchRow *row)
{
    if (all->n == all->room) {
        BenchRow *more = memory_new(sizeof *more * (size_t)(2 * all->room + 16));
        if (all->n)
            memcpy(more, all->at, sizeof *more * (size_t)all->n);
        free(all->at);
        all->at = more;
        all->room = 2 * all->room + 16;
    }
    all->at[all->n++] = *row;
}

void bench_rows_release(BenchRows *all)
{
    free(all->at);
    *all = (BenchRows){0};
}

void bench_print_head(const BenchStyle *s, FILE *out)
{
    static const char format[] =
        "%-*s  %-9s %6s  %-7s | %10s  %9s  %7s  %8s  %7s | %10s  %7s  %8s%s\n";
    fprintf(out, format, s->name_width, "", "", "", "", "best:", "samples", "",
            "share of", "", "median:", "", "share of",
            s->several ? " | speedup  speedup" : "");
    fprintf(out, format, s->name_width, "model", "lattice", "batch", "kind",
            "us/sample", "a second", "GF/s", "the peak", "at most", "us/sample",
            "spread", "the peak", s->several ? " |          of peak" : "");
}

/* Bytes in the unit that shows three digits. */
static const char *bytes_text(char to[32], double bytes)
{
    static const char *const unit[] = {"B", "kB", "MB", "GB", "TB"};
    int i = 0;
    for (; bytes >= 999.5 && i < 4; i++)
        bytes /= 1000;
    snprintf(to, 32, "%.3g %s", bytes, unit[i]);
    return to;
}

static void print_detail(const BenchRow *row, FILE *out)
{
    const BenchResult *r = &row->r;
    char work[32], memory[32];
    fprintf(out, "    work memory %s%s, with weights%s %s",
            bytes_text(work, r->work_bytes), row->c.threads > 1 ? " a thread" : "",
            row->c.kind == BENCH_STEP ? ", optimiser and gradients" : "",
            bytes_text(memory, r->memory_bytes));
    if (row->c.kind == BENCH_STEP)
        fprintf(out,
                "; of the step: sum of shards %.1f %%, optimiser %.1f %%, packing "
                "%.1f %%",
                100 * r->reduce_share, 100 * r->optimiser_share, 100 * r->pack_share);
    fputc('\n', out);
}

void bench_print_row(const BenchStyle *s, const BenchRow *row, FILE *out)
{
    const BenchResult *r = &row->r;
    char text[96], bound[16] = "-";
    if (isfinite(r->bound))
        snprintf(bound, sizeof bound, "%.1f %%", 100 * r->bound);
    fprintf(out,
            "%-*s  %-9s %6lld  %-7s | %10.3f  %9.0f  %7.1f  %6.1f %%  %7s | %10.3f"
            "  %5.1f %%  %6.1f %%",
            s->name_width, row->m->name,
            cli_lattice_text(text, row->m->rank, row->c.extent),
            (long long)row->c.batch, bench_kind_name(row->c.kind), r->us_per_sample,
            r->samples_per_s, r->gflops, 100 * r->share, bound, r->us_median,
            100 * r->spread, 100 * r->share_median);
    if (s->several)
        fprintf(out, " | %7.2f  %7.2f", r->speedup, r->peak_speedup);
    fputc('\n', out);
    if (s->detail)
        print_detail(row, out);
}

void bench_print_json(const BenchRow *row, FILE *out)
{
    char isa[16];
    json_t *lattice = json_array();
    for (int i = 0; i < row->m->rank; i++)
        json_array_append_new(lattice, json_integer(row->c.extent[i]));
    json_t *line =
        json_pack("{s:s, s:o, s:I, s:i, s:s}", "model", row->m->name, "lattice",
                  lattice, "batch", (json_int_t)row->c.batch, "threads", row->c.threads,
                  "kind", bench_kind_name(row->c.kind));
    for (int i = 0; i < COLUMNS; i++) {
        double v = number_of(row, i);
        json_object_set_new(line, column[i].name,
                            isfinite(v) ? json_real(v) : json_null());
    }
    json_object_set_new(line, "isa", json_string(bench_isa_name(&row->c, isa)));
    json_object_set_new(line, "precision", json_string(precision_of(row)));
    json_dumpf(line, out, 0);
    fputc('\n', out);
    json_decref(line);
}

static void write_row(const BenchRow *row, FILE *out)
{
    char text[96], isa[16];
    fprintf(out, "%s,%s,%s,%d,%s,%.0f,%lld,%s", row->m->name, precision_of(row),
            bench_isa_name(&row->c, isa), row->c.threads,
            cli_lattice_text(text, row->m->rank, row->c.extent), bench_sites(row),
            (long long)row->c.batch, bench_kind_name(row->c.kind));
    for (int i = 0; i < COLUMNS; i++) {
        double v = number_of(row, i);
        fputc(',', out);
        if (isfinite(v))
            fprintf(out, "%.9g", v);
    }
    fputc('\n', out);
}

bool bench_write_csv(const BenchRows *all, const char *path, ArchError *e)
{
    FileDraft d;
    if (!file_begin(&d, path, e))
        return false;
    fprintf(d.out, "model,precision,isa,threads,lattice,sites,batch,kind");
    for (int i = 0; i < COLUMNS; i++)
        fprintf(d.out, ",%s", column[i].name);
    fputc('\n', d.out);
    for (int i = 0; i < all->n; i++)
        write_row(&all->at[i], d.out);
    return file_commit(&d, e);
}
