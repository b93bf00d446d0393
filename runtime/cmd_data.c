/* archrun data: Monte Carlo configurations with labels, into an HDF5 file. */
#include "cmd_common.h"
#include "file.h"
#include "progress.h"

#include "archrt/flux_data.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MAX = 4096 };

/* The command line. */
typedef struct DataOptions {
    CliLattices lattice;
    CliDoubles eta, lambda, mu;
    CliTexts at;
    CliInts worms;
    int64_t open, samples, seed, thermal, between, threads;
    const char *output, *length;
    bool paths, overwrite;
    CmdDevice device;
} DataOptions;

typedef enum DataKind { DATA_FLUX, DATA_OPEN, DATA_WORMS } DataKind;
static const char *const kind_name[] = {"data flux", "data open", "data worms"};

/* The same, as flux_data_make() wants it. */
typedef struct DataRequest {
    FluxLattice lattice[CLI_LIST_MAX];
    FluxParams point[POINTS_MAX];
    int worms[CLI_LIST_MAX];
    FluxDataSpec spec;
} DataRequest;

/* How samples are made independent: the same for all kinds. */
#define PROTOCOL_SUMMARY                                                                    \
    "Protocol.  A sweep is a fixed number of worms, as many as make 3 head proposals per\n" \
    "link on average, and one proposal for every l.  For every lattice, eta, lambda and\n"  \
    "mu a pilot, a chain with random numbers of its own, finds that number and measures\n"  \
    "tau, the larger of the integrated autocorrelation times of n and |phi|^2 in sweeps\n"  \
    "(0.5: independent).  Then one chain for every 100 samples (1 to 32) starts at\n"       \
    "k = l = 0, forgets that for 20 tau (at least 100 sweeps), and gives a sample every\n"  \
    "4 tau: neighbours correlate by 2 % or less.  tau is taken with its error on top.\n"    \
    "--thermal and --between say these sweeps instead.  What was found stands in the\n"     \
    "file and in `archrun info`.  The file depends on these options alone, not on the\n"    \
    "number of threads.  Sets for training and for tests need different seeds.\n"           \
    "\n"                                                                                    \
    "Every 30 seconds, and when stopped by a signal (exit 75), what is done is saved in\n"  \
    "FILE.h5.parts; the same command goes on from there, to the same bytes.\n"              \
    "\n"                                                                                    \
    "--device cuda: a CUDA device does the sweeps of the chains, a thread each, those of\n" \
    "all points of a lattice together; pilots, n and |phi|^2, and open worms are made on\n" \
    "the --threads of the processor.  The file is the same, bit by bit, and either goes\n"  \
    "on from the parts of the other.  It takes many chains to fill a device."

static const char flux_summary[] =
    "Closed configurations of the complex scalar field at chemical potential mu, as\n"
    "integer fluxes on the links of a lattice of 1 to 4 dimensions: x (samples,\n"
    "channels, lattice), int8, in two dimensions the channels k_t, k_x, l_t, l_x;\n"
    "labels y: n and |phi|^2.  --samples counts per parameter set.\n"
    "\n" PROTOCOL_SUMMARY;

#define LENGTH_SUMMARY                                                                    \
    "--length: worms take at least m accepted steps, m uniform in 1 .. sites (uniform)\n" \
    "or in 1 .. MOST (uniform:MOST), m = STEPS (fixed:STEPS), or m >= 1 geometric with\n" \
    "a given mean (geometric:MEAN).\n"                                                    \
    "--paths: /path, /path_begin and /path_worm hold the sites each worm visited and\n"   \
    "the directions it took; archrt/dataset.h has their layout.\n"                        \
    "\n" PROTOCOL_SUMMARY

static const char worms_summary[] =
    "Configurations as from `archrun data flux` with open worms on top, whose ends\n"
    "violate flux conservation; label y: the number of open worms.  A worm starts at a\n"
    "site uniform over those without an end, takes at least as many Metropolis steps as\n"
    "--length says (1 .. sites, uniform), and stops at the first site after that without\n"
    "an end.  Samples with 0 worms are the configurations of the chain.  n and |phi|^2\n"
    "of the closed configuration are kept in /obs.\n"
    "The chains of a lattice, eta, lambda and mu serve the numbers of worms in turn.\n" LENGTH_SUMMARY;

static const char open_summary[] =
    "Configurations as from `archrun data flux`, half of them with an open worm on top,\n"
    "whose two ends violate flux conservation; label y: 1 for open, 0 for closed.\n"
    "--samples counts both halves of a lattice, eta, lambda and mu.  On the closed half\n"
    "one worm more is opened, led and closed as in the chain, so that both halves were\n"
    "last touched by a worm.  An open worm starts at a site uniform over those without\n"
    "an end, takes at least as many Metropolis steps as --length says (1 .. sites,\n"
    "uniform), and stops at the first site after that without an end.  /sets has a row\n"
    "with 0 worms and one with --worms for each point.\n" LENGTH_SUMMARY;

static const char open_example[] =
    "  archrun data open --lattice 8x8 --at 4.25:1,4.01:1.5 --samples 2000 -o train.h5\n"
    "  archrun data open --lattice 8x8,64x64 --eta 4.01,4.04,4.25 --mu 1:1.5:0.25 \\\n"
    "      --samples 400 --length fixed:20 --seed 2 -o test.h5\n";

static const char *const summary[] = {flux_summary, open_summary, worms_summary};

static const char flux_example[] =
    "  archrun data flux --lattice 8x8 --eta 4.25 --mu 1 --lambda 1 --samples 4000 \\\n"
    "      --seed 1 -o flux.h5\n"
    "  archrun data flux --lattice 60x4,100x5 --eta 4.01 --mu 0.91:1.05:0.005 \\\n"
    "      --samples 500 -o test.h5        # mu = 0.91, 0.915, .., 1.05\n"
    "  archrun data flux --lattice 8 --eta 4.01 --lambda 0.5,1 --mu 0.5,1.05 -o chain.h5\n";

static const char worms_example[] =
    "  archrun data worms --lattice 8x8 --at 4.25:1,4.01:1.5 --worms 0,5 \\\n"
    "      --samples 5000 --seed 1 -o train.h5\n"
    "  archrun data worms --lattice 8x8,16x16 --eta 4.04 --mu 1.25 --worms 0:10 \\\n"
    "      --samples 100 --seed 2 -o test.h5\n";

static const char *const example[] = {flux_example, open_example, worms_example};

/* --at ETA:MU,..: pairs instead of a grid, each with every lambda. */
static bool take_pairs(const DataOptions *o, DataRequest *r, ArchError *e)
{
    for (int i = 0; i < o->at.n; i++) {
        char *colon, *end = NULL;
        const double eta = strtod(o->at.v[i], &colon);
        const double mu = *colon == ':' ? strtod(colon + 1, &end) : NAN;
        if (end == NULL || colon == o->at.v[i] || end == colon + 1 || *end != '\0' ||
            !isfinite(eta) || !isfinite(mu))
            return error_set(e, ARCH_EXIT_USAGE,
                             "--at: '%.40s' is no pair ETA:MU, as in 4.25:1",
                             o->at.v[i]);
        for (int j = 0; j < o->lambda.n; j++)
            r->point[r->spec.points++] = (FluxParams){eta, o->lambda.v[j], mu};
    }
    return true;
}

static void take_grid(const DataOptions *o, DataRequest *r)
{
    for (int i = 0; i < o->eta.n; i++)
        for (int j = 0; j < o->lambda.n; j++)
            for (int k = 0; k < o->mu.n; k++)
                r->point[r->spec.points++] =
                    (FluxParams){o->eta.v[i], o->lambda.v[j], o->mu.v[k]};
}

static bool take_points(const DataOptions *o, DataRequest *r, ArchError *e)
{
    const bool pairs = o->at.n > 0;
    if (pairs && (o->eta.n > 0 || o->mu.n > 0))
        return error_set(
            e, ARCH_EXIT_USAGE,
            "--at gives pairs instead of --eta and --mu: take one or the other");
    if (!pairs && (o->eta.n == 0 || o->mu.n == 0))
        return error_set(e, ARCH_EXIT_USAGE, "--%s is missing (or --at ETA:MU)",
                         o->eta.n == 0 ? "eta" : "mu");
    const int points = o->lambda.n * (pairs ? o->at.n : o->eta.n * o->mu.n);
    if (points > POINTS_MAX)
        return error_set(e, ARCH_EXIT_USAGE,
                         "%s and --lambda: a grid of %d points, %d are possible",
                         pairs ? "--at" : "--eta, --mu", points, POINTS_MAX);
    if (pairs)
        return take_pairs(o, r, e);
    take_grid(o, r);
    return true;
}

/* --length WORD or WORD:STEPS */
static bool take_length(const char *text, FluxDataSpec *s, ArchError *e)
{
    static const char *const word[] = {"uniform", "fixed", "geometric"};
    const size_t n = strcspn(text, ":");
    char *end = NULL;
    const double steps = text[n] == ':' ? strtod(text + n + 1, &end) : 0;
    const bool bare = text[n] == '\0', whole = end != NULL && *end == '\0';
    for (int i = 0; i < 3; i++)
        if (strlen(word[i]) == n && strncmp(text, word[i], n) == 0 &&
            (bare ? i == WORMS_UNIFORM : whole && end > text + n + 1 && steps >= 1)) {
            s->length = (WormsLength)i;
            s->steps = steps;
            return true;
        }
    return error_set(e, ARCH_EXIT_USAGE,
                     "--length: '%.60s' is not uniform, uniform:MOST, fixed:STEPS or "
                     "geometric:MEAN, with at least 1 step",
                     text);
}

/* Open and closed are two numbers of worms with half of the samples each. */
static bool take_halves(const DataOptions *o, DataRequest *r, ArchError *e)
{
    if (o->samples % 2 != 0)
        return error_set(e, ARCH_EXIT_USAGE,
                         "--samples: %lld cannot be half open and half closed",
                         (long long)o->samples);
    r->worms[0] = 0;
    r->worms[1] = (int)o->open;
    r->spec.counts = 2;
    r->spec.samples = o->samples / 2;
    return true;
}

static bool take_counts(const DataOptions *o, DataRequest *r, ArchError *e)
{
    for (int i = 0; i < o->worms.n; i++) {
        r->worms[i] = (int)o->worms.v[i];
        for (int j = 0; j < i; j++)
            if (r->worms[i] == r->worms[j])
                return error_set(e, ARCH_EXIT_USAGE, "--worms: %d is given twice",
                                 r->worms[i]);
    }
    return true;
}

static bool take_request(const DataOptions *o, DataKind kind, DataRequest *r,
                         ArchError *e)
{
    r->spec = (FluxDataSpec){.lattices = o->lattice.n,
                             .lattice = r->lattice,
                             .point = r->point,
                             .counts = kind == DATA_WORMS ? o->worms.n : 1,
                             .worms = kind != DATA_FLUX ? r->worms : NULL,
                             .detect = kind == DATA_OPEN,
                             .paths = o->paths,
                             .samples = o->samples,
                             .seed = (uint64_t)o->seed,
                             .thermal = o->thermal,
                             .between = o->between};
    for (int i = 0; i < o->lattice.n; i++) {
        r->lattice[i].rank = o->lattice.v[i].rank;
        memcpy(r->lattice[i].extent, o->lattice.v[i].extent,
               sizeof r->lattice[i].extent);
    }
    return (kind != DATA_OPEN || take_halves(o, r, e)) && take_counts(o, r, e) &&
           take_length(o->length, &r->spec, e) && take_points(o, r, e) &&
           flux_data_check(&r->spec, e);
}

/* The pilots, then the samples. */
typedef struct Show {
    Progress line;
    FluxDataStage stage;
    double pilots, samples;
} Show;

static void show(void *data, const FluxDataProgress *p)
{
    Show *s = data;
    if (s->stage != p->stage) {
        progress_end(&s->line);
        progress_begin(&s->line, "data", "samples", 0, s->samples);
        s->stage = p->stage;
    }
    s->line.from = p->from * s->line.total;
    progress_at(&s->line, p->done * s->line.total, NULL);
}

/* Found out before hours of work. */
static bool check_output(const DataOptions *o, ArchError *e)
{
    if (!dataset_writable(o->output, e))
        return false;
    return o->overwrite || !file_exists(o->output) ||
           error_set(e, ARCH_EXIT_USAGE,
                     "%.300s is there already: take another name, or say --overwrite",
                     o->output);
}

static bool make(DataRequest *r, const DataOptions *o, ArchError *e)
{
    const int sets = r->spec.lattices * r->spec.points * r->spec.counts;
    Show p = {.pilots = (double)r->spec.lattices * r->spec.points,
              .samples = (double)sets * (double)r->spec.samples};
    Dataset d;
    progress_begin(&p.line, "pilot", "parameter sets", 0, p.pilots);
    char parts[FILE_PATH_MAX];
    int64_t resumed = 0;
    if (!path_set(parts, "%s.parts", o->output))
        return error_set(e, ARCH_EXIT_USAGE, "--output: the name is too long");
    r->spec.parts = parts;
    r->spec.resumed = &resumed;
    r->spec.gpu = o->device.gpu;
    r->spec.compiler = o->device.compiler;
    r->spec.progress = show;
    r->spec.progress_data = &p;
    bool ok = flux_data_make(&r->spec, &d, e);
    progress_end(&p.line);
    if (!ok)
        return false;
    ok = dataset_write(&d, o->output, e) && flux_data_forget(parts, e);
    dataset_release(&d);
    if (ok && resumed > 0)
        fprintf(stderr, "%s: %lld samples were there already\n", o->output,
                (long long)resumed);
    if (ok)
        fprintf(stderr, "%s: %lld samples in %d parameter set%s\n", o->output,
                (long long)(sets * r->spec.samples), sets, sets == 1 ? "" : "s");
    return ok;
}

static int run(int argc, char **argv, DataKind kind)
{
    DataOptions o = {
        .lambda = {1, {1}},
        .open = 1,
        .length = "uniform",
        .samples = 1000,
        .seed = 1,
        .thermal = FLUX_DATA_AUTO,
        .between = FLUX_DATA_AUTO
    };
    /* clang-format off */
    const CliOption option[] = {
        {.name = "output", .letter = 'o', .kind = CLI_TEXT, .value = &o.output, .arg = "FILE.h5",
         .help = "the data set", .required = true},
        {.name = "lattice", .kind = CLI_LATTICES, .value = &o.lattice, .min = 2, .max = 1 << 26,
         .help = "extents, time first", .required = true},
        {.name = "eta", .kind = CLI_DOUBLES, .value = &o.eta, .help = "2 D + m^2"},
        {.name = "mu", .kind = CLI_DOUBLES, .value = &o.mu, .help = "chemical potential"},
        {.name = "at", .kind = CLI_TEXTS, .value = &o.at, .arg = "ETA:MU,..",
         .help = "pairs, instead of the grid of --eta and --mu"},
        {.name = "lambda", .kind = CLI_DOUBLES, .value = &o.lambda, .help = "coupling [1]"},
        {.name = "samples", .kind = CLI_INT, .value = &o.samples, .min = 1, .max = 1e9,
         .help = "per parameter set"},
        {.name = "seed", .kind = CLI_INT, .value = &o.seed, .min = 0, .max = 1e18,
         .help = "of the random numbers"},
        {.name = "between", .kind = CLI_INT, .value = &o.between, .min = 1, .max = 1e9,
         .help = "sweeps from sample to sample [4 tau]"},
        {.name = "thermal", .kind = CLI_INT, .value = &o.thermal, .min = 0, .max = 1e9,
         .help = "sweeps before the first [20 tau]"},
        OPTION_DEVICE(&o.device),
        {.name = "threads", .kind = CLI_INT, .value = &o.threads, .min = 0, .max = 4096,
         .help = "0: one per core"},
        {.name = "overwrite", .kind = CLI_FLAG, .value = &o.overwrite,
         .help = "replace FILE.h5 if it is there"},
        {.name = "length", .kind = CLI_TEXT, .value = &o.length, .arg = "WORD:STEPS",
         .help = "least steps of open worms [uniform]"},
        {.name = "paths", .kind = CLI_FLAG, .value = &o.paths,
         .help = "keep the ways of the worms in /path"},
        kind == DATA_WORMS ?
        (CliOption){.name = "worms", .kind = CLI_INTS, .value = &o.worms, .min = 0,
         .max = 1 << 24, .help = "numbers of open worms", .required = true} :
        (CliOption){.name = "worms", .kind = CLI_INT, .value = &o.open, .min = 1,
         .max = 1 << 24, .help = "open worms of an open sample"},
    };
    /* clang-format on */
    const int options = (int)(sizeof option / sizeof *option);
    const CliCommand command = {.name = kind_name[kind],
                                .args = "",
                                .summary = summary[kind],
                                .example = example[kind],
                                .option = option,
                                .options = kind == DATA_FLUX ? options - 3 : options};
    Cli cli;
    ArchError e = {0};
    if (!cli_parse(&command, argc, argv, &cli, &e))
        return cli_fail(&e);
    if (cli.help)
        return ARCH_EXIT_OK;
    if (o.threads > 0)
        omp_set_num_threads((int)o.threads);
    DataRequest *r = calloc(1, sizeof *r);
    if (r == NULL)
        error_set(&e, ARCH_EXIT_FILE, "out of memory");
    const bool ok = r != NULL && device_parse(&o.device, &e) &&
                    take_request(&o, kind, r, &e) && check_output(&o, &e) &&
                    device_open(&o.device, &e) && make(r, &o, &e);
    device_close(&o.device);
    free(r);
    return ok ? ARCH_EXIT_OK : cli_fail(&e);
}

static void usage(FILE *out)
{
    fputs("usage: archrun data flux|open|worms [options]\n\n"
          "    flux   closed configurations; labels n and |phi|^2\n"
          "    open   with and without an open worm, half and half; label 1 or 0\n"
          "    worms  with open worms; label: their number\n\n"
          "archrun data flux --help says more.\n",
          out);
}

int cmd_data(int argc, char **argv)
{
    static const char *const kind[] = {"flux", "open", "worms"};
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return ARCH_EXIT_OK;
    }
    if (argc < 2) {
        usage(stderr);
        return ARCH_EXIT_USAGE;
    }
    for (int i = 0; i < 3; i++)
        if (strcmp(argv[1], kind[i]) == 0)
            return run(argc - 2, argv + 2, (DataKind)i);
    ArchError e;
    const char *near = cli_nearest(argv[1], kind, 3);
    error_set(&e, ARCH_EXIT_USAGE,
              "data: unknown kind '%.60s', it is flux, open or worms%s%s%s", argv[1],
              near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return cli_fail(&e);
}
