/* print_cost.h - what is counted, as plan_print shows it. */
#ifndef ARCHC_PLAN_PRINT_COST_H
#define ARCHC_PLAN_PRINT_COST_H

#include "plan/cost.h"

/* sites: of each lattice. */
void print_phase_cost(const Program *p, const Phase *phase, const int64_t *sites,
                      FILE *out);
/* A block of 16 samples that are not cut. */
void print_kernel_cost(const Program *p, const Kernel *k, const int64_t *extent,
                       const int64_t *sites, FILE *out);

#endif
