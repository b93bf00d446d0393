/* stop.h - the signals that ask long work to stop, SIGINT and SIGTERM: held back while it runs,
 * so that it can save what is done. */
#ifndef ARCHRT_STOP_H
#define ARCHRT_STOP_H

#include <signal.h>
#include <stdbool.h>

/* Blocks both in this thread and in those that it makes; returns the mask before. */
sigset_t stop_hold(void);
void stop_release(const sigset_t *before);

/* Whether one of them waits. */
bool stop_asked(void);

/* Takes those that wait: they have been answered, or come too late. */
void stop_take(void);

#endif
