/* A machine without CUDA: what is said, and the exit code. */
#include "gpu_driver.h"
#include "gpu_nvrtc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_driver(void **state)
{
    Gpu *gpu;
    Driver driver;
    ArchError e = {0};
    (void)state;
    assert_false(gpu_open(&gpu, 0, &e));
    assert_null(gpu);
    assert_int_equal(e.code, ARCH_EXIT_DEVICE);
    assert_non_null(strstr(e.text, "no CUDA driver ("));
    assert_non_null(strstr(e.text, "libcuda.so.1"));
    assert_non_null(strstr(e.text, "install NVIDIA's driver"));
    assert_false(driver_open(&driver, &e));
    assert_int_equal(driver.version, 0);
    gpu_close(NULL);
}

static void check_nvrtc(void **state)
{
    static const char *const nowhere[] = {NULL, "", "/nowhere", "/nowhere/cuda-*"};
    Nvrtc n = {0};
    ArchError e = {0};
    (void)state;
    assert_false(nvrtc_open_in(&n, 13000, nowhere, 4, &e));
    assert_int_equal(n.major, 0);
    assert_int_equal(e.code, ARCH_EXIT_DEVICE);
    assert_non_null(strstr(e.text, "no NVRTC, the compiler of CUDA"));
    assert_non_null(strstr(e.text, "install the CUDA toolkit, or set CUDA_HOME"));
    gpu_compiler_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_driver),
        cmocka_unit_test(check_nvrtc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
