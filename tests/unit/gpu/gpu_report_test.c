/* What ptxas says of its kernels, in the words of several CUDAs. */
#include "gpu_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void check(const char *log, const char *name, GpuUsage want, int kernels)
{
    GpuCode code = {.log = (char *)(size_t)log};
    gpu_report(&code);
    assert_int_equal(code.kernels, kernels);
    const GpuUsage *u = gpu_usage(&code, name);
    assert_non_null(u);
    assert_int_equal(u->registers, want.registers);
    assert_int_equal(u->shared, want.shared);
    assert_int_equal(u->stack, want.stack);
    assert_int_equal(u->spill_stores, want.spill_stores);
    assert_int_equal(u->spill_loads, want.spill_loads);
    assert_null(gpu_usage(&code, "no such kernel"));
    free(code.usage);
}

/* Spills of functions it calls are a kernel's own; the stack is that of the deepest. */
static void check_13(void **state)
{
    static const char log[] =
        "k.cu(3): warning #177-D: variable \"Used 7 registers\" was never referenced\n"
        "ptxas warning : Registers are spilled to local memory in function 'one'\n"
        "ptxas info    : 0 bytes gmem\n"
        "ptxas info    : Compiling entry function 'two' for 'sm_90'\n"
        "ptxas info    : Function properties for two\n"
        "ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill "
        "loads\n"
        "ptxas info    : Used 210 registers, used 0 barriers, 49152 bytes smem\n"
        "ptxas info    : Compile time = 47.941 ms\n"
        "ptxas info    : Compiling entry function 'one' for 'sm_90'\n"
        "ptxas info    : Function properties for one\n"
        "ptxas         .     1152 bytes stack frame, 12 bytes spill stores, 4 bytes spill "
        "loads\n"
        "ptxas info    : Used 32 registers, used 0 barriers, 1152 bytes cumulative stack "
        "size\n"
        "ptxas info    : Function properties for _Z6helperPfPKf\n"
        "ptxas         .     0 bytes stack frame, 1992 bytes spill stores, 2420 bytes "
        "spill loads\n";
    (void)state;
    check(log, "two", (GpuUsage){.registers = 210, .shared = 49152}, 2);
    check(
        log, "one",
        (GpuUsage){
            .registers = 32, .stack = 1152, .spill_stores = 2004, .spill_loads = 2424},
        2);
}

static void check_11(void **state)
{
    (void)state;
    check("ptxas info    : 0 bytes gmem\n"
          "ptxas info    : Compiling entry function 'k' for 'sm_80'\n"
          "ptxas info    : Function properties for k\n"
          "    8 bytes stack frame, 4 bytes spill stores, 6 bytes spill loads\n"
          "ptxas info    : Used 255 registers, 4112 bytes smem, 368 bytes cmem[0]",
          "k",
          (GpuUsage){.registers = 255,
                     .shared = 4112,
                     .stack = 8,
                     .spill_stores = 4,
                     .spill_loads = 6},
          1);
}

static void check_nothing(void **state)
{
    GpuCode code = {.log = (char *)(size_t) ""};
    (void)state;
    gpu_report(&code);
    assert_int_equal(code.kernels, 0);
    free(code.usage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_13),
        cmocka_unit_test(check_11),
        cmocka_unit_test(check_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
