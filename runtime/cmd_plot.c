#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "plot.h"

static bool parse(const char **out, int argc, char **argv, Cli *cli, ArchError *e)
{
    const CliOption option[] = {
        {"output", 'o', CLI_TEXT, out, 0, 0, NULL, "FILE",
         "the picture: .png, .svg or .pdf", true}
    };
    const CliCommand command = {
        .name = "plot",
        .args = "accuracy EVAL.jsonl",
        .summary =
            "Accuracy and loss against the size of the lattice, mean and range over the\n"
            "instances, from what archrun eval --json printed.  The gnuplot script and\n"
            "its data stay beside the picture.",
        .example = "    archrun plot accuracy eval.jsonl -o accuracy.png\n",
        .least = 2,
        .most = 2,
        .option = option,
        .options = 1};
    if (!cli_parse(&command, argc, argv, cli, e))
        return false;
    if (cli->help || strcmp(cli->arg[0], "accuracy") == 0)
        return true;
    return error_set(e, ARCH_EXIT_USAGE,
                     "plot: unknown plot '%.60s', there is only accuracy", cli->arg[0]);
}

int cmd_plot(int argc, char **argv)
{
    ArchError e;
    Cli cli;
    const char *out = NULL;
    bool drawn;
    if (!parse(&out, argc - 1, argv + 1, &cli, &e))
        return cli_fail(&e);
    if (cli.help)
        return ARCH_EXIT_OK;
    if (!plot_accuracy(cli.arg[1], out, &drawn, &e))
        return cli_fail(&e);
    if (!drawn)
        fprintf(stderr,
                "archrun: note: no gnuplot here: run the script beside %s where there "
                "is one\n",
                out);
    return ARCH_EXIT_OK;
}
