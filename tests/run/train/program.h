/* program.h - runs a program and keeps what it says, for tests of whole commands. */
#ifndef PROGRAM_H
#define PROGRAM_H

#define SAID_MAX  200000
#define WORDS_MAX 40

/* Runs argv, all words of `line`, which one space separates.  Returns the exit code, or 128
 * plus the signal that ended it; its standard output and error are in `out` and `err`, each
 * of SAID_MAX bytes. */
int program_run(const char *line, char *out, char *err);

#endif
