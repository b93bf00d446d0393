/* diag.h - what is wrong with a source text, collected and printed as clang does:
 *
 *     eq.arch:7:5: error: Conv takes 8 channels, but its input has 32
 *         7 |     Conv(2x2, 8, 16)  LeakyReLU
 *           |     ^~~~~~~~~~~~~~~~
 *     eq.arch:6:5: note: the 32 channels come from here
 *         6 |     Conv(2x2, 4, 32)  LeakyReLU
 *           |     ^~~~~~~~~~~~~~~~
 *     hint: write Conv(2x2, 32, 16)
 *
 * Notes and the hint belong to the error or warning before them.  Printed in the
 * order of the text: at most DIAG_ERRORS_MAX errors, as many warnings, and
 * DIAG_NOTES_MAX notes to each. */
#ifndef ARCHC_BASE_DIAG_H
#define ARCHC_BASE_DIAG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/source.h"

enum { DIAG_ERRORS_MAX = 20, DIAG_NOTES_MAX = 40 };

typedef struct Diag Diag;

Diag *diag_new(const Source *source, Arena *a);

void diag_error(Diag *d, Span at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void diag_warning(Diag *d, Span at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void diag_note(Diag *d, Span at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void diag_hint(Diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

int diag_errors(const Diag *d);

void diag_print(const Diag *d, FILE *out, bool color);

/* True if `out` is a terminal and NO_COLOR (no-color.org) is not set. */
bool diag_wants_color(FILE *out);

#endif
