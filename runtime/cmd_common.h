/* cmd_common.h - options that several commands of archrun share. */
#ifndef ARCHRT_CMD_COMMON_H
#define ARCHRT_CMD_COMMON_H

#include <stdio.h>

#include "archrt/eval.h"
#include "archrt/gpu_model.h"
#include "archrt/model.h"
#include "cli.h"

static const char *const precision_word[] = {"f32", "f64", NULL};

#define OPTION_MODEL(choice_)                                         \
    {                                                                 \
        .name = "model", .kind = CLI_TEXT, .value = &(choice_)->name, \
        .help = "which model, if the file has several"                \
    }

#define OPTION_PRECISION(value_)                                    \
    {                                                               \
        .name = "precision", .kind = CLI_CHOICE, .value = (value_), \
        .choice = precision_word, .help = "of the computation"      \
    }

#define OPTION_THREADS(value_)                                                        \
    {                                                                                 \
        .name = "threads", .kind = CLI_INT, .value = (value_), .min = 0, .max = 4096, \
        .help = "of the processor; 0: one for each core"                              \
    }

/* What --device says, and what that opens. */
typedef struct CmdDevice {
    const char *word; /* "cpu", "cuda", "cuda:1"; NULL: the processor */
    int index;        /* of a CUDA device; -1: the processor          */
    bool tf32;
    Gpu *gpu;
    GpuCompiler *compiler;
} CmdDevice;

#define OPTION_DEVICE(device_)                                                         \
    {                                                                                  \
        .name = "device", .kind = CLI_TEXT, .value = &(device_)->word,                 \
        .arg = "cpu|cuda[:N]", .help = "who computes: the processor, or CUDA device N" \
    }

#define OPTION_TF32(device_)                                             \
    {                                                                    \
        .name = "tf32", .kind = CLI_FLAG, .value = &(device_)->tf32,     \
        .help = "of a CUDA device: wide layers faster, but to 3 digits " \
                "(10 bits)"                                              \
    }

/* Error USAGE for a word that is none of these, or --tf32 without a device. */
bool device_parse(CmdDevice *d, ArchError *e);
/* The same; `option` of the processor alone, as "--threads", was given, or NULL: error USAGE
 * with a device, which would not heed it. */
bool device_parse_without(CmdDevice *d, const char *option, ArchError *e);
/* Opens the device asked for and its compiler, before any long work. */
bool device_open(CmdDevice *d, ArchError *e);
/* So many instances of the network on the device; *g is NULL on the processor.  Says what
 * --tf32 means for it. */
bool device_load(const CmdDevice *d, GpuModel **g, const ArchModel *m,
                 int64_t instances, ArchError *e);
void device_close(CmdDevice *d);

/* A stride that does not divide the lattice changes what the network sees: say so. */
static inline void warn_of_dropped_sites(const ArchModel *m, int rank,
                                         const int64_t *extent)
{
    char text[96];
    if (m->drops_sites && m->drops_sites(extent))
        fprintf(stderr,
                "archrun: warning: on %s a pool of %s drops the sites that its stride "
                "leaves over\n",
                cli_lattice_text(text, rank, extent), m->name);
}

/* dataset_fits, with a warning for each lattice that a pool does not divide. */
static inline bool data_fits(const Dataset *d, const ArchModel *m, bool labels,
                             ArchError *e)
{
    if (!dataset_fits(d, m, labels, e))
        return false;
    for (int i = 0; i < d->groups; i++)
        warn_of_dropped_sites(m, d->group[i].rank, d->group[i].extent);
    return true;
}

/* --precision, if it was given, as the choice of a model. */
static inline void choose_precision(ModelChoice *choice, bool given, int word)
{
    if (given)
        choice->real = word ? ARCH_F64 : ARCH_F32;
}

#endif
