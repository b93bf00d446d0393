/* A real device: a kernel that needs more shared memory than any gets unasked, its
 * result and its time, and what is said when a kernel fails. */
#include "archrt/gpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Doubles n floats, each block its part, by way of its dynamic shared memory. */
static const char kernels[] =
    "extern \"C\" __global__ void twice(float *x, int n)\n"
    "{\n"
    "    extern __shared__ float near[];\n"
    "    int i = blockIdx.x * blockDim.x + threadIdx.x, last = blockDim.x - 1;\n"
    "    near[last - threadIdx.x] = i < n ? x[i] : 0;\n"
    "    __syncthreads();\n"
    "    if (i < n)\n"
    "        x[i] = 2 * near[last - threadIdx.x];\n"
    "}\n"
    "extern \"C\" __global__ void stray(float *x) { x[1ll << 40] = 1; }\n";

enum { N = 100000, SHARED = 64 << 10 };

typedef struct World {
    Gpu *gpu;
    GpuCompiler *compiler;
    GpuModule module;
} World;

static bool open_world(World *w, ArchError *e)
{
    const GpuSource source = {.name = "twice.cu", .text = kernels};
    GpuCode code = {0};
    *w = (World){0};
    bool ok = gpu_open(&w->gpu, 0, e) &&
              gpu_compiler_open(&w->compiler, gpu_info(w->gpu)->driver, e) &&
              gpu_compile(w->compiler, &source, gpu_info(w->gpu)->arch, &code, e) &&
              gpu_load(w->gpu, &code, &w->module, e);
    gpu_code_release(&code);
    return ok;
}

static void close_world(World *w)
{
    if (w->gpu)
        gpu_unload(w->gpu, &w->module);
    gpu_compiler_close(w->compiler);
    gpu_close(w->gpu);
}

static bool use_kernel(World *w, float *x, double *seconds, ArchError *e)
{
    Gpu *g = w->gpu;
    GpuKernel twice;
    GpuMemory whole, dx;
    GpuEvent begin, end;
    int n = N;
    size_t bytes = N * sizeof *x;
    void *argument[] = {&dx.address, &n};
    GpuShape shape = {.grid = {(N + 255) / 256}, .block = {256}, .shared = SHARED};
    if (!gpu_alloc(g, bytes + 512, &whole, e))
        return false;
    dx = gpu_part(whole, 256, bytes);
    bool ok =
        gpu_fill(g, whole, 0xff, e) && gpu_kernel(g, w->module, "twice", &twice, e) &&
        gpu_allow_shared(g, &twice, SHARED, e) && gpu_event_init(g, &begin, e) &&
        gpu_event_init(g, &end, e) && gpu_upload(g, dx, x, bytes, e) &&
        gpu_event_record(g, begin, e) && gpu_launch(g, &twice, shape, argument, e) &&
        gpu_event_record(g, end, e) && gpu_event_elapsed(g, begin, end, seconds, e) &&
        gpu_download(g, x, dx, bytes, e);
    if (ok) {
        gpu_event_release(g, &begin);
        gpu_event_release(g, &end);
    }
    gpu_free(g, &whole);
    return ok;
}

static void check_kernel(void **state)
{
    static float x[N];
    World w;
    double seconds;
    ArchError e;
    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = (float)i;
    if (!open_world(&w, &e) || !use_kernel(&w, x, &seconds, &e))
        fail_msg("%s", e.text);
    for (int i = 0; i < N; i++)
        assert_true(x[i] == 2.0f * (float)i);
    assert_true(seconds > 0 && seconds < 10);
    close_world(&w);
}

static void check_refusals(void **state)
{
    World w;
    GpuKernel twice;
    GpuMemory memory = {0};
    ArchError e;
    int n = 0;
    void *argument[] = {&memory.address, &n};
    (void)state;
    if (!open_world(&w, &e) || !gpu_kernel(w.gpu, w.module, "twice", &twice, &e))
        fail_msg("%s", e.text);
    assert_false(gpu_allow_shared(w.gpu, &twice, 1 << 20, &e));
    assert_non_null(strstr(e.text, "1048576 bytes of shared memory"));
    assert_false(gpu_launch(w.gpu, &twice, (GpuShape){.block = {4096}}, argument, &e));
    assert_non_null(strstr(e.text, "twice does not start"));
    assert_false(gpu_alloc(w.gpu, (size_t)1 << 50, &memory, &e));
    assert_non_null(strstr(e.text, "1125899906842624 bytes asked for"));
    assert_true(gpu_synchronize(w.gpu, &e)); /* none of it did harm */
    close_world(&w);
}

/* Writes where no memory is.  Returns 0 if that is said. */
static int stray(void)
{
    World w;
    GpuKernel kernel;
    GpuMemory memory;
    ArchError e;
    if (!open_world(&w, &e) || !gpu_kernel(w.gpu, w.module, "stray", &kernel, &e) ||
        !gpu_alloc(w.gpu, 4, &memory, &e) ||
        !gpu_launch(w.gpu, &kernel, (GpuShape){0}, (void *[]){&memory.address}, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    bool ok = gpu_synchronize(w.gpu, &e);
    fprintf(stderr, "%s\n", ok ? "nothing was said" : e.text);
    return ok || !strstr(e.text, "the last one started was stray: an illegal memory");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_kernel),
        cmocka_unit_test(check_refusals),
    };
    char line[4200];
    const char *required = getenv("ARCHC_REQUIRE_GPU");
    World w;
    ArchError e;
    if (argc > 1)
        return stray();
    if (!open_world(&w, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return required && *required == '1' ? 1 : 77;
    }
    close_world(&w);
    /* in a process of its own, which is of no use after that */
    snprintf(line, sizeof line, "'%.4000s' stray", argv[0]);
    int failed = system(line) != 0;
    return cmocka_run_group_tests(tests, NULL, NULL) || failed;
}
