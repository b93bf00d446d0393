/* The real NVRTC: cubins for devices that need not be here, what kernels use, what
 * is said of a wrong one, and that the second time nothing is compiled.  The runtime's own
 * kernels compile, and none spills. */
#include "flux_cuda.h"
#include "gpu_tools.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char kernels[] =
    "extern \"C\" __global__ void mirror(float *y, const float *x)\n"
    "{\n"
    "    __shared__ float near[128];\n"
    "    near[threadIdx.x] = x[threadIdx.x];\n"
    "    __syncthreads();\n"
    "    y[threadIdx.x] = near[127 - threadIdx.x];\n"
    "}\n"
    "extern \"C\" __global__ void __launch_bounds__(1024) hold(float *y, int n)\n"
    "{\n"
    "    float a[96]; /* and 1024 threads leave at most 64 registers for each */\n"
    "#pragma unroll\n"
    "    for (int i = 0; i < 96; i++)\n"
    "        a[i] = y[i * 1024 + threadIdx.x];\n"
    "    for (int k = 0; k < n; k++)\n"
    "#pragma unroll\n"
    "        for (int i = 0; i < 96; i++)\n"
    "            a[i] = a[i] * a[(7 * i + 5) % 96] + y[k];\n"
    "#pragma unroll\n"
    "    for (int i = 0; i < 96; i++)\n"
    "        y[i * 1024 + threadIdx.x] = a[i];\n"
    "}\n";

static GpuCompiler *compiler;

static void check_cubin(const GpuCode *code)
{
    Elf64_Ehdr h;
    assert_true(code->bytes > sizeof h);
    memcpy(&h, code->cubin, sizeof h);
    assert_memory_equal(h.e_ident, ELFMAG, SELFMAG);
    assert_int_equal(h.e_machine, 190); /* EM_CUDA */
}

static void check_usage(const GpuCode *code)
{
    assert_int_equal(code->kernels, 2);
    const GpuUsage *mirror = gpu_usage(code, "mirror"), *hold = gpu_usage(code, "hold");
    assert_true(mirror && hold);
    assert_in_range(mirror->registers, 4, 32);
    assert_int_equal(mirror->shared, 512);
    assert_int_equal(mirror->stack, 0);
    assert_int_equal(mirror->spill_stores, 0);
    assert_int_equal(mirror->spill_loads, 0);
    assert_in_range(hold->registers, 24, 64);
    assert_int_equal(hold->shared, 0);
    assert_in_range(hold->stack, 4, 4 * 96 * 2);
    assert_true(hold->spill_stores >= 4 * 20); /* of 96 values, 64 fit at most */
    assert_true(hold->spill_loads >= 4 * 20);
}

static void check_archs(void **state)
{
    static const int arch[] = {80, 90};
    const GpuSource s = {.name = "two.cu", .text = kernels};
    (void)state;
    for (int i = 0; i < 2; i++)
        for (int again = 0; again < 2; again++) {
            GpuCode code;
            ArchError e = {0};
            if (!gpu_compile(compiler, &s, arch[i], &code, &e))
                fail_msg("%s", e.text);
            assert_int_equal(code.arch, arch[i]);
            assert_int_equal(code.cached, again);
            check_cubin(&code);
            check_usage(&code);
            gpu_code_release(&code);
        }
}

/* All kernels of a text of the runtime's own. */
static void check_own(const GpuSource *s, int arch, int count)
{
    GpuCode code;
    ArchError e = {0};
    if (!gpu_compile(compiler, s, arch, &code, &e))
        fail_msg("%s\n%s", e.text, code.log ? code.log : "");
    assert_int_equal(code.arch, arch);
    assert_int_equal(code.kernels, count);
    check_cubin(&code);
    for (int i = 0; i < count; i++) {
        const GpuUsage *u = &code.usage[i];
        printf("%s, sm_%d: %d registers, %d bytes of stack\n", u->kernel, arch,
               u->registers, (int)u->stack);
        if (u->spill_stores + u->spill_loads > 0)
            fail_msg("%s spills registers on sm_%d", u->kernel, arch);
    }
    gpu_code_release(&code);
}

static void check_runtime(void **state)
{
    static const int arch[] = {80, 90};
    const GpuSource single = gpu_tools_source(ARCH_F32),
                    twice = gpu_tools_source(ARCH_F64), flux = flux_cuda_source();
    (void)state;
    for (int i = 0; i < 2; i++) {
        check_own(&single, arch[i], 3);
        check_own(&twice, arch[i], 3);
        check_own(&flux, arch[i], 2);
    }
}

static void check_wrong_text(void **state)
{
    const GpuSource s = {
        .name = "wrong.cu",
        .text = "extern \"C\" __global__ void k(float *y)\n{\n    y[0] = z;\n}\n"};
    GpuCode code;
    ArchError e = {0};
    (void)state;
    assert_false(gpu_compile(compiler, &s, 90, &code, &e));
    assert_int_equal(e.code, ARCH_EXIT_FILE);
    assert_non_null(strstr(e.text, "does not compile wrong.cu: wrong.cu(3): error: "));
    assert_null(strchr(e.text, '\n'));
    assert_non_null(
        strstr(code.log, "    y[0] = z;\n")); /* the line, and a caret under it */
    assert_non_null(strstr(code.log, "^\n"));
    gpu_code_release(&code);
}

static void check_wrong_option(void **state)
{
    static const char *const option[] = {"--no-such-option"};
    const GpuSource s = {.name = "k.cu", .text = "", .option = option, .options = 1};
    GpuCode code;
    ArchError e = {0};
    (void)state;
    assert_false(gpu_compile(compiler, &s, 90, &code, &e));
    assert_non_null(strstr(e.text, "--no-such-option"));
    gpu_code_release(&code);
    assert_false(gpu_compile(compiler, &s, 10, &code, &e));
    assert_int_equal(e.code, ARCH_EXIT_DEVICE);
    assert_non_null(strstr(e.text, "makes no code for sm_10"));
    gpu_code_release(&code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_archs),
        cmocka_unit_test(check_runtime),
        cmocka_unit_test(check_wrong_text),
        cmocka_unit_test(check_wrong_option),
    };
    char cache[] = "/tmp/nvrtc_test.XXXXXX", line[60];
    const char *required = getenv("ARCHC_REQUIRE_NVRTC");
    ArchError e;
    if (!gpu_compiler_open(&compiler, 0, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return required && *required == '1' ? 1 : 77;
    }
    if (!mkdtemp(cache))
        return 1;
    setenv("XDG_CACHE_HOME", cache, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gpu_compiler_close(compiler);
    snprintf(line, sizeof line, "rm -r %s", cache);
    return system(line) != 0 || failed;
}
