/* archrun bench flux: how fast one core, or a device, moves the heads of worms. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "archrt/flux.h"
#include "cmd_common.h"
#include "file.h"
#include "flux_cuda.h"
#include "progress.h"

enum { BURSTS = 40, THERMAL = 400, CHAINS_PER_SM = 128 };
static const double burst_seconds = 0.02;

typedef struct Args {
    CliLattices lattice;
    double eta, lambda, mu;
    int64_t bursts, chains; /* chains: on a device; 0: CHAINS_PER_SM */
    bool json;
    CmdDevice device;
    GpuProgram kernels; /* of the device */
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

/* What was measured where; the caller adds the rates. */
static json_t *line_of(const Args *a, const CliLattice *l)
{
    json_t *lattice = json_array();
    for (int i = 0; i < l->rank; i++)
        json_array_append_new(lattice, json_integer(l->extent[i]));
    return json_pack("{s:o, s:f, s:f, s:f}", "lattice", lattice, "eta", a->eta,
                     "lambda", a->lambda, "mu", a->mu);
}

static void print_json(json_t *line, json_t *rates)
{
    json_object_update(line, rates);
    json_dumpf(line, stdout, 0);
    putchar('\n');
    json_decref(line);
    json_decref(rates);
}

static void print_line(const Args *a, const CliLattice *l, const Rates *r)
{
    char text[96];
    if (a->json)
        print_json(line_of(a, l),
                   json_pack("{s:i, s:f, s:f, s:f}", "lanes", (int)FLUX_LANES,
                             "proposals_per_s", r->together, "proposals_per_s_alone",
                             r->alone, "us_per_sweep", 1e6 / r->sweeps));
    else
        printf("%-9s  %10.1f  %10.1f  %10.2f\n",
               cli_lattice_text(text, l->rank, l->extent), r->together * 1e-6,
               r->alone * 1e-6, 1e6 / r->sweeps);
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

/* ---- on a device ---- */

/* Chains of one point, and so many sweeps of each that a burst takes its time. */
typedef struct Fleet {
    FluxChain **chain;
    int64_t *sweeps, chains;
    FluxCuda *cuda;
} Fleet;

static void set_sweeps(Fleet *f, int64_t sweeps)
{
    for (int64_t i = 0; i < f->chains; i++)
        f->sweeps[i] = sweeps;
}

/* By the processor's clock, with what goes there and back of the chains' counts. */
static bool fleet_burst(Fleet *f, Rates *best, double *seconds, ArchError *e)
{
    double proposals = 0;
    for (int64_t i = 0; i < f->chains; i++)
        proposals -= (double)flux_proposals(f->chain[i]);
    const double start = progress_clock();
    if (!flux_cuda_run(f->cuda, f->sweeps, e))
        return false;
    *seconds = progress_clock() - start;
    for (int64_t i = 0; i < f->chains; i++)
        proposals += (double)flux_proposals(f->chain[i]);
    best->together = fmax(best->together, proposals / *seconds);
    best->sweeps =
        fmax(best->sweeps, (double)f->chains * (double)f->sweeps[0] / *seconds);
    return true;
}

/* The first finds on the processor how many worms make a sweep; all begin anew. */
static bool fleet_begin(Fleet *f, Args *a, const CliLattice *l, ArchError *e)
{
    const FluxParams p = {a->eta, a->lambda, a->mu};
    FluxChain **c = f->chain;
    if ((c[0] = flux_new(&p, l->rank, l->extent, 1, 0, e)) == NULL ||
        !flux_thermalise(c[0], THERMAL, e))
        return false;
    for (int64_t i = 1; i < f->chains; i++) {
        if ((c[i] = flux_twin(c[0], (uint32_t)i, e)) == NULL)
            return false;
        c[i]->worms = c[0]->worms;
    }
    set_sweeps(f, THERMAL);
    return flux_cuda_new(&f->cuda, &a->kernels, c, f->chains, e) &&
           flux_cuda_run(f->cuda, f->sweeps, e);
}

static bool fleet_measure(Fleet *f, const Args *a, Rates *r, ArchError *e)
{
    double seconds = 0;
    *r = (Rates){0};
    bool ok = true;
    for (int64_t sweeps = 1; ok && seconds < burst_seconds; sweeps *= 2) {
        set_sweeps(f, sweeps);
        ok = fleet_burst(f, r, &seconds, e);
    }
    for (int64_t i = 1; ok && i < a->bursts; i++)
        ok = fleet_burst(f, r, &seconds, e);
    return ok;
}

static void print_fleet(const Args *a, const CliLattice *l, const Fleet *f,
                        const Rates *r)
{
    char text[96];
    const GpuInfo *info = gpu_info(a->device.gpu);
    const bool shared = flux_cuda_shape(info, &f->chain[0]->lattice, f->chains).shared;
    if (a->json)
        print_json(line_of(a, l),
                   json_pack("{s:s, s:I, s:b, s:f, s:f}", "device", info->name,
                             "chains", (json_int_t)f->chains, "shared", shared,
                             "proposals_per_s", r->together, "us_per_sweep",
                             1e6 / r->sweeps));
    else
        printf("%-9s  %10.1f  %10.2f  %8lld  %s\n",
               cli_lattice_text(text, l->rank, l->extent), r->together * 1e-6,
               1e6 / r->sweeps, (long long)f->chains, shared ? "shared" : "global");
}

static bool bench_on_device(Args *a, const CliLattice *l, ArchError *e)
{
    Fleet f = {.chains = a->chains > 0
                             ? a->chains
                             : (int64_t)gpu_info(a->device.gpu)->sms * CHAINS_PER_SM};
    const size_t n = (size_t)f.chains;
    Rates r;
    f.chain = memory_new(n * sizeof *f.chain);
    f.sweeps = memory_new(n * sizeof *f.sweeps);
    memset(f.chain, 0, n * sizeof *f.chain);
    const bool ok = fleet_begin(&f, a, l, e) && fleet_measure(&f, a, &r, e);
    if (ok)
        print_fleet(a, l, &f, &r);
    flux_cuda_free(f.cuda);
    for (int64_t i = f.chains; i-- > 0;)
        flux_free(f.chain[i]);
    free(f.chain);
    free(f.sweeps);
    return ok;
}

/* ---- */

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
        OPTION_DEVICE(&a->device),
        {.name = "chains", .kind = CLI_INT, .value = &a->chains, .min = 0, .max = 1 << 22,
         .help = "on a device; 0: 128 a multiprocessor"},
        {.name = "json", .kind = CLI_FLAG, .value = &a->json, .help = "one object a line"},
    };
    /* clang-format on */
    const CliCommand command = {
        .name = "bench flux",
        .args = "",
        .summary =
            "Head proposals of worms a second on one core, sweeps of l included: several\n"
            "chains with their steps in turn, as archrun data runs them, and one chain\n"
            "alone.  The best of alternating bursts.\n"
            "\n"
            "On a CUDA device: all --chains, a thread each; \"shared\" if their fluxes fit\n"
            "into the memory of the multiprocessors.",
        .example =
            "    archrun bench flux --lattice 60x4,8x8,200x10 --mu 1.05\n"
            "    archrun bench flux --lattice 8x8 --device cuda --chains 100000\n",
        .option = option,
        .options = sizeof option / sizeof *option};
    if (!cli_parse(&command, argc, argv, cli, e) || !device_parse(&a->device, e))
        return false;
    return a->device.index >= 0 || a->chains == 0 ||
           error_set(e, ARCH_EXIT_USAGE,
                     "--chains is of a device; the processor runs %d and one",
                     (int)FLUX_LANES);
}

static void print_head(const Args *a)
{
    if (a->json)
        return;
    if (a->device.gpu)
        printf("%s\n%-9s  %10s  %10s  %8s\n", gpu_info(a->device.gpu)->name, "lattice",
               "M heads/s", "us a sweep", "chains");
    else
        printf("%-9s  %10s  %10s  %10s\n%-9s  %10s  %10s  %10s\n", "lattice",
               "M heads/s", "M heads/s", "us a sweep", "", "8 chains", "1 chain",
               "8 chains");
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
    bool ok = device_open(&a.device, &e);
    if (ok && a.device.gpu)
        ok = flux_cuda_load(&a.kernels, a.device.gpu, a.device.compiler, &e);
    if (ok)
        print_head(&a);
    for (int i = 0; ok && i < a.lattice.n; i++)
        ok = a.device.gpu ? bench_on_device(&a, &a.lattice.v[i], &e)
                          : bench_lattice(&a, &a.lattice.v[i], &e);
    gpu_program_release(&a.kernels);
    device_close(&a.device);
    return ok ? ARCH_EXIT_OK : cli_fail(&e);
}
