/* check_nvrtc ARCHITECTURE FILE.cu - NVRTC makes a cubin of it, and no kernel spills registers.
 *
 * 77: NVRTC is not here; with ARCHC_REQUIRE_NVRTC set that is a failure. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Nvrtc {
    int (*create)(void **program, const char *source, const char *name, int headers,
                  const char *const *header, const char *const *include);
    int (*compile)(void *program, int options, const char *const *option);
    int (*log_size)(void *program, size_t *size);
    int (*log)(void *program, char *text);
    int (*cubin_size)(void *program, size_t *size);
} Nvrtc;

static void *open_library(void)
{
    const char *home = getenv("CUDA_HOME");
    char own[512];
    snprintf(own, sizeof own, "%s/lib64/libnvrtc.so", home ? home : "/usr/local/cuda");
    const char *const place[] = {"libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12",
                                 own};
    void *library = NULL;
    for (size_t i = 0; !library && i < sizeof place / sizeof *place; i++)
        library = dlopen(place[i], RTLD_NOW);
    return library;
}

static Nvrtc nvrtc_open(void)
{
    void *library = open_library();
    if (!library) {
        printf("NVRTC is not here\n");
        exit(getenv("ARCHC_REQUIRE_NVRTC") ? 1 : 77);
    }
    Nvrtc n;
    *(void **)&n.create = dlsym(library, "nvrtcCreateProgram");
    *(void **)&n.compile = dlsym(library, "nvrtcCompileProgram");
    *(void **)&n.log_size = dlsym(library, "nvrtcGetProgramLogSize");
    *(void **)&n.log = dlsym(library, "nvrtcGetProgramLog");
    *(void **)&n.cubin_size = dlsym(library, "nvrtcGetCUBINSize");
    return n;
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    if (file && fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file);
        rewind(file);
        text = calloc((size_t)size + 1, 1);
        if (text && fread(text, 1, (size_t)size, file) != (size_t)size)
            abort();
    }
    if (!text) {
        printf("cannot read %s\n", path);
        exit(1);
    }
    fclose(file);
    return text;
}

/* "ptxas info : Compiling entry function 'NAME' for ..", then a line with what it spills and
 * one with what it uses. */
static int report(char *log)
{
    int kernels = 0, spilling = 0, stores, loads;
    char kernel[256] = "";
    for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n")) {
        const char *entry = strstr(line, "entry function '"),
                   *used = strstr(line, "Used ");
        const char *frame = strstr(line, "bytes stack frame, ");
        if (entry && sscanf(entry, "entry function '%255[^']", kernel) == 1)
            kernels++;
        if (frame &&
            sscanf(frame, "bytes stack frame, %d bytes spill stores, %d", &stores,
                   &loads) == 2 &&
            stores + loads > 0) {
            printf("FAILED %s: spills %d bytes\n", kernel, stores);
            spilling++;
        }
        if (used)
            printf("%s: %s\n", kernel, used);
    }
    printf("%d kernels, %d spill\n", kernels, spilling);
    return kernels == 0 || spilling > 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: check_nvrtc sm_90 FILE.cu\n");
        return 2;
    }
    Nvrtc n = nvrtc_open();
    char architecture[64];
    snprintf(architecture, sizeof architecture, "--gpu-architecture=%s", argv[1]);
    const char *const option[] = {architecture, "--ptxas-options=-v"};
    void *program = NULL;
    char *source = read_text(argv[2]);
    if (n.create(&program, source, argv[2], 0, NULL, NULL))
        return 1;
    int failed = n.compile(program, 2, option);
    size_t size = 0, cubin = 0;
    n.log_size(program, &size);
    char *log = calloc(size + 1, 1);
    if (!log)
        return 1;
    n.log(program, log);
    if (failed || n.cubin_size(program, &cubin) || !cubin) {
        printf("FAILED to compile %s for %s:\n%s\n", argv[2], argv[1], log);
        return 1;
    }
    int code = report(log);
    free(log);
    free(source);
    return code;
}
