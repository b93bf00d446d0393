/* optim.h - AdamW with AMSGrad, as PyTorch's optim.AdamW computes it.
 *
 * For every number w with gradient g, in step t = 1, 2, ..:
 *
 *     w <- w - lr decay w
 *     m <- m + (1 - beta1) (g - m)          v <- beta2 v + (1 - beta2) g^2
 *     u <- max(u, v)                        (AMSGrad; else u = v)
 *     w <- w - lr / (1 - beta1^t)  m / (sqrt(u) / sqrt(1 - beta2^t) + eps)
 *
 * Loshchilov, Hutter, arXiv:1711.05101; Reddi, Kale, Kumar, ICLR 2018. */
#ifndef ARCHRT_OPTIM_H
#define ARCHRT_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

#include "arch_model.h"

typedef struct AdamW {
    double lr, beta1, beta2, eps, weight_decay;
    bool amsgrad;
} AdamW;

/* lr 1e-2, betas 0.9 and 0.999, eps 1e-8, no decay, AMSGrad. */
AdamW adamw_default(void);

/* Numbers of one instance, all real (n), all zero before the first step but w. */
typedef struct AdamWState {
    ArchType real;
    int64_t n;
    void *w, *m, *v, *u;
} AdamWState;

/* Step number t, from 1. */
void adamw_step(const AdamW *o, const AdamWState *s, const void *g, int64_t t);

#endif
