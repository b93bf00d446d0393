/* phase.h - one phase as one C function. */
#ifndef ARCHC_EMIT_PHASE_H
#define ARCHC_EMIT_PHASE_H

#include "emit/writer.h"
#include "plan/plan.h"

void emit_phase(Writer *w, const Program *p, const Phase *phase);

#endif
