/* check_nvrtc sm_90 FILE.cu [OPTION] - NVRTC makes a cubin of it, and no kernel spills registers.
 *
 * 77: NVRTC is not here; with ARCHC_REQUIRE_NVRTC set that is a failure. */
#include <stdio.h>
#include <stdlib.h>

#include "archrt/gpu.h"

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    if (file && fseek(file, 0, SEEK_END) == 0) {
        size_t size = (size_t)ftell(file);
        rewind(file);
        text = calloc(size + 1, 1);
        if (text && fread(text, 1, size, file) != size)
            abort();
    }
    if (!text) {
        printf("cannot read %s\n", path);
        exit(1);
    }
    fclose(file);
    return text;
}

static int report(const GpuCode *code)
{
    int spilling = 0;
    for (int i = 0; i < code->kernels; i++) {
        const GpuUsage *u = &code->usage[i];
        long long spills = (long long)(u->spill_stores + u->spill_loads);
        printf("%s: %d registers, %lld bytes of stack, %lld bytes spilled\n", u->kernel,
               u->registers, (long long)u->stack, spills);
        spilling += spills > 0;
    }
    printf("sm_%d: %zu bytes, %d kernels, %d spill\n", code->arch, code->bytes,
           code->kernels, spilling);
    return code->kernels == 0 || spilling > 0;
}

int main(int argc, char **argv)
{
    int arch = 0;
    if (argc < 3 || argc > 4 || sscanf(argv[1], "sm_%d", &arch) != 1) {
        fprintf(stderr, "usage: check_nvrtc sm_90 FILE.cu [OPTION]\n");
        return 2;
    }
    ArchError e;
    GpuCompiler *compiler = NULL;
    if (!gpu_compiler_open(&compiler, 0, &e)) {
        printf("%s\n", e.text);
        return getenv("ARCHC_REQUIRE_NVRTC") ? 1 : 77;
    }
    char *text = read_text(argv[2]);
    const char *const option[] = {argv[3]};
    GpuSource source = {
        .name = argv[2], .text = text, .option = option, .options = argc - 3};
    GpuCode code = {0};
    int failed;
    if (gpu_compile(compiler, &source, arch, &code, &e)) {
        failed = report(&code);
    } else {
        printf("FAILED %s: %s\n%s\n", argv[2], e.text, code.log ? code.log : "");
        failed = 1;
    }
    gpu_code_release(&code);
    gpu_compiler_close(compiler);
    free(text);
    return failed;
}
