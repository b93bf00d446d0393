/* program.h - runs a program and keeps what it says, for tests of whole commands. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#define SAID_MAX  200000
#define WORDS_MAX 40

/* Runs argv, all words of `line`, which one space separates.  Returns the exit code, or 128
 * plus the signal that ended it; its standard output and error are in `out` and `err`, each
 * of SAID_MAX bytes. */
int program_run(const char *line, char *out, char *err);

/* One that runs beside the test, and the terminal that is its standard error: so it says how
 * far it is several times a second. */
typedef struct Program {
    pid_t pid;
    int terminal;
} Program;

bool program_start(Program *p, const char *line);
/* Waits until it has said `text`; false, with what it said instead on the standard error,
 * when it has ended or so many seconds are over. */
bool program_says(const Program *p, const char *text, int seconds);
/* Sends the signal and waits for the end; returns as program_run(). */
int program_stop(Program *p, int signal);

#endif
