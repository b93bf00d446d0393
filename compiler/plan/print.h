/* print.h - the parts of what plan_print shows. */
#ifndef ARCHC_PLAN_PRINT_H
#define ARCHC_PLAN_PRINT_H

#include "plan/cost.h"

/* The statements of a phase. */
void print_code(const Program *p, const Phase *phase, FILE *out);
/* What is counted; sites: of each lattice. */
void print_phase_cost(const Program *p, const Phase *phase, const int64_t *sites,
                      FILE *out);
/* A block of 16 samples that are not cut. */
void print_kernel_cost(const Program *p, const Kernel *k, const int64_t *extent,
                       const int64_t *sites, FILE *out);

#endif
