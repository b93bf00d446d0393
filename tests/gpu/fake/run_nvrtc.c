/* An NVRTC whose device is this processor: it compiles CUDA text as C with shim.h in front,
 * and its cubin is a shared object.  Names -D.. and --fmad=false are the options it takes
 * besides the architecture and --ptxas-options; without the latter products and sums are
 * contracted where the processor can. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpu_abi.h"

#define NVRTC(field, arguments) nvrtcResult field arguments;
#include "gpu_abi.def"

enum { PATH_BYTES = 4096, LINE_BYTES = 4 * PATH_BYTES, LOG_BYTES = 20000 };

struct _nvrtcProgram {
    char *text, *object, log[LOG_BYTES];
    size_t bytes;
};

static const int known[] = {80, 90};

nvrtcResult nvrtcVersion(int *major, int *minor)
{
    *major = 13;
    *minor = 0;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetNumSupportedArchs(int *count)
{
    *count = sizeof known / sizeof *known;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetSupportedArchs(int *archs)
{
    memcpy(archs, known, sizeof known);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram *program, const char *text,
                               const char *name, int headers, const char *const *header,
                               const char *const *include)
{
    *program = calloc(1, sizeof **program);
    (*program)->text = strdup(text);
    return headers || header || include || !name ? 3 : NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program)
{
    free((*program)->text);
    free((*program)->object);
    free(*program);
    *program = NULL;
    return NVRTC_SUCCESS;
}

/* Reads up to `room` bytes; NULL: a buffer of the file's own size. */
static char *read_file(const char *path, char *to, size_t room, size_t *bytes)
{
    FILE *in = fopen(path, "rb");
    *bytes = 0;
    if (!in)
        return to;
    if (!to) {
        fseek(in, 0, SEEK_END);
        room = (size_t)ftell(in);
        rewind(in);
        to = malloc(room);
    }
    *bytes = fread(to, 1, room, in);
    fclose(in);
    return to;
}

/* Adds the words that they mean to the line; 0 for an option that is not known here. */
static int option_words(char *line, int options, const char *const *option)
{
    for (int i = 0; i < options; i++) {
        const char *o = option[i], *word = "";
        if (strncmp(o, "-D", 2) == 0)
            word = o;
        else if (strcmp(o, "--fmad=false") == 0)
            word = "-ffp-contract=off";
        else if (strncmp(o, "--gpu-architecture=sm_", 22) != 0 &&
                 strcmp(o, "--ptxas-options=-v") != 0)
            return 0;
        if (strlen(line) + strlen(word) + 2 < LINE_BYTES - PATH_BYTES)
            strcat(strcat(line, " "), word);
    }
    return 1;
}

static void write_text(const char *path, const char *text)
{
    FILE *out = fopen(path, "wb");
    if (!out)
        return;
    fputs(text, out);
    fclose(out);
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram p, int options, const char *const *option)
{
    char folder[] = "/tmp/run_nvrtc.XXXXXX", text[PATH_BYTES], object[PATH_BYTES],
         log[PATH_BYTES], line[LINE_BYTES];
    size_t said;
    if (!mkdtemp(folder))
        return 1;
    snprintf(text, sizeof text, "%s/text.c", folder);
    snprintf(object, sizeof object, "%s/kernels.so", folder);
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(line, sizeof line,
             "%s -std=c11 -O1 -w -march=native -ffp-contract=fast "
             "-fexpensive-optimizations -fPIC -shared -include %s -o %s %s",
             RUN_CC, RUN_SHIM, object, text);
    nvrtcResult r = option_words(line, options, option) ? NVRTC_SUCCESS : 5;
    write_text(text, p->text);
    strcat(strcat(line, " -lm 2>"), log);
    if (r == NVRTC_SUCCESS && system(line) != 0)
        r = 6;
    read_file(log, p->log, LOG_BYTES - 1, &said);
    p->log[said] = '\0';
    if (r == NVRTC_SUCCESS)
        p->object = read_file(object, NULL, 0, &p->bytes);
    unlink(text);
    unlink(object);
    unlink(log);
    rmdir(folder);
    return r;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram p, size_t *size)
{
    *size = strlen(p->log) + 1;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram p, char *log)
{
    strcpy(log, p->log);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram p, size_t *size)
{
    *size = p->bytes;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram p, char *cubin)
{
    memcpy(cubin, p->object, p->bytes);
    return NVRTC_SUCCESS;
}
