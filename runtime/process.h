/* process.h - runs another program: words, never a shell line. */
#ifndef ARCHRT_PROCESS_H
#define ARCHRT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#define PROCESS_NOT_FOUND 127

/* Runs argv[0] (sought in PATH unless it has a '/') and waits.  Its standard output goes to
 * our standard error.  Returns its exit code, PROCESS_NOT_FOUND if it cannot be started, or
 * 128 + n if signal n ended it. */
int process_run(const char *const *argv);

/* The file that running `name` would start.  False if there is none. */
bool process_find(const char *name, char *path, size_t size);

#endif
