/* phase.h - one phase as one C function. */
#ifndef ARCHC_EMIT_PHASE_H
#define ARCHC_EMIT_PHASE_H

#include "emit/dialect.h"
#include "emit/writer.h"
#include "plan/plan.h"

/* The text the model was read from. */
typedef struct PhaseSource {
    const char *name, *text;
} PhaseSource;

void emit_phase(Writer *w, const PhaseSource *source, const Dialect *dialect,
                const Program *p, const Phase *phase);

#endif
