/* The compiler: which one is taken for a driver, for which architecture it compiles,
 * what is said of a text that is wrong. */
#include "archrt/gpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    (void)state;
    unsetenv("FAKE_NVRTC_VERSION");
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1); /* compiles, and keeps nothing */
    return 0;
}

static void expect(const ArchError *e, ArchExit code, const char *text)
{
    if (!strstr(e->text, text))
        fail_msg("'%s' has no '%s'", e->text, text);
    assert_int_equal(e->code, code);
    assert_null(strchr(e->text, '\n'));
}

/* The architecture that code for `arch` has, or 0. */
static int compiled_for(int arch, const char *text, GpuCode *code, ArchError *e)
{
    GpuCompiler *c;
    const GpuSource s = {.name = "net.cu", .text = text};
    assert_true(gpu_compiler_open(&c, 0, e));
    int made = gpu_compile(c, &s, arch, code, e) ? code->arch : 0;
    gpu_compiler_close(c);
    return made;
}

static void check_arch(void **state)
{
    static const int choice[][2] = {
        {75,  75},
        {80,  80},
        {86,  86},
        {87,  86},
        {89,  86},
        {90,  90},
        {52,  0 },
        {70,  0 },
        {120, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof choice / sizeof *choice; i++) {
        GpuCode code;
        ArchError e = {0};
        char said[40];
        int made = compiled_for(choice[i][0], "text", &code, &e);
        assert_int_equal(made, choice[i][1]);
        snprintf(said, sizeof said, "'twice' for 'sm_%d'", made);
        if (made)
            assert_non_null(strstr(code.log, said));
        else
            expect(&e, ARCH_EXIT_DEVICE,
                   choice[i][0] < 75 ? "only for sm_75 to sm_90: install an older CUDA"
                                     : "only for sm_75 to sm_90: install a newer CUDA");
        gpu_code_release(&code);
    }
}

static void check_code(void **state)
{
    GpuCode code;
    ArchError e = {0};
    (void)state;
    assert_int_equal(compiled_for(90, "the text", &code, &e), 90);
    assert_int_equal(code.bytes, 8);
    assert_memory_equal(code.cubin, "the text", 8);
    assert_int_equal(code.kernels, 1);
    assert_int_equal(gpu_usage(&code, "twice")->registers, 40);
    assert_false(code.cached);
    gpu_code_release(&code);
}

/* The error's own line in front, not a warning that has the word; the log in full. */
static void check_wrong_text(void **state)
{
    GpuCode code;
    ArchError e = {0};
    (void)state;
    assert_int_equal(compiled_for(90, "y[0] = wrong;", &code, &e), 0);
    expect(
        &e, ARCH_EXIT_FILE,
        "NVRTC 13.0 does not compile net.cu: net.cu(2): error: identifier \"wrong\" is "
        "undefined");
    assert_non_null(strstr(code.log, "net.cu(1): warning"));
    assert_non_null(strstr(code.log, "      y[0] = wrong;\n             ^\n"));
    assert_null(code.cubin);
    assert_int_equal(code.kernels, 0);
    gpu_code_release(&code);
    assert_int_equal(compiled_for(90, "silent", &code, &e), 0);
    expect(&e, ARCH_EXIT_FILE,
           "does not compile net.cu, its error 7: is its installation");
    gpu_code_release(&code);
}

static bool opens(const char *nvrtc, int driver, ArchError *e)
{
    GpuCompiler *c;
    setenv("FAKE_NVRTC_VERSION", nvrtc, 1);
    bool ok = gpu_compiler_open(&c, driver, e);
    gpu_compiler_close(c);
    return ok;
}

/* No NVRTC that says which architectures it knows is as old as CUDA 10, so that a
 * real one on this machine cannot stand in for the stand-in. */
static void check_driver(void **state)
{
    ArchError e = {0};
    (void)state;
    assert_true(opens("12.9", 12040, &e));
    assert_true(opens("12.9", 13000, &e));
    assert_true(opens("13.0", 0, &e));
    assert_false(opens("13.0", 10020, &e));
    expect(&e, ARCH_EXIT_DEVICE,
           "the driver knows CUDA 10.2, too old for the code of NVRTC ");
    expect(&e, ARCH_EXIT_DEVICE,
           "install a newer driver, or the NVRTC of a CUDA up to 10.x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(check_arch, setup),
        cmocka_unit_test_setup(check_code, setup),
        cmocka_unit_test_setup(check_wrong_text, setup),
        cmocka_unit_test_setup(check_driver, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
