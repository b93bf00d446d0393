/* denormal.h - numbers below the normal range count as zero, in this thread.
 *
 * An addition with a denormal operand costs a hundred times more on x86, and the moments of
 * an optimiser drift there.  Elsewhere this does nothing. */
#ifndef ARCHRT_DENORMAL_H
#define ARCHRT_DENORMAL_H

/* Returns the thread's setting before, for denormal_restore(). */
unsigned denormal_flush(void);
void denormal_restore(unsigned before);

#endif
