/* cmd_common.h - options that several commands of archrun share. */
#ifndef ARCHRT_CMD_COMMON_H
#define ARCHRT_CMD_COMMON_H

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
        .help = "0: one for each core"                                                \
    }

/* --precision, if it was given, as the choice of a model. */
static inline void choose_precision(ModelChoice *choice, bool given, int word)
{
    if (given)
        choice->real = word ? ARCH_F64 : ARCH_F32;
}

#endif
