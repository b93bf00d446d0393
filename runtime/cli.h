/* cli.h - command lines: a table of options in, typed values or one clear error out.
 *
 *     double eta = 4.25;
 *     CliLattices lattices = {0};
 *     const CliOption option[] = {
 *         {.name = "lattice", .kind = CLI_LATTICES, .value = &lattices, .min = 2,
 *          .arg = "TxX,..", .help = "extents, time first", .required = true},
 *         {.name = "eta", .kind = CLI_DOUBLE, .value = &eta, .help = "4 + m^2"},
 *     };
 *
 * An option is written --name V or --name=V, and -o V where it has a letter.  What was not
 * given keeps the value it had.  Lists are separated by commas; in lists of numbers
 * 0.91:1.05:0.005 stands for all from 0.91 to 1.05 in such steps, 0:10 for integers.  Text
 * points into argv, whose commas cli_parse overwrites. */
#ifndef ARCHRT_CLI_H
#define ARCHRT_CLI_H

#include <stdint.h>
#include <stdio.h>

#include "arch_model.h"
#include "archrt/error.h"

#define CLI_LIST_MAX 256
#define CLI_ARGS_MAX 16

typedef enum CliKind {
    CLI_FLAG,     /* bool, set to true          */
    CLI_INT,      /* int64_t                    */
    CLI_DOUBLE,   /* double, finite             */
    CLI_TEXT,     /* const char *, not empty    */
    CLI_INTS,     /* CliInts                    */
    CLI_DOUBLES,  /* CliDoubles                 */
    CLI_TEXTS,    /* CliTexts                   */
    CLI_LATTICES, /* CliLattices; the range is that of an extent */
    CLI_CHOICE    /* int, the index into `choice` */
} CliKind;

typedef struct CliInts {
    int n;
    int64_t v[CLI_LIST_MAX];
} CliInts;

typedef struct CliDoubles {
    int n;
    double v[CLI_LIST_MAX];
} CliDoubles;

typedef struct CliTexts {
    int n;
    const char *v[CLI_LIST_MAX];
} CliTexts;

typedef struct CliLattice {
    int rank;
    int64_t extent[ARCH_AXES_MAX]; /* time first */
} CliLattice;

typedef struct CliLattices {
    int n;
    CliLattice v[CLI_LIST_MAX];
} CliLattices;

typedef struct CliOption {
    const char *name; /* without the dashes                             */
    char letter;      /* 0: none                                        */
    CliKind kind;
    void *value;               /* what the kind says                             */
    double min, max;           /* inclusive; min > max or both 0: any value      */
    const char *const *choice; /* CLI_CHOICE: the words, NULL behind the last    */
    const char *arg;           /* what --help calls the value; NULL: by the kind */
    const char *help;          /* one line                                       */
    bool required;
} CliOption;

typedef struct CliCommand {
    const char *name;    /* "data flux"                                        */
    const char *args;    /* "MODEL.arch", or "" without positional arguments   */
    const char *summary; /* one sentence or more, newlines as they should print */
    const char *example; /* whole lines, indented by the caller, or NULL       */
    int least, most;     /* positional arguments                               */
    const CliOption *option;
    int options; /* at most 64                                         */
} CliCommand;

typedef struct Cli {
    bool help; /* --help was given and has been printed: stop */
    int args;  /* positional arguments                        */
    const char *arg[CLI_ARGS_MAX];
    uint64_t given; /* bit i: option i was on the command line     */
} Cli;

/* argv[0 .. argc): what follows the command's name.  Errors (code USAGE): an unknown option
 * (with the nearest one), a missing, malformed or out-of-range value, an option missing or
 * given twice, too few or too many positional arguments. */
bool cli_parse(const CliCommand *c, int argc, char **argv, Cli *cli, ArchError *e);

/* What --help prints. */
void cli_help(const CliCommand *c, FILE *out);

/* Whether the option that fills `value` was on the command line. */
bool cli_given(const CliCommand *c, const Cli *cli, const void *value);

/* The word of `words` nearest to a misspelt one, or NULL if none is near. */
const char *cli_nearest(const char *word, const char *const *words, int n);

/* "60x4"; `to` holds at least 96 bytes. */
const char *cli_lattice_text(char *to, int rank, const int64_t *extent);

/* Prints "archrun: error: ..." on stderr and returns the exit code. */
int cli_fail(const ArchError *e);

/* The commands of archrun: argv[0] is the command's name; each returns the exit code. */
int cmd_data(int argc, char **argv);
int cmd_train(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_predict(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_bench_flux(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_plot(int argc, char **argv);

#endif
