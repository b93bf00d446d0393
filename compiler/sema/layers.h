/* layers.h - the layers of the language, as a table. */
#ifndef ARCHC_SEMA_LAYERS_H
#define ARCHC_SEMA_LAYERS_H

#include <stdio.h>

#include "base/buf.h"

typedef enum Layer {
#define LAYER(id, name, alias, base, signature, needed, options, example, help) \
    LAYER_##id,
#include "sema/layers.def"
#undef LAYER
    LAYER_COUNT
} Layer;

enum { OPTION_PAD = 1, OPTION_STRIDE = 2, OPTION_BIAS = 4, OPTION_SLOPE = 8 };

typedef struct LayerInfo {
    const char *name, *alias; /* alias may be NULL */
    const char *base;
    const char *signature;
    int needed;
    int options; /* OPTION_.. or'ed */
    const char *example, *help;
} LayerInfo;

extern const LayerInfo layer_info[LAYER_COUNT];

/* LAYER_COUNT if there is none of this name. */
Layer layer_find(const char *name);
const char *layer_nearest(const char *name); /* or NULL */

/* 0 if there is none of this name. */
int option_find(const char *name);
const char *option_nearest(const char *name, int options); /* or NULL */
void options_text(int options, TextBuf *out); /* "pad=circular|zero|none" */

void layers_print_help(FILE *out);

#endif
