/* progress.h - how far long work is, on stderr.
 *
 * On a terminal one line that is rewritten: a bar, the share, the rate and the time left.
 * Elsewhere a plain line about every 30 seconds, so that logs stay short.  To be called
 * from one thread; progress_at() is cheap enough for every step. */
#ifndef ARCHRT_PROGRESS_H
#define ARCHRT_PROGRESS_H

#include <stdbool.h>

typedef struct Progress {
    const char *what, *unit; /* "train", "samples": kept, not copied       */
    double from, total;      /* done before the work began (resumed); all  */
    double start, last;      /* seconds: of the beginning, of the last line */
    bool terminal, color;
} Progress;

/* total <= 0: unknown. */
void progress_begin(Progress *p, const char *what, const char *unit, double from,
                    double total);

/* `note` (may be NULL or "") follows the figures: "loss 1.2e-4". */
void progress_at(Progress *p, double done, const char *note);

/* Removes the line from a terminal. */
void progress_end(Progress *p);

/* Seconds of a clock that never runs backwards. */
double progress_clock(void);

#endif
