/* grad.h - reverse mode: a Graph with its gradients as further nodes.
 *
 *   GRAD_LOSS  of the mean-free loss, summed over the samples: dparam[..], loss_value.
 *              (The mean over samples and outputs is taken once, when shards are added.)
 *   GRAD_VJP   of <dy, y> with dy given by the caller (node SEED): dparam[..] and dx.
 *
 * The forward nodes keep their numbers.  Needs: a verified graph; GRAD_LOSS needs g->loss. */
#ifndef ARCHC_GRAD_GRAD_H
#define ARCHC_GRAD_GRAD_H

#include "ir/graph.h"

typedef enum GradKind { GRAD_LOSS, GRAD_VJP } GradKind;

Graph *grad_reverse(const Graph *g, GradKind kind, Arena *a);

#endif
