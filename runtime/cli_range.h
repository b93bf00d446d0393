/* cli_range.h - a range on the command line: FIRST:LAST:STEP is FIRST, FIRST + STEP, ..,
 * LAST.
 *
 * Counted in decimals, not in doubles: an entry of 0.91:1.05:0.005 is the double that
 * "0.915" is, and the end belongs to it. */
#ifndef ARCHRT_CLI_RANGE_H
#define ARCHRT_CLI_RANGE_H

#include "cli.h"

typedef struct CliRange {
    const char *option; /* for messages                             */
    const char *text;
    bool integers; /* the step may then be left out: it is 1        */
} CliRange;

bool cli_is_range(const char *text);

/* The entries into v[0 .. space); how many they are, 0 after an error (code USAGE): not
 * two or three plain decimals of at most 15 digits, a step that never meets the end (0,
 * of the wrong sign, no divisor), more entries than `space`. */
int cli_range(const CliRange *r, double *v, int space, ArchError *e);

#endif
