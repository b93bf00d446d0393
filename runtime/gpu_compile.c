#include "archrt/gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu_cache.h"
#include "gpu_nvrtc.h"
#include "gpu_report.h"

struct GpuCompiler {
    Nvrtc nvrtc;
    int driver;
};

bool gpu_compiler_open(GpuCompiler **compiler, int driver, ArchError *e)
{
    GpuCompiler *c = memory_new(sizeof *c);
    *c = (GpuCompiler){.driver = driver};
    bool ok = nvrtc_open(&c->nvrtc, driver, e);
    if (!ok)
        free(c);
    *compiler = ok ? c : NULL;
    return ok;
}

void gpu_compiler_close(GpuCompiler *compiler)
{
    free(compiler);
}

/* The newest architecture of the same family up to `arch`: a cubin runs on later
 * minor revisions, not on another major one ("binary compatibility", CUDA C++
 * Programming Guide).  0 after an error. */
static int choose_arch(const Nvrtc *n, int arch, ArchError *e)
{
    int count = 0, best = 0;
    n->nvrtcGetNumSupportedArchs(&count);
    int *known = memory_new((size_t)count * sizeof *known);
    if (!count || n->nvrtcGetSupportedArchs(known) != NVRTC_SUCCESS)
        count = 0;
    for (int i = 0; i < count; i++)
        if (known[i] / 10 == arch / 10 && known[i] <= arch && known[i] > best)
            best = known[i];
    if (!best && count)
        error_set(
            e, ARCH_EXIT_DEVICE,
            "NVRTC %d.%d makes no code for sm_%d, only for sm_%d to sm_%d: install "
            "%s CUDA toolkit",
            n->major, n->minor, arch, known[0], known[count - 1],
            arch < known[0] ? "an older" : "a newer");
    else if (!best)
        error_set(e, ARCH_EXIT_DEVICE,
                  "NVRTC %d.%d (%.200s) does not say for which devices it makes code: "
                  "install the CUDA toolkit again",
                  n->major, n->minor, n->path);
    free(known);
    return best;
}

static void read_log(const Nvrtc *n, nvrtcProgram program, GpuCode *code)
{
    size_t size = 0;
    n->nvrtcGetProgramLogSize(program, &size);
    code->log = memory_new(size + 1);
    code->log[0] = code->log[size] = '\0';
    if (size)
        n->nvrtcGetProgramLog(program, code->log);
}

/* The first line of the log that has an error, or the first of all. */
static bool compile_error(const Nvrtc *n, const GpuSource *s, nvrtcResult r,
                          const char *log, ArchError *e)
{
    const char *line = strstr(log, "error:");
    line = line ? line : strstr(log, "error ");
    while (line && line > log && line[-1] != '\n')
        line--;
    line = line ? line : log;
    int length = (int)strcspn(line, "\n");
    if (!length)
        return error_set(e, ARCH_EXIT_FILE,
                         "NVRTC %d.%d does not compile %.100s, its error %d: is its "
                         "installation (%.200s) whole?",
                         n->major, n->minor, s->name, r, n->path);
    return error_set(e, ARCH_EXIT_FILE, "NVRTC %d.%d does not compile %.100s: %.*s",
                     n->major, n->minor, s->name, length < 300 ? length : 300, line);
}

static nvrtcResult run_compiler(const Nvrtc *n, nvrtcProgram program,
                                const GpuSource *s, int arch)
{
    char target[40];
    const char **option = memory_new((size_t)(s->options + 2) * sizeof *option);
    snprintf(target, sizeof target, "--gpu-architecture=sm_%d", arch);
    option[0] = target;
    option[1] = "--ptxas-options=-v"; /* for gpu_report() */
    for (int i = 0; i < s->options; i++)
        option[2 + i] = s->option[i];
    nvrtcResult r = n->nvrtcCompileProgram(program, s->options + 2, option);
    free(option);
    return r;
}

static nvrtcResult read_cubin(const Nvrtc *n, nvrtcProgram program, GpuCode *code)
{
    nvrtcResult r = n->nvrtcGetCUBINSize(program, &code->bytes);
    if (r != NVRTC_SUCCESS)
        return r;
    code->cubin = memory_new(code->bytes);
    return n->nvrtcGetCUBIN(program, code->cubin);
}

static bool compile(const Nvrtc *n, const GpuSource *s, GpuCode *code, ArchError *e)
{
    nvrtcProgram program;
    nvrtcResult r = n->nvrtcCreateProgram(&program, s->text, s->name, 0, NULL, NULL);
    if (r != NVRTC_SUCCESS)
        return compile_error(n, s, r, "", e);
    r = run_compiler(n, program, s, code->arch);
    read_log(n, program, code);
    if (r == NVRTC_SUCCESS)
        r = read_cubin(n, program, code);
    n->nvrtcDestroyProgram(&program);
    return r == NVRTC_SUCCESS ? true : compile_error(n, s, r, code->log, e);
}

bool gpu_compile(GpuCompiler *compiler, const GpuSource *source, int arch,
                 GpuCode *code, ArchError *e)
{
    const Nvrtc *n = &compiler->nvrtc;
    *code = (GpuCode){.arch = choose_arch(n, arch, e)};
    if (!code->arch)
        return false;
    uint64_t key = gpu_cache_key(source, code->arch, n, compiler->driver);
    code->cached = gpu_cache_read(key, code);
    if (!code->cached) {
        if (!compile(n, source, code, e))
            return false;
        gpu_cache_write(key, code);
    }
    gpu_report(code);
    return true;
}

void gpu_code_release(GpuCode *code)
{
    free(code->cubin);
    free(code->log);
    free(code->usage);
    *code = (GpuCode){0};
}
