/* A device that works, and all that it can refuse: what is said, and the exit code. */
#include "archrt/gpu.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 600 };

static const GpuCode code = {.arch = 90, .cubin = "a program", .bytes = 10};

static int held(void)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    int *count = library ? dlsym(library, "fake_cuda_held") : NULL;
    assert_non_null(count);
    return *count;
}

static void expect(const ArchError *e, const char *text)
{
    if (!strstr(e->text, text))
        fail_msg("'%s' has no '%s'", e->text, text);
    assert_int_equal(e->code, ARCH_EXIT_DEVICE);
    assert_null(strchr(e->text, '\n'));
}

static int setup(void **state)
{
    (void)state;
    unsetenv("FAKE_CUDA_FAIL");
    unsetenv("FAKE_CUDA_DEVICES");
    unsetenv("CUDA_VISIBLE_DEVICES");
    return 0;
}

/* Doubles x on a device by all that it takes; false and *e if a function fails. */
static bool use_device(float *x, double *seconds, ArchError *e)
{
    Gpu *gpu;
    GpuModule module = {0};
    GpuKernel twice;
    GpuMemory dx = {0}, copy = {0};
    GpuEvent begin = {0}, end = {0};
    size_t bytes = N * sizeof *x;
    int n = N;
    void *argument[] = {&dx.address, &n};
    GpuShape shape = {.grid = {3}, .block = {256}, .shared = 100 << 10};
    if (!gpu_open(&gpu, 0, e))
        return false;
    bool ok = gpu_load(gpu, &code, &module, e) &&
              gpu_kernel(gpu, module, "twice", &twice, e) &&
              gpu_allow_shared(gpu, &twice, shape.shared, e) &&
              gpu_event_init(gpu, &begin, e) && gpu_event_init(gpu, &end, e) &&
              gpu_alloc(gpu, bytes, &dx, e) && gpu_alloc(gpu, bytes, &copy, e) &&
              gpu_upload(gpu, copy, x, bytes, e) && gpu_copy(gpu, dx, copy, bytes, e) &&
              gpu_event_record(gpu, begin, e) &&
              gpu_launch(gpu, &twice, shape, argument, e) &&
              gpu_event_record(gpu, end, e) && gpu_synchronize(gpu, e) &&
              gpu_fill(gpu, gpu_part(dx, 8, 4), 0xff, e) &&
              gpu_event_elapsed(gpu, begin, end, seconds, e) &&
              gpu_download(gpu, x, dx, bytes, e);
    gpu_event_release(gpu, &end);
    gpu_event_release(gpu, &begin);
    gpu_free(gpu, &copy);
    gpu_free(gpu, &dx);
    gpu_unload(gpu, &module);
    gpu_close(gpu);
    return ok;
}

static void check_use(void **state)
{
    float x[N];
    double seconds = 0;
    ArchError e = {0};
    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = (float)i;
    assert_true(use_device(x, &seconds, &e));
    for (int i = 0; i < N; i++)
        assert_true(i == 2 ? x[i] != x[i] : x[i] == 2.0f * (float)i);
    assert_true(seconds == 0.25);
    assert_int_equal(held(), 0);
}

/* Each function of the driver fails in turn: one line, and nothing is kept. */
static void check_failures(void **state)
{
    static const char *const failure[][2] = {
        {"cuDevicePrimaryCtxRetain=2",
         "opening the device failed on Fake 0: out of memory (CUDA_ERROR_OUT_OF_MEMORY)"   },
        {"cuCtxSetCurrent=214",        "failed on Fake 0: uncorrectable ECC error"         },
        {"cuDeviceGetAttribute=999",
         "does not say what device 0 is: error 999 of the CUDA driver"                     },
        {"cuModuleLoadData=200",
         "does not take code for sm_90 from this NVRTC, its driver knows CUDA 13.0"        },
        {"cuModuleLoadData=209",       "newer driver"                                      },
        {"cuModuleGetFunction=1",      "looking up a kernel failed"                        },
        {"cuFuncSetAttribute=1",       "reserving shared memory failed"                    },
        {"cuFuncGetAttribute=1",       "looking up a kernel failed"                        },
        {"cuEventCreate=1",            "making an event failed"                            },
        {"cuMemAlloc_v2=2",
         "out of memory on Fake 0: 2400 bytes asked for, 123456789 of 68719476736 are "
         "free: take a smaller"                                                            },
        {"cuMemAlloc_v2=214",          "reserving memory failed"                           },
        {"cuMemcpyHtoD_v2=1",          "copying to the device failed"                      },
        {"cuMemcpyDtoD_v2=1",          "copying on the device failed"                      },
        {"cuEventRecord=1",            "recording an event failed"                         },
        {"cuLaunchKernel=701",
         "twice does not start on Fake 0, grid 3x1x1, block 256x1x1 (at most 512 "
         "threads), 103424 bytes of shared memory: too many resources requested for "
         "launch (CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES)"                                     },
        {"cuCtxSynchronize=700",
         "a kernel failed on Fake 0, the last one started was twice: an illegal memory "
         "access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS); compute-sanitizer"          },
        {"cuCtxSynchronize=214",       "waiting failed on Fake 0: uncorrectable ECC error" },
        {"cuMemsetD8_v2=719",          "the last one started was twice: unspecified launch"},
        {"cuEventSynchronize=1",       "waiting failed"                                    },
        {"cuEventElapsedTime=1",       "measuring time failed"                             },
        {"cuMemcpyDtoH_v2=1",          "copying from the device failed"                    },
    };
    (void)state;
    for (size_t i = 0; i < sizeof failure / sizeof *failure; i++) {
        float x[N] = {0};
        double seconds;
        ArchError e = {0};
        setenv("FAKE_CUDA_FAIL", failure[i][0], 1);
        assert_false(use_device(x, &seconds, &e));
        expect(&e, failure[i][1]);
        assert_int_equal(held(), 0);
    }
}

static void check_open(void **state)
{
    static const char *const failure[][2] = {
        {"cuInit=100", "the CUDA driver sees no device: nvidia-smi should list one"},
        {"cuInit=34",  "toolkit's stand-in, no driver"                             },
        {"cuInit=803",
         "does not start: system has unsupported display driver / cuda driver "
         "combination (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH)"                         },
        {"cuInit=999", "does not start: error 999 of the CUDA driver"              },
    };
    Gpu *gpu;
    ArchError e = {0};
    (void)state;
    for (size_t i = 0; i < sizeof failure / sizeof *failure; i++) {
        setenv("FAKE_CUDA_FAIL", failure[i][0], 1);
        assert_false(gpu_open(&gpu, 0, &e));
        assert_null(gpu);
        expect(&e, failure[i][1]);
    }
    unsetenv("FAKE_CUDA_FAIL");
    setenv("FAKE_CUDA_DEVICES", "0", 1);
    assert_false(gpu_open(&gpu, 0, &e));
    expect(&e, "sees no device: nvidia-smi");
    setenv("CUDA_VISIBLE_DEVICES", "7", 1);
    assert_false(gpu_open(&gpu, 0, &e));
    expect(&e, "CUDA_VISIBLE_DEVICES is '7'");
}

static void check_index(void **state)
{
    Gpu *gpu;
    ArchError e = {0};
    (void)state;
    setenv("FAKE_CUDA_DEVICES", "2", 1);
    for (int wrong = -1; wrong < 3; wrong += 3) {
        assert_false(gpu_open(&gpu, wrong, &e));
        expect(&e, wrong < 0 ? "there is no device -1: the CUDA driver sees 2"
                             : "there is no device 2: the CUDA driver sees 2");
    }
    assert_true(gpu_open(&gpu, 1, &e));
    const GpuInfo *info = gpu_info(gpu);
    assert_string_equal(info->name, "Fake 1");
    assert_int_equal(info->driver, 13000);
    assert_int_equal(info->arch, 90);
    assert_int_equal(info->sms, 132);
    assert_int_equal(info->clock_khz, 1980000);
    assert_int_equal(info->threads_per_block, 1024);
    assert_int_equal(info->threads_per_sm, 2048);
    assert_int_equal(info->registers_per_sm, 65536);
    assert_int_equal(info->shared_per_block, 232448);
    assert_int_equal(info->shared_per_sm, 233472);
    assert_int_equal(info->l2_bytes, 1 << 25);
    assert_true(info->memory_bytes == (size_t)1 << 36);
    assert_true(info->memory_rate == 2 * 2e9 * 512);
    gpu_close(gpu);
    assert_int_equal(held(), 0);
}

static void check_kernel(void **state)
{
    Gpu *gpu;
    GpuModule module;
    GpuKernel k;
    ArchError e = {0};
    (void)state;
    assert_true(gpu_open(&gpu, 0, &e) && gpu_load(gpu, &code, &module, &e));
    assert_false(gpu_kernel(gpu, module, "thrice", &k, &e));
    assert_int_equal(e.code, ARCH_EXIT_FILE);
    assert_string_equal(e.text, "there is no kernel 'thrice'");
    assert_true(gpu_kernel(gpu, module, "twice", &k, &e));
    assert_int_equal(k.threads, 512);
    assert_int_equal(k.registers, 40);
    assert_int_equal(k.shared, 1024);
    assert_true(gpu_allow_shared(gpu, &k, 232448 - 1024, &e));
    assert_false(gpu_allow_shared(gpu, &k, 232448 - 1023, &e));
    expect(&e,
           "twice needs 232449 bytes of shared memory in a block, Fake 0 has 232448");
    gpu_unload(gpu, &module);
    gpu_close(gpu);
}

/* What failed on the way is freed as what succeeded; there may be nothing to copy. */
static void check_upload_new(void **state)
{
    Gpu *gpu;
    GpuMemory m;
    ArchError e = {0};
    char to[6] = "";
    (void)state;
    assert_true(gpu_open(&gpu, 0, &e));
    const int before = held();
    assert_true(gpu_upload_new(gpu, &m, "links", 6, &e) && m.bytes == 6 &&
                gpu_download(gpu, to, m, 6, &e));
    assert_string_equal(to, "links");
    gpu_free(gpu, &m);
    setenv("FAKE_CUDA_FAIL", "cuMemcpyHtoD_v2=719", 1);
    assert_true(gpu_upload_new(gpu, &m, NULL, 0, &e) && m.bytes == 0 && m.address);
    gpu_free(gpu, &m);
    assert_int_equal(held(), before);
    setenv("FAKE_CUDA_FAIL", "cuMemAlloc_v2=2", 1);
    assert_false(gpu_upload_new(gpu, &m, "links", 6, &e));
    expect(&e, "out of memory on Fake 0: 6 bytes asked for");
    setenv("FAKE_CUDA_FAIL", "cuMemcpyHtoD_v2=719", 1);
    assert_false(gpu_upload_new(gpu, &m, "links", 6, &e));
    unsetenv("FAKE_CUDA_FAIL");
    assert_int_equal(held(), before + 1);
    gpu_free(gpu, &m);
    gpu_close(gpu);
    assert_int_equal(held(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(check_use, setup),
        cmocka_unit_test_setup(check_failures, setup),
        cmocka_unit_test_setup(check_open, setup),
        cmocka_unit_test_setup(check_index, setup),
        cmocka_unit_test_setup(check_kernel, setup),
        cmocka_unit_test_setup(check_upload_new, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
