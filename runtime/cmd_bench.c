#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "archrt/bench.h"
#include "cmd_common.h"
#include "peak.h"

#define BURSTS 24

static const char *const isa_word[] = {"best", "plain", "avx2", "avx512", NULL};
static const char *const kind_word[] = {"forward", "step"};

typedef struct Args {
    ModelChoice choice;
    CliLattices lattice;
    CliInts batch;
    int64_t threads, bursts;
    int precision, isa;
    bool json;
} Args;

static bool parse(Args *a, int argc, char **argv, Cli *cli, ArchError *e)
{
    /* clang-format off */
    const CliOption option[] = {
        {"lattice", 0, CLI_LATTICES, &a->lattice, 1, 1e9, NULL, NULL,
         "time first (required unless the network fixes it)", false},
        {"batch", 0, CLI_INTS, &a->batch, 1, 1e6, NULL, NULL,
         "samples of a call (128)", false},
        {"threads", 0, CLI_INT, &a->threads, 1, 1024, NULL, NULL,
         "the peak is measured with as many", false},
        {"isa", 0, CLI_CHOICE, &a->isa, 0, 0, isa_word, NULL, "instruction set", false},
        {"bursts", 0, CLI_INT, &a->bursts, 1, 100000, NULL, NULL,
         "of peak and kernel in turns", false},
        {"json", 0, CLI_FLAG, &a->json, 0, 0, NULL, NULL, "one object a line", false},
        OPTION_PRECISION(&a->precision),
        OPTION_MODEL(&a->choice),
    };
    /* clang-format on */
    const CliCommand command = {
        .name = "bench",
        .args = "MODEL",
        .summary =
            "Times forward and training step against the peak of multiply-adds,\n"
            "measured in alternating bursts: share is the best over the best.\n"
            "archrun bench flux [--help] times the Monte Carlo instead.",
        .example = "    archrun bench archs/task3/eq1.arch --lattice 8x8,64x64 --batch "
                   "1,16,128\n",
        .least = 1,
        .most = 1,
        .option = option,
        .options = sizeof option / sizeof *option};
    if (!cli_parse(&command, argc, argv, cli, e))
        return false;
    choose_precision(&a->choice, cli_given(&command, cli, &a->precision), a->precision);
    return true;
}

/* The network's own lattice, where it has one and none was given. */
static bool complete_lattices(Args *a, const ArchModel *m, ArchError *e)
{
    if (a->lattice.n)
        return true;
    CliLattice *l = &a->lattice.v[0];
    l->rank = m->rank;
    for (int i = 0; i < m->rank; i++) {
        l->extent[i] = m->fixed_extent[i];
        if (!l->extent[i])
            return error_set(e, ARCH_EXIT_USAGE,
                             "bench: --lattice is missing, %s works on any", m->name);
    }
    a->lattice.n = 1;
    return true;
}

static void print_line(const Args *a, const ArchModel *m, const CliLattice *l,
                       const BenchCase *c, const BenchResult *r)
{
    char text[96];
    if (!a->json) {
        printf("%-9s %6lld  %-7s  %12.3f  %8.1f  %8.1f  %5.1f %%  %5.1f %%\n",
               cli_lattice_text(text, l->rank, l->extent), (long long)c->batch,
               kind_word[c->kind], r->us_per_sample, r->gflops, r->peak_gflops,
               100 * r->share, 100 * r->spread);
        return;
    }
    json_t *lattice = json_array();
    for (int i = 0; i < l->rank; i++)
        json_array_append_new(lattice, json_integer(l->extent[i]));
    json_t *line = json_pack(
        "{s:s, s:o, s:I, s:i, s:s, s:f, s:f, s:f, s:f, s:f, s:s, s:s}", "model",
        m->name, "lattice", lattice, "batch", (json_int_t)c->batch, "threads",
        c->threads, "kind", kind_word[c->kind], "us_per_sample", r->us_per_sample,
        "gflops", r->gflops, "peak_gflops", r->peak_gflops, "share", r->share, "spread",
        r->spread, "isa", peak_name(c->isa), "precision", model_real_name(m));
    json_dumpf(line, stdout, 0);
    putchar('\n');
    json_decref(line);
}

/* All batches and both kinds on one lattice. */
static bool bench_lattice(const Args *a, const ArchModel *m, const CliLattice *l,
                          ArchError *e)
{
    for (int i = 0; i < a->batch.n; i++)
        for (int kind = BENCH_FORWARD; kind <= BENCH_STEP; kind++) {
            BenchResult r;
            BenchCase c = {.batch = a->batch.v[i],
                           .kind = (BenchKind)kind,
                           .isa = a->isa ? (ArchIsa)a->isa : peak_best(),
                           .threads = (int)a->threads,
                           .bursts = (int)a->bursts};
            memcpy(c.extent, l->extent, sizeof c.extent);
            if (kind == BENCH_STEP && !m->gradient)
                continue;
            if (!bench_run(&r, m, &c, e))
                return false;
            print_line(a, m, l, &c, &r);
            fflush(stdout);
        }
    return true;
}

static bool bench(Args *a, const ArchModel *m, ArchError *e)
{
    ArchIsa isa = a->isa ? (ArchIsa)a->isa : peak_best();
    if (!complete_lattices(a, m, e))
        return false;
    if (!peak_has(isa))
        return error_set(e, ARCH_EXIT_DEVICE, "this machine has no %s", peak_name(isa));
    fprintf(a->json ? stderr : stdout,
            "peak of multiply-adds: %.1f GF/s (%s, %s, threads: %d)\n",
            bench_peak(isa, m->real, (int)a->threads, (int)a->bursts), peak_name(isa),
            model_real_name(m), (int)a->threads);
    if (!a->json)
        printf("%-9s %6s  %-7s  %12s  %8s  %8s  %7s  %7s\n", "lattice", "batch", "kind",
               "us/sample", "GF/s", "peak", "share", "spread");
    int measured = 0;
    for (int i = 0; i < a->lattice.n; i++) {
        const CliLattice *l = &a->lattice.v[i];
        if (!model_takes(m, l->rank, l->extent, e)) {
            if (measured || i + 1 < a->lattice.n)
                fprintf(stderr, "archrun: note: skipped, %s\n", e->text);
            continue;
        }
        warn_of_dropped_sites(m, l->rank, l->extent);
        if (!bench_lattice(a, m, l, e))
            return false;
        measured++;
    }
    return measured > 0; /* else *e says why the last one could not be taken */
}

int cmd_bench(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "flux") == 0)
        return cmd_bench_flux(argc - 1, argv + 1);
    ArchError e;
    Cli cli;
    Model model;
    Args a = {
        .threads = 1, .bursts = BURSTS, .batch = {1, {128}}
    };
    if (!parse(&a, argc - 1, argv + 1, &cli, &e))
        return cli_fail(&e);
    if (cli.help)
        return ARCH_EXIT_OK;
    if (!model_open(&model, cli.arg[0], &a.choice, &e))
        return cli_fail(&e);
    bool ok = bench(&a, model.m, &e);
    model_release(&model);
    return ok ? ARCH_EXIT_OK : cli_fail(&e);
}
