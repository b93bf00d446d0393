/* archrun - data, training, evaluation and timing of compiled networks. */
#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

typedef struct Command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} Command;

static const Command command[] = {
    {"data",    cmd_data,    "make Monte Carlo data: flux, open, worms"       },
    {"train",   cmd_train,   "train instances of a network"                   },
    {"eval",    cmd_eval,    "loss and accuracy of a trained network"         },
    {"predict", cmd_predict, "its outputs, into a file"                       },
    {"bench",   cmd_bench,
     "its speed, against the peak of this machine; bench flux: of data"       },
    {"info",    cmd_info,
     "what a data set, a weights file or a model holds; --device: CUDA"       },
    {"plot",    cmd_plot,    "pictures: accuracy, configurations, observables"},
};

#define COMMANDS ((int)(sizeof command / sizeof *command))

static void print_usage(FILE *out)
{
    fprintf(out, "usage: archrun COMMAND ...\n\n");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "    %-9s %s\n", command[i].name, command[i].what);
    fprintf(
        out,
        "\narchrun COMMAND --help says more, archrun --version which one this is.\n");
}

static int unknown_command(const char *word)
{
    const char *name[COMMANDS];
    for (int i = 0; i < COMMANDS; i++)
        name[i] = command[i].name;
    const char *near = cli_nearest(word, name, COMMANDS);
    fprintf(stderr, "archrun: error: unknown command '%.60s'", word);
    if (near)
        fprintf(stderr, ", did you mean %s?", near);
    fprintf(stderr, "\n\n");
    print_usage(stderr);
    return ARCH_EXIT_USAGE;
}

/* Results that did not reach stdout, on a full disk say, are no success. */
static int check_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "archrun: error: cannot write to the standard output\n");
    return code ? code : ARCH_EXIT_FILE;
}

/* Every command closes its files.  One that could not be written, on a full disk, HDF5
 * would try once more at the end, and crash: version 1.10 does. */
int main(int argc, char **argv)
{
    H5dont_atexit();
    if (argc < 2) {
        print_usage(stderr);
        return ARCH_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(stdout);
        return ARCH_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("archrun %s\n", ARCHC_VERSION);
        return ARCH_EXIT_OK;
    }
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], command[i].name) == 0)
            return check_output(command[i].run(argc - 1, argv + 1));
    return unknown_command(argv[1]);
}
