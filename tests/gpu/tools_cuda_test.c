/* tools_cuda_test: the kernels of a training that are no network's, against the processor:
 * AdamW bit by bit, the losses of validation samples.  Under the stand-ins of
 * tests/gpu/fake/run the device is this processor. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "archrt/eval.h"
#include "archrt/model.h"
#include "archrt/rng.h"
#include "gpu_tools.h"

typedef struct World {
    Gpu *gpu;
    GpuCompiler *compiler;
} World;

static World world;

enum { PARAMS = 700 };

static double *random_numbers(int n, uint32_t stream, ArchType real)
{
    Rng r = rng_init(6, RNG_TEST, stream, 0);
    double *x = malloc((size_t)n * sizeof *x);
    for (int i = 0; i < n; i++) {
        double v = rng_uniform(&r) - 0.5;
        if (real == ARCH_F64)
            x[i] = v;
        else
            ((float *)x)[i] = (float)v;
    }
    return x;
}

static void must(bool ok, const ArchError *e)
{
    if (!ok)
        fail_msg("%s", e->text);
}

static GpuMemory copied(const void *x, size_t bytes)
{
    ArchError e = {0};
    GpuMemory m;
    must(gpu_alloc(world.gpu, bytes, &m, &e) &&
             (x ? gpu_upload(world.gpu, m, x, bytes, &e)
                : gpu_fill(world.gpu, m, 0, &e)),
         &e);
    return m;
}

/* The gradient of step t, so much smaller from the second on that v falls. */
static void next_gradient(double *host, GpuMemory device, ArchType real, int64_t t)
{
    ArchError e = {0};
    for (int i = 0; t == 2 && i < 2 * PARAMS; i++)
        if (real == ARCH_F64)
            host[i] *= 1e-3;
        else
            ((float *)host)[i] *= 1e-3f;
    must(gpu_upload(world.gpu, device, host, device.bytes, &e), &e);
}

/* Four steps of two instances: the bits of adamw_step(). */
static void check_adamw(ArchType real, bool amsgrad)
{
    size_t size = real == ARCH_F64 ? 8 : 4, all = 2 * PARAMS * size;
    ArchError e = {0};
    GpuProgram tools;
    AdamW o = adamw_default();
    double *host[5], loss[2] = {0.25, 3}, sum[2];
    GpuMemory device[5];
    o.amsgrad = amsgrad;
    o.weight_decay = 0.02;
    must(gpu_tools_load(&tools, world.gpu, world.compiler, real, &e), &e);
    for (int i = 0; i < 5; i++) { /* w, m, v, u, gradient */
        host[i] = random_numbers(2 * PARAMS, (uint32_t)i, real);
        if (i >= 1 && i <= 3)
            memset(host[i], 0, all);
        device[i] = copied(host[i], all);
    }
    GpuMemory losses = copied(loss, sizeof loss), sums = copied(NULL, sizeof loss);
    for (int64_t t = 1; t <= 4; t++) {
        AdamWArgument a = gpu_adamw(&o, t);
        a.w = gpu_pointer(device[0], 0);
        a.m = gpu_pointer(device[1], 0);
        a.v = gpu_pointer(device[2], 0);
        a.u = gpu_pointer(device[3], 0);
        a.g = gpu_pointer(device[4], 0);
        a.loss = gpu_pointer(losses, 0);
        a.loss_sum = gpu_pointer(sums, 0);
        a.samples = 20;
        a.params = PARAMS;
        next_gradient(host[4], device[4], real, t);
        must(gpu_start_adamw(&tools, &a, 2, &e), &e);
        AdamWState s = {real, 2 * PARAMS, host[0], host[1], host[2], host[3]};
        adamw_step(&o, &s, host[4], t);
    }
    must(gpu_download(world.gpu, sum, sums, sizeof sum, &e), &e);
    assert_true(sum[0] == 4 * 20 * 0.25 && sum[1] == 4 * 20 * 3);
    char *got = malloc(all);
    for (int i = 0; i < 5; i++) {
        must(gpu_download(world.gpu, got, device[i], all, &e), &e);
        assert_memory_equal(got, host[i], all);
        gpu_free(world.gpu, &device[i]);
        free(host[i]);
    }
    free(got);
    gpu_free(world.gpu, &losses);
    gpu_free(world.gpu, &sums);
    gpu_program_release(&tools);
}

static void check_optimiser(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        check_adamw(i / 2 ? ARCH_F64 : ARCH_F32, i % 2);
}

/* 300 rows of 2 outputs, rows by number, on top of what is there. */
static void check_losses(void **state)
{
    enum { ROWS = 300, WIDTH = 2, ALL = ROWS * WIDTH };
    ArchError e = {0};
    GpuProgram tools;
    int64_t row[ROWS];
    (void)state;
    must(gpu_tools_load(&tools, world.gpu, world.compiler, ARCH_F64, &e), &e);
    for (int loss = ARCH_LOSS_MSE; loss <= ARCH_LOSS_BCE; loss++) {
        double *y = random_numbers(2 * ALL, 8, ARCH_F64);
        double *target = random_numbers(ALL, 9, ARCH_F64), sum[2] = {1, 2}, want[2];
        for (int i = 0; i < 2 * ALL; i++)
            y[i] += 0.5;
        y[7] = 0; /* whose logarithm is bounded */
        for (int i = 0; i < ROWS; i++)
            row[i] = (i * 7) % ROWS;
        for (int k = 0; k < 2; k++) {
            want[k] = sum[k];
            for (int i = 0; i < ALL; i++)
                want[k] += loss_value((ArchLoss)loss, y[k * ALL + i],
                                      target[row[i / WIDTH] * WIDTH + i % WIDTH]) /
                           WIDTH;
        }
        GpuMemory m[] = {copied(y, 2 * ALL * sizeof *y),
                         copied(target, ALL * sizeof *target), copied(row, sizeof row),
                         copied(sum, sizeof sum)};
        LossArgument a = {.y = gpu_pointer(m[0], 0),
                          .target = gpu_pointer(m[1], 0),
                          .row = gpu_pointer(m[2], 0),
                          .sum = gpu_pointer(m[3], 0),
                          .rows = ROWS,
                          .width = WIDTH,
                          .cross_entropy = loss == ARCH_LOSS_BCE};
        must(gpu_start_losses(&tools, &a, 2, &e) &&
                 gpu_download(world.gpu, sum, m[3], sizeof sum, &e),
             &e);
        for (int k = 0; k < 2; k++)
            assert_true(fabs(sum[k] - want[k]) < 1e-12 * fabs(want[k]));
        for (int i = 0; i < 4; i++)
            gpu_free(world.gpu, &m[i]);
        free(y);
        free(target);
    }
    gpu_program_release(&tools);
}

/* ---- */

int main(void)
{
    ArchError e = {0};
    if (!gpu_open(&world.gpu, 0, &e)) {
        printf("%s\n", e.text);
        return getenv("ARCHC_REQUIRE_GPU") ? 1 : 77;
    }
    if (!gpu_compiler_open(&world.compiler, gpu_info(world.gpu)->driver, &e)) {
        printf("%s\n", e.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_optimiser),
        cmocka_unit_test(check_losses),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gpu_compiler_close(world.compiler);
    gpu_close(world.gpu);
    return failed;
}
