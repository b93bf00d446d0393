/* archrun bench flux: how fast one core moves the heads of worms. */
#include <math.h>
#include <stdio.h>

#include <jansson.h>

#include "archrt/flux.h"
#include "cmd_common.h"
#include "progress.h"

enum { BURSTS = 40, THERMAL = 400 };
static const double burst_seconds = 0.02;

typedef struct Args {
    CliLattices lattice;
    double eta, lambda, mu;
    int64_t bursts;
    bool json;
} Args;

/* Best of the bursts. */
typedef struct Rates {
    double together, alone; /* head proposals a second: all lanes, one chain */
    double sweeps;          /* a second, all lanes, each with its sweep of l */
} Rates;

/* Proposals and sweeps a second of n chains in one burst. */
static bool burst(FluxChain *const *c, int n, double rate[2], ArchError *e)
{
    const double start = progress_clock();
    double seconds = 0;
    int64_t proposals = 0, sweeps = 0;
    for (int i = 0; i < n; i++)
        proposals -= flux_proposals(c[i]);
    while (seconds < burst_seconds) {
        if (!flux_advance_all(c, n, FLUX_BETWEEN, e))
            return false;
        sweeps += (int64_t)n * FLUX_BETWEEN;
        seconds = progress_clock() - start;
    }
    for (int i = 0; i < n; i++)
        proposals += flux_proposals(c[i]);
    rate[0] = (double)proposals / seconds;
    rate[1] = (double)sweeps / seconds;
    return true;
}

/* All lanes and one chain alone in turn, because the clock of a machine moves. */
static bool measure(FluxChain *const *c, int64_t bursts, Rates *r, ArchError *e)
{
    *r = (Rates){0};
    if (!flux_thermalise_all(c, FLUX_LANES, THERMAL, e))
        return false;
    for (int64_t i = 0; i < bursts; i++) {
        double together[2], alone[2];
        if (!burst(c, FLUX_LANES, together, e) || !burst(c, 1, alone, e))
            return false;
        r->together = fmax(r->together, together[0]);
        r->sweeps = fmax(r->sweeps, together[1]);
        r->alone = fmax(r->alone, alone[0]);
    }
    return true;
}

static void print_line(const Args *a, const CliLattice *l, const Rates *r)
{
    char text[96];
    if (!a->json) {
        printf("%-9s  %10.1f  %10.1f  %10.2f\n",
               cli_lattice_text(text, l->rank, l->extent), r->together * 1e-6,
               r->alone * 1e-6, 1e6 / r->sweeps);
        return;
    }
    json_t *lattice = json_array();
    for (int i = 0; i < l->rank; i++)
        json_array_append_new(lattice, json_integer(l->extent[i]));
    json_t *line =
        json_pack("{s:o, s:f, s:f, s:f, s:i, s:f, s:f, s:f}", "lattice", lattice, "eta",
                  a->eta, "lambda", a->lambda, "mu", a->mu, "lanes", (int)FLUX_LANES,
                  "proposals_per_s", r->together, "proposals_per_s_alone", r->alone,
                  "us_per_sweep", 1e6 / r->sweeps);
    json_dumpf(line, stdout, 0);
    putchar('\n');
    json_decref(line);
}

static bool bench_lattice(const Args *a, const CliLattice *l, ArchError *e)
{
    const FluxParams p = {a->eta, a->lambda, a->mu};
    FluxChain *c[FLUX_LANES] = {NULL};
    Rates r;
    bool ok = (c[0] = flux_new(&p, l->rank, l->extent, 1, 0, e)) != NULL;
    for (uint32_t i = 1; ok && i < FLUX_LANES; i++)
        ok = (c[i] = flux_twin(c[0], i, e)) != NULL;
    ok = ok && measure(c, a->bursts, &r, e);
    for (int i = FLUX_LANES; i-- > 0;)
        flux_free(c[i]);
    if (ok)
        print_line(a, l, &r);
    return ok;
}

static bool parse(Args *a, int argc, char **argv, Cli *cli, ArchError *e)
{
    /* clang-format off */
    const CliOption option[] = {
        {.name = "lattice", .kind = CLI_LATTICES, .value = &a->lattice, .min = 2,
         .max = 1 << 26, .help = "extents, time first [60x4]"},
        {.name = "eta", .kind = CLI_DOUBLE, .value = &a->eta, .help = "2 D + m^2"},
        {.name = "mu", .kind = CLI_DOUBLE, .value = &a->mu, .help = "chemical potential"},
        {.name = "lambda", .kind = CLI_DOUBLE, .value = &a->lambda, .help = "coupling"},
        {.name = "bursts", .kind = CLI_INT, .value = &a->bursts, .min = 1, .max = 100000,
         .help = "of 20 ms, together and alone in turns"},
        {.name = "json", .kind = CLI_FLAG, .value = &a->json, .help = "one object a line"},
    };
    /* clang-format on */
    const CliCommand command = {
        .name = "bench flux",
        .args = "",
        .summary =
            "Head proposals of worms a second on one core, sweeps of l included: several\n"
            "chains with their steps in turn, as archrun data runs them, and one chain\n"
            "alone.  The best of alternating bursts.",
        .example = "    archrun bench flux --lattice 60x4,8x8,200x10 --mu 1.05\n",
        .option = option,
        .options = sizeof option / sizeof *option};
    return cli_parse(&command, argc, argv, cli, e);
}

int cmd_bench_flux(int argc, char **argv)
{
    ArchError e;
    Cli cli;
    Args a = {
        .lattice = {1, {{2, {60, 4}}}},
        .eta = 4.01,
        .lambda = 1,
        .mu = 1.05,
        .bursts = BURSTS
    };
    if (!parse(&a, argc - 1, argv + 1, &cli, &e))
        return cli_fail(&e);
    if (cli.help)
        return ARCH_EXIT_OK;
    if (!a.json)
        printf("%-9s  %10s  %10s  %10s\n%-9s  %10s  %10s  %10s\n", "lattice",
               "M heads/s", "M heads/s", "us a sweep", "", "8 chains", "1 chain",
               "8 chains");
    for (int i = 0; i < a.lattice.n; i++)
        if (!bench_lattice(&a, &a.lattice.v[i], &e))
            return cli_fail(&e);
    return ARCH_EXIT_OK;
}
