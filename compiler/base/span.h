/* span.h - where something stands in a source text: two byte offsets.
 *
 * Lines and columns are computed when a diagnostic is printed. */
#ifndef ARCHC_BASE_SPAN_H
#define ARCHC_BASE_SPAN_H

#include <stdint.h>

typedef struct Span {
    uint32_t from, to; /* [from, to) */
} Span;

#endif
