/* tiny_model.h - a network written by hand, for the runtime's tests.
 *
 *     y_o = b_o + sum_c w_oc s_c,    s_c = (1 / sites) sum_x in_c(x),
 *
 * 4 channels on a lattice of two axes, one output, loss MSE: everything an ArchModel
 * promises, nothing of speed.  tiny64 is the same in double, tiny_fixed lives on 8x8 only. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H

#include "arch_model.h"

const ArchModel *tiny_model(void);
const ArchModel *tiny64_model(void);
const ArchModel *tiny_fixed_model(void);

#endif
