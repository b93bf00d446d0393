/* eval_cuda.h - outputs of a network, computed by a CUDA device. */
#ifndef ARCHRT_EVAL_CUDA_H
#define ARCHRT_EVAL_CUDA_H

#include "archrt/eval.h"

/* As apply_forward(). */
bool apply_on_cuda(const Apply *a, const Weights *w, void *y, ArchError *e);

#endif
