#include <stdio.h>
#include <string.h>

#include "bench_row.h"
#include "cmd_common.h"
#include "file.h"
#include "peak.h"
#include "plot_bench.h"
#include "plot_script.h"

#define BURSTS     24
#define SPREAD_MAX 0.25

static const char *const isa_word[] = {"best", "plain", "avx2", "avx512", NULL};

typedef struct Args {
    ModelChoice choice;
    CmdDevice device;
    CliLattices lattice;
    CliInts batch;
    int64_t threads, bursts;
    int precision, isa;
    const char *csv, *plot;
    bool json, detail;
} Args;

/* The networks of the command line, and what has been found. */
typedef struct Work {
    Args *a;
    ArchIsa isa;
    int models;
    Model model[CLI_ARGS_MAX];
    GpuModel *gpu[CLI_ARGS_MAX]; /* of each; NULL on the processor */
    BenchStyle style;
    BenchRows rows;
} Work;

static const char summary[] =
    "Times forward pass and training step (loss, gradient, AdamW, packing) against the\n"
    "peak of multiply-adds, measured in alternating bursts of 3 ms.  Share of the peak:\n"
    "best burst over best burst, median over median.  Spread: the distance of the\n"
    "quartiles over the median.\n"
    "\n"
    "Several threads are compared with one, and that with what the loops of\n"
    "multiply-adds gain.  On a CUDA device times are its own, the peak that of all of it.\n"
    "archrun bench flux [--help] times the Monte Carlo instead.";

static const char example[] =
    "    archrun bench archs/task3/eq1.arch --lattice 8x8,64x64 --batch 1,16,128\n"
    "    archrun bench archs/task3/*.arch --lattice 8x8,16x16,60x4,64x64 --plot s.png\n"
    "    archrun bench archs/task1/eq.arch --lattice 60x4 --batch 100 --detail\n"
    "    archrun bench archs/task1/eq.arch --lattice 60x4 --threads 2 --csv speed.csv\n"
    "    archrun bench archs/task1/eq.arch --lattice 60x4 --device cuda --batch 1000\n";

static bool parse(Args *a, int argc, char **argv, Cli *cli, ArchError *e)
{
    /* clang-format off */
    const CliOption option[] = {
        {"lattice", 0, CLI_LATTICES, &a->lattice, 1, 1e9, NULL, NULL,
         "time first (required unless the network fixes it)", false},
        {"batch", 0, CLI_INTS, &a->batch, 1, 1e6, NULL, NULL,
         "samples of a call [128]", false},
        OPTION_DEVICE(&a->device),
        OPTION_TF32(&a->device),
        {"threads", 0, CLI_INT, &a->threads, 1, 1024, NULL, NULL,
         "of the processor; the peak is measured with as many", false},
        {"isa", 0, CLI_CHOICE, &a->isa, 0, 0, isa_word, NULL,
         "instruction set of the processor", false},
        {"bursts", 0, CLI_INT, &a->bursts, 1, 100000, NULL, NULL,
         "of peak and kernel in turns", false},
        {"detail", 0, CLI_FLAG, &a->detail, 0, 0, NULL, NULL,
         "also memory, and what a step consists of", false},
        {"json", 0, CLI_FLAG, &a->json, 0, 0, NULL, NULL, "one object a line", false},
        {"csv", 0, CLI_TEXT, &a->csv, 0, 0, NULL, "FILE", "also write a table", false},
        {"plot", 0, CLI_TEXT, &a->plot, 0, 0, NULL, "FILE",
         "also draw: .png, .svg or .pdf, script and data beside it", false},
        OPTION_PRECISION(&a->precision),
        OPTION_MODEL(&a->choice),
    };
    /* clang-format on */
    const CliCommand command = {.name = "bench",
                                .args = "MODEL..",
                                .summary = summary,
                                .example = example,
                                .least = 1,
                                .most = CLI_ARGS_MAX,
                                .option = option,
                                .options = sizeof option / sizeof *option};
    if (!cli_parse(&command, argc, argv, cli, e))
        return false;
    choose_precision(&a->choice, cli_given(&command, cli, &a->precision), a->precision);
    const bool threads = cli_given(&command, cli, &a->threads);
    const bool isa = cli_given(&command, cli, &a->isa);
    return device_parse_without(&a->device, threads ? "--threads" : NULL, e) &&
           device_parse_without(&a->device, isa ? "--isa" : NULL, e);
}

/* Before the work, because it is long. */
static bool check_outputs(const Args *a, const Cli *cli, ArchError *e)
{
    const char *const output[] = {a->csv, a->plot};
    PlotFiles f = {0};
    if (a->plot && !text_ends_with(a->plot, ".png") &&
        !text_ends_with(a->plot, ".svg") && !text_ends_with(a->plot, ".pdf"))
        return error_set(e, ARCH_EXIT_USAGE,
                         "--plot: '%.100s' ends in none of .png, .svg, .pdf", a->plot);
    if (a->plot)
        plot_files(&f, a->plot);
    if (a->plot && a->csv &&
        (strcmp(a->csv, a->plot) == 0 || strcmp(a->csv, f.script) == 0 ||
         strcmp(a->csv, f.data) == 0))
        return error_set(e, ARCH_EXIT_USAGE, "--csv: --plot writes %.300s, too",
                         a->csv);
    for (int i = 0; i < 2; i++)
        if (output[i] && (!file_check_output(output[i], cli->arg, cli->args, e) ||
                          !file_check_writable(output[i], e)))
            return false;
    return true;
}

static bool open_models(Work *w, const Cli *cli, ArchError *e)
{
    for (int i = 0; i < cli->args; i++, w->models++) {
        if (!model_open(&w->model[i], cli->arg[i], &w->a->choice, e))
            return false;
        if (!device_load(&w->a->device, &w->gpu[i], w->model[i].m, 1, e)) {
            model_release(&w->model[i]);
            return false;
        }
        int n = (int)strlen(w->model[i].m->name);
        w->style.name_width = n > w->style.name_width ? n : w->style.name_width;
    }
    return true;
}

/* Those asked for, or the network's own. */
static bool lattices_of(const Args *a, const ArchModel *m, CliLattices *to,
                        ArchError *e)
{
    *to = a->lattice;
    if (to->n)
        return true;
    *to = (CliLattices){1, {{.rank = m->rank}}};
    for (int i = 0; i < m->rank; i++) {
        to->v[0].extent[i] = m->fixed_extent[i];
        if (!m->fixed_extent[i])
            return error_set(e, ARCH_EXIT_USAGE,
                             "bench: --lattice is missing, %s works on any", m->name);
    }
    return true;
}

static bool plan_lattice(Work *w, int model, const CliLattice *l, ArchError *e)
{
    const Args *a = w->a;
    const ArchModel *m = w->model[model].m;
    warn_of_dropped_sites(m, l->rank, l->extent);
    for (int i = 0; i < a->batch.n; i++)
        for (int kind = BENCH_FORWARD;
             kind <= (m->gradient ? BENCH_STEP : BENCH_FORWARD); kind++) {
            BenchRow row = {
                .m = m,
                .c = {.batch = a->batch.v[i],
                      .kind = (BenchKind)kind,
                      .isa = w->isa,
                      .threads = (int)a->threads,
                      .bursts = (int)a->bursts,
                      .gpu = w->gpu[model]}
            };
            memcpy(row.c.extent, l->extent, sizeof row.c.extent);
            if (!bench_check(m, &row.c, e))
                return false;
            bench_rows_add(&w->rows, &row);
        }
    return true;
}

/* What is to be measured, before anything is: all that can be wrong is found here.  A
 * lattice that a network cannot take is passed over with a note, unless nothing remains. */
static bool plan(Work *w, ArchError *e)
{
    for (int i = 0; i < w->models; i++) {
        const ArchModel *m = w->model[i].m;
        CliLattices lattice;
        if (!lattices_of(w->a, m, &lattice, e))
            return false;
        for (int k = 0; k < lattice.n; k++) {
            const CliLattice *l = &lattice.v[k];
            const bool last = i + 1 == w->models && k + 1 == lattice.n;
            if (model_takes(m, l->rank, l->extent, e)) {
                if (!plan_lattice(w, i, l, e))
                    return false;
            } else if (last && w->rows.n == 0) {
                return false;
            } else {
                fprintf(stderr, "archrun: note: skipped, %s\n", e->text);
            }
        }
    }
    return true;
}

static bool print_peak(const Work *w, const BenchRow *row, ArchError *e)
{
    const Args *a = w->a;
    FILE *out = a->json ? stderr : stdout;
    BenchPeak p;
    const bool on_device = row->c.gpu;
    if (!on_device)
        p = bench_peak(w->isa, row->m->real, (int)a->threads, (int)a->bursts);
    else if (!bench_peak_cuda(&p, row->c.gpu, (int)a->bursts, e))
        return false;
    fprintf(out, "peak of multiply-adds: %.1f GF/s, median %.1f (%s, %s", p.best,
            p.median,
            on_device ? gpu_info(gpu_model_gpu(row->c.gpu))->name : peak_name(w->isa),
            model_real_name(row->m));
    if (!on_device)
        fprintf(out, ", threads: %d", (int)a->threads);
    fprintf(out, ")\n");
    for (int i = 0; i < w->models; i++)
        if (w->gpu[i] && strcmp(gpu_model_precision(w->gpu[i]), "tf32") == 0)
            fprintf(out, "wide layers of %s: in TF32\n", w->model[i].m->name);
    if (a->threads > 1)
        fprintf(out, "together %.2f times what one thread does alone\n",
                p.best / p.alone);
    fflush(out);
    return true;
}

static bool run(Work *w, ArchError *e)
{
    const ArchModel *before = NULL;
    for (int i = 0; i < w->rows.n; i++) {
        BenchRow *row = &w->rows.at[i];
        if ((!before || before->real != row->m->real) && !print_peak(w, row, e))
            return false;
        if (!before && !w->a->json)
            bench_print_head(&w->style, stdout);
        before = row->m;
        if (!bench_run(&row->r, row->m, &row->c, e))
            return false;
        if (w->a->json)
            bench_print_json(row, stdout);
        else
            bench_print_row(&w->style, row, stdout);
        fflush(stdout);
    }
    return true;
}

/* Neighbours on the machine make figures that mean little: say so. */
static void warn_of_spread(const BenchRows *all)
{
    int wide = 0;
    for (int i = 0; i < all->n; i++)
        wide += all->at[i].r.spread > SPREAD_MAX;
    if (wide)
        fprintf(
            stderr,
            "archrun: note: a spread of more than %.0f %% in %d of %d lines: is this "
            "machine busy?\n",
            100 * SPREAD_MAX, wide, all->n);
}

static bool write_outputs(const Work *w, ArchError *e)
{
    bool drawn = true;
    warn_of_spread(&w->rows);
    if (w->a->csv && !bench_write_csv(&w->rows, w->a->csv, e))
        return false;
    if (w->a->plot && !plot_bench(&w->rows, w->a->plot, &drawn, e))
        return false;
    if (!drawn)
        fprintf(stderr,
                "archrun: note: no gnuplot here: run the script beside %s where there "
                "is one\n",
                w->a->plot);
    return true;
}

static bool bench(Work *w, const Cli *cli, ArchError *e)
{
    if (!check_outputs(w->a, cli, e))
        return false;
    if (!peak_has(w->isa))
        return error_set(e, ARCH_EXIT_DEVICE, "this machine has no %s",
                         peak_name(w->isa));
    if (!device_open(&w->a->device, e) || !open_models(w, cli, e))
        return false;
    return plan(w, e) && run(w, e) && write_outputs(w, e);
}

int cmd_bench(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "flux") == 0)
        return cmd_bench_flux(argc - 1, argv + 1);
    ArchError e;
    Cli cli;
    Args a = {
        .threads = 1, .bursts = BURSTS, .batch = {1, {128}}
    };
    if (!parse(&a, argc - 1, argv + 1, &cli, &e))
        return cli_fail(&e);
    if (cli.help)
        return ARCH_EXIT_OK;
    Work w = {
        .a = &a,
        .isa = a.isa ? (ArchIsa)a.isa : peak_best(),
        .style = {.name_width = 5, .several = a.threads > 1, .detail = a.detail}
    };
    bool ok = bench(&w, &cli, &e);
    for (int i = 0; i < w.models; i++) {
        gpu_model_close(w.gpu[i]);
        model_release(&w.model[i]);
    }
    device_close(&a.device);
    bench_rows_release(&w.rows);
    return ok ? ARCH_EXIT_OK : cli_fail(&e);
}
