#include <stdlib.h>
#include <string.h>

#include "cmd_common.h"

static bool parse_word(CmdDevice *d, ArchError *e)
{
    char *end = NULL;
    d->index = -1;
    if (!d->word || strcmp(d->word, "cpu") == 0)
        return true;
    d->index = 0;
    if (strcmp(d->word, "cuda") == 0)
        return true;
    if (strncmp(d->word, "cuda:", 5) == 0 && d->word[5] >= '0' && d->word[5] <= '9') {
        long n = strtol(d->word + 5, &end, 10);
        d->index = n < 1000 ? (int)n : 1000; /* the driver says how many there are */
    }
    if (end && !*end)
        return true;
    return error_set(e, ARCH_EXIT_USAGE,
                     "--device: '%.60s' is none of cpu, cuda, cuda:0, cuda:1, ..",
                     d->word);
}

bool device_parse(CmdDevice *d, ArchError *e)
{
    if (!parse_word(d, e))
        return false;
    return d->index >= 0 || !d->tf32 ||
           error_set(e, ARCH_EXIT_USAGE,
                     "--tf32 is of a CUDA device: add --device cuda, or leave it out");
}

bool device_parse_without(CmdDevice *d, const char *option, ArchError *e)
{
    if (!device_parse(d, e))
        return false;
    return d->index < 0 || !option ||
           error_set(e, ARCH_EXIT_USAGE,
                     "%s is of the processor: it means nothing with --device %s",
                     option, d->word);
}

bool device_open(CmdDevice *d, ArchError *e)
{
    if (d->index < 0)
        return true;
    if (gpu_open(&d->gpu, d->index, e) &&
        gpu_compiler_open(&d->compiler, gpu_info(d->gpu)->driver, e))
        return true;
    device_close(d);
    return false;
}

bool device_load(const CmdDevice *d, GpuModel **g, const ArchModel *m,
                 int64_t instances, ArchError *e)
{
    *g = NULL;
    if (!d->gpu)
        return true;
    if (!gpu_takes_instances(d->gpu, instances, e) ||
        !gpu_model_open(g, d->gpu, d->compiler, m, d->tf32, e))
        return false;
    if (d->tf32 && strcmp(gpu_model_precision(*g), "tf32") == 0)
        fprintf(stderr, "archrun: note: wide layers of %s in TF32\n", m->name);
    else if (d->tf32)
        fprintf(stderr,
                "archrun: note: %s has no layer with 32 channels on both sides: --tf32 "
                "changes nothing\n",
                m->name);
    return true;
}

void device_close(CmdDevice *d)
{
    gpu_compiler_close(d->compiler);
    gpu_close(d->gpu);
    d->compiler = NULL;
    d->gpu = NULL;
}
