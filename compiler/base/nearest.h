/* nearest.h - "did you mean". */
#ifndef ARCHC_BASE_NEAREST_H
#define ARCHC_BASE_NEAREST_H

#include <stddef.h>

/* The one of `words` that a slip of the finger turns into `word`: at most a third of
 * its letters inserted, left out, exchanged with a neighbour or replaced, upper case
 * counting as lower; or that it begins with, or that begins with it.  NULL if there
 * is none. */
const char *nearest_word(const char *word, const char *const *words, size_t count);

#endif
