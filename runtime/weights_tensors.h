/* weights_tensors.h - between a network's parameters and the tensors of a file, for what
 * has their shape: weights, moments of the optimiser. */
#ifndef ARCHRT_WEIGHTS_TENSORS_H
#define ARCHRT_WEIGHTS_TENSORS_H

#include "archrt/weights.h"
#include "safetensors.h"

/* Fills tensor[0 .. params) named prefix + "conv1.weight", copying `value`, real (instances,
 * param_count), into `room`, as many numbers, in the order of the tensors. */
void weights_to_tensors(const ArchModel *m, const char *prefix, const Weights *w,
                        void *room, Tensor *tensor);

/* The other way, into w->value.  Error USAGE or FILE as weights_read(); `what` names the
 * file. */
bool weights_from_tensors(Weights *w, const ArchModel *m, const char *prefix,
                          const TensorFile *t, const char *what, ArchError *e);

/* Model, hash of its text, archc's version. */
json_t *weights_metadata(const ArchModel *m);

#endif
