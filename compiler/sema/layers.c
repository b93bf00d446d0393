#include "sema/layers.h"

#include <string.h>

#include "base/nearest.h"

/* clang-format off */
const LayerInfo layer_info[LAYER_COUNT] = {
#define LAYER(id, name, alias, base, signature, needed, options, example, help) \
    [LAYER_##id] = {name, alias, base, signature, needed, options, example, help},
#include "sema/layers.def"
#undef LAYER
};

static const struct {
    const char *name, *usage;
    int option;
} option_info[] = {
    {"pad",    "pad=circular|zero|none", OPTION_PAD},
    {"stride", "stride=2",               OPTION_STRIDE},
    {"bias",   "bias=on|off",            OPTION_BIAS},
    {"slope",  "slope=0.01",             OPTION_SLOPE},
};
/* clang-format on */

Layer layer_find(const char *name)
{
    for (int i = 0; i < LAYER_COUNT; i++) {
        const LayerInfo *info = &layer_info[i];
        if (!strcmp(name, info->name) || (info->alias && !strcmp(name, info->alias)))
            return (Layer)i;
    }
    return LAYER_COUNT;
}

const char *layer_nearest(const char *name)
{
    const char *word[LAYER_COUNT];
    for (int i = 0; i < LAYER_COUNT; i++)
        word[i] = layer_info[i].name;
    return nearest_word(name, word, LAYER_COUNT);
}

int option_find(const char *name)
{
    for (size_t i = 0; i < countof(option_info); i++)
        if (!strcmp(name, option_info[i].name))
            return option_info[i].option;
    return 0;
}

const char *option_nearest(const char *name, int options)
{
    const char *word[countof(option_info)];
    size_t n = 0;
    for (size_t i = 0; i < countof(option_info); i++)
        if (options & option_info[i].option)
            word[n++] = option_info[i].name;
    return nearest_word(name, word, n);
}

void options_text(int options, TextBuf *out)
{
    for (size_t i = 0; i < countof(option_info); i++)
        if (options & option_info[i].option)
            buf_printf(out, "%s%s", out->size ? "  " : "", option_info[i].usage);
}

void layers_print_help(FILE *out)
{
    Arena *a = arena_new();
    for (int i = 0; i < LAYER_COUNT; i++) {
        const LayerInfo *info = &layer_info[i];
        TextBuf options = buf_in(a);
        options_text(info->options, &options);
        fprintf(out, "  %-20s %s", info->example, info->help);
        if (info->alias)
            fprintf(out, "; also %s", info->alias);
        fprintf(out, "\n");
        if (options.size)
            fprintf(out, "  %18s options: %s\n", "", options.data);
    }
    arena_free(a);
}
