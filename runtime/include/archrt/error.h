/* error.h - how a function of the runtime says that the world failed it.
 *
 * Functions return false (or NULL) and fill an ArchError; only the drivers print it and
 * exit with its code.  One line, what went wrong and what to do about it. */
#ifndef ARCHRT_ERROR_H
#define ARCHRT_ERROR_H

#include <stdbool.h>

/* Exit codes of archrun; 1, a faulty model, is archc's. */
typedef enum ArchExit {
    ARCH_EXIT_OK = 0,
    ARCH_EXIT_MODEL = 1,     /* the .arch is faulty                                   */
    ARCH_EXIT_USAGE = 2,     /* wrong command line, or things that do not fit together */
    ARCH_EXIT_FILE = 3,      /* missing, unreadable, foreign or corrupt               */
    ARCH_EXIT_DIVERGED = 5,  /* NaN in data or loss                                   */
    ARCH_EXIT_DEVICE = 6,    /* the device asked for is not there                     */
    ARCH_EXIT_STOPPED = 75   /* by a signal, after a checkpoint: resumable            */
} ArchExit;

typedef struct ArchError {
    ArchExit code;
    char text[512];
} ArchError;

/* Fills *e and returns false, so that a caller can write  return error_set(...). */
bool error_set(ArchError *e, ArchExit code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
