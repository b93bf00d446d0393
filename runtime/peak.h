/* peak.h - how many multiply-adds this core can do.
 *
 * Loops of independent fused multiply-adds in registers, one for each instruction set and
 * precision: what a kernel's speed is a share of. */
#ifndef ARCHRT_PEAK_H
#define ARCHRT_PEAK_H

#include <stdbool.h>

#include "arch_model.h"

/* Whether this machine and this build have the instruction set; BEST always. */
bool peak_has(ArchIsa isa);

/* The set that BEST stands for here. */
ArchIsa peak_best(void);

const char *peak_name(ArchIsa isa);

/* Runs for about `seconds` in this thread; operations a second, 2 for a multiply-add. */
double peak_burst(ArchIsa isa, ArchType real, double seconds);

#endif
