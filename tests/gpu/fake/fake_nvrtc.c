/* An NVRTC that copies: its cubin is the text.  A text with "wrong" in it is wrong.
 * From the environment, at each call:
 *
 *     FAKE_NVRTC_VERSION   [13.0]
 *     FAKE_NVRTC_CALLS     a file to which each compilation adds a byte */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu_abi.h"

#define NVRTC(field, arguments) nvrtcResult field arguments;
#include "gpu_abi.def"

struct _nvrtcProgram {
    char *text, *name, log[1000];
};

static const int known[] = {75, 80, 86, 90};

nvrtcResult nvrtcVersion(int *major, int *minor)
{
    const char *text = getenv("FAKE_NVRTC_VERSION");
    return sscanf(text ? text : "13.0", "%d.%d", major, minor) == 2 ? NVRTC_SUCCESS : 1;
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
    (*program)->name = strdup(name);
    return headers || header || include ? 3 : NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program)
{
    free((*program)->text);
    free((*program)->name);
    free(*program);
    *program = NULL;
    return NVRTC_SUCCESS;
}

static void count_call(void)
{
    const char *path = getenv("FAKE_NVRTC_CALLS");
    FILE *out = path ? fopen(path, "ab") : NULL;
    if (!out)
        return;
    fputc('.', out);
    fclose(out);
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram p, int options, const char *const *option)
{
    count_call();
    if (strstr(p->text, "wrong")) {
        snprintf(
            p->log, sizeof p->log,
            "%s(1): warning: variable \"no_error\" was declared but never referenced\n"
            "%s(2): error: identifier \"wrong\" is undefined\n"
            "      y[0] = wrong;\n             ^\n\n1 error detected.\n",
            p->name, p->name);
        return 6;
    }
    if (strstr(p->text, "silent"))
        return 7;
    if (options < 2 || strcmp(option[1], "--ptxas-options=-v") != 0)
        return 5;
    snprintf(p->log, sizeof p->log,
             "ptxas info    : Compiling entry function 'twice' for '%s'\n"
             "ptxas info    : Used 40 registers, 1024 bytes smem\n",
             option[0] + strlen("--gpu-architecture="));
    return NVRTC_SUCCESS;
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
    *size = strlen(p->text);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram p, char *cubin)
{
    memcpy(cubin, p->text, strlen(p->text));
    return NVRTC_SUCCESS;
}
