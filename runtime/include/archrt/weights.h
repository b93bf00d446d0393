/* weights.h - the parameters of several instances of one network, in memory and on disk.
 *
 * On disk: safetensors with PyTorch's names and layouts; every tensor has a leading axis
 * for the instances, as torch.func.stack_module_state makes it. */
#ifndef ARCHRT_WEIGHTS_H
#define ARCHRT_WEIGHTS_H

#include "arch_model.h"
#include "archrt/error.h"

typedef struct Weights {
    int64_t instances;
    void *value;  /* real (instances, param_count): what pack() takes */
    void *packed; /* [instances][packed_bytes]; NULL before weights_pack() */
    bool tf32;    /* found in TF32: written as "precision" of the metadata */
} Weights;

/* Zeros. */
void weights_init(Weights *w, const ArchModel *m, int64_t instances);

/* Initial values: uniform in +-1/sqrt(fan_in), as PyTorch's layers begin; instance i draws
 * from stream i. */
void weights_draw(Weights *w, const ArchModel *m, uint64_t seed);

void weights_pack(Weights *w, const ArchModel *m);

/* Reads weights for this network; a file without the leading axis is one instance, float32
 * serves a float64 network.  Errors: FILE for a file that is missing, foreign, damaged or
 * has NaN in it; USAGE for weights of another network. */
bool weights_read(Weights *w, const ArchModel *m, const char *path, ArchError *e);

/* Writes the whole file or nothing; error FILE. */
bool weights_write(const Weights *w, const ArchModel *m, const char *path,
                   ArchError *e);

void weights_release(Weights *w);

#endif
