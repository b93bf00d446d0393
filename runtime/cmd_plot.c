#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "file.h"
#include "plot.h"

typedef struct Args {
    const char *output;
    CliLattices lattice;
    int64_t sample;
} Args;

typedef enum Kind { ACCURACY, CONFIG, OBSERVABLES, KINDS } Kind;
static const char *const kind_word[KINDS] = {"accuracy", "config", "observables"};

static const char summary[] =
    "accuracy     accuracy and loss against the size of the lattice, mean and range over\n"
    "             the instances, from what archrun eval --json printed\n"
    "config       one sample of a data set: fluxes k as arrows as wide as |k|, violations\n"
    "             of flux conservation, the ways of worms if the file has them\n"
    "observables  n and |phi|^2 against mu with errors, a curve for each lattice\n"
    "\n"
    "The gnuplot script and its data stay beside the picture.";

static const char example[] =
    "    archrun plot accuracy eval.jsonl -o accuracy.png\n"
    "    archrun plot config train.h5 --sample 3\n"
    "    archrun plot observables scan.h5 -o silver-blaze.pdf\n";

static bool parse(Args *a, int argc, char **argv, Cli *cli, ArchError *e)
{
    /* clang-format off */
    const CliOption option[] = {
        {.name = "output", .letter = 'o', .kind = CLI_TEXT, .value = &a->output,
         .arg = "FILE", .help = "the picture: .png, .svg or .pdf; of accuracy required [beside the data]"},
        {.name = "sample", .kind = CLI_INT, .value = &a->sample, .min = 0, .max = 1e15,
         .help = "config: which one"},
        {.name = "lattice", .kind = CLI_LATTICES, .value = &a->lattice, .min = 1,
         .max = 1 << 26, .help = "config: of which lattice"},
    };
    /* clang-format on */
    const CliCommand command = {.name = "plot",
                                .args = "accuracy|config|observables FILE",
                                .summary = summary,
                                .example = example,
                                .least = 2,
                                .most = 2,
                                .option = option,
                                .options = sizeof option / sizeof *option};
    return cli_parse(&command, argc, argv, cli, e);
}

static bool find_kind(const char *word, Kind *kind, ArchError *e)
{
    for (int i = 0; i < KINDS; i++)
        if (strcmp(word, kind_word[i]) == 0) {
            *kind = (Kind)i;
            return true;
        }
    const char *near = cli_nearest(word, kind_word, KINDS);
    return error_set(e, ARCH_EXIT_USAGE,
                     "plot: unknown plot '%.60s', it is accuracy, config or "
                     "observables%s%s%s",
                     word, near ? "; did you mean " : "", near ? near : "",
                     near ? "?" : "");
}

/* data.h5 -> data.config3.png; accuracy has no data set to stand beside. */
static bool choose_picture(const Args *a, Kind kind, const char *file,
                           char picture[FILE_PATH_MAX], ArchError *e)
{
    char tail[64] = ".observables.png";
    if (a->output)
        return path_set(picture, "%s", a->output) ||
               error_set(e, ARCH_EXIT_USAGE,
                         "plot: the name of the picture is too long");
    if (kind == ACCURACY)
        return error_set(e, ARCH_EXIT_USAGE,
                         "plot accuracy: --output is missing (archrun plot --help)");
    if (kind == CONFIG)
        snprintf(tail, sizeof tail, ".config%lld.png", (long long)a->sample);
    file_sibling(picture, file, text_ends_with(file, ".h5") ? ".h5" : "", tail);
    return true;
}

static bool plot(const Args *a, const Cli *cli, char picture[FILE_PATH_MAX],
                 bool *drawn, ArchError *e)
{
    Kind kind = ACCURACY;
    const char *file = cli->arg[1];
    if (!find_kind(cli->arg[0], &kind, e) || !choose_picture(a, kind, file, picture, e))
        return false;
    if (a->lattice.n > 1)
        return error_set(e, ARCH_EXIT_USAGE, "--lattice: one sample has one lattice");
    if (kind == ACCURACY)
        return plot_accuracy(file, picture, drawn, e);
    if (kind == OBSERVABLES)
        return plot_observables(file, picture, drawn, e);
    PlotConfig p = {.path = file, .sample = a->sample};
    if (a->lattice.n > 0) {
        p.rank = a->lattice.v[0].rank;
        memcpy(p.extent, a->lattice.v[0].extent, sizeof p.extent);
    }
    return plot_config(&p, picture, drawn, e);
}

int cmd_plot(int argc, char **argv)
{
    ArchError e;
    Cli cli;
    Args a = {0};
    char picture[FILE_PATH_MAX];
    bool drawn = false;
    if (!parse(&a, argc - 1, argv + 1, &cli, &e))
        return cli_fail(&e);
    if (cli.help)
        return ARCH_EXIT_OK;
    if (!plot(&a, &cli, picture, &drawn, &e))
        return cli_fail(&e);
    if (!drawn)
        fprintf(stderr,
                "archrun: note: no gnuplot here: run the script beside %s where there "
                "is one\n",
                picture);
    else if (!a.output)
        printf("%s\n", picture);
    return ARCH_EXIT_OK;
}
