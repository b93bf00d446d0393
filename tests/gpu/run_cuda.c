/* run_cuda ARCHRUN ARCHS [FAKES]: whole commands with --device cuda, against the same without
 * it.  With the folder of the stand-ins they run there, and a device is missing or fails in
 * every way; without, on a real device.  Works in a folder of its own. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>

#include "archrt/dataset.h"
#include "archrt/gpu.h"
#include "program.h"
#include "train_data.h"

typedef struct World {
    const char *archrun, *archs, *fakes, *path; /* path: LD_LIBRARY_PATH as it was */
    char out[SAID_MAX], err[SAID_MAX];
} World;

/* CUDA's libraries are those of this folder of stand-ins, if there are any. */
static void use(const World *w, const char *folder)
{
    char text[8000];
    if (!w->fakes)
        return;
    snprintf(text, sizeof text, "%s/%s:%s", w->fakes, folder, w->path);
    setenv("LD_LIBRARY_PATH", text, 1);
}

/* archrun COMMAND ARCHS/task3/eq3.arch REST */
static void line_of(const World *w, char line[4000], const char *command,
                    const char *rest)
{
    snprintf(line, 4000, "%s %s %s/task3/eq3.arch %s", w->archrun, command, w->archs,
             rest);
}

static void expect(World *w, int code, const char *text, const char *command,
                   const char *rest)
{
    char line[4000];
    line_of(w, line, command, rest);
    int found = program_run(line, w->out, w->err);
    if (found != code || (!strstr(w->out, text) && !strstr(w->err, text)))
        fail_msg("%s: exit %d, not %d; said:\n%s%s\nnot '%s'", line, found, code,
                 w->out, w->err, text);
}

static void write_data(const char *path, int64_t samples, int t, int x)
{
    Dataset d = {.groups = 1, .group = malloc(sizeof(DatasetGroup))};
    ArchError e = {0};
    d.group[0] = make_group(samples, t, x, 9);
    if (!dataset_write(&d, path, &e))
        fail_msg("%s", e.text);
    dataset_release(&d);
}

static size_t read_bytes(const char *path, char *to)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(to, 1, SAID_MAX, f) : 0;
    if (f)
        fclose(f);
    return n;
}

/* All numbers behind `key` in `text`. */
static int numbers_behind(const char *text, const char *key, double *to, int most)
{
    int n = 0;
    for (; n < most && (text = strstr(text, key)); n++)
        to[n] = strtod(text += strlen(key), NULL);
    return n;
}

static void near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-3 * fabs(a) + 1e-6))
        fail_msg("%.9g on the device, %.9g on the processor", b, a);
}

/* ---- */

/* Two lattices, three instances of which some stop early: table and metrics. */
static void check_train(void **state)
{
    World *w = *state;
    static const char rest[] = "--data a.h5,b.h5 --instances 3 --epochs 8 --batch 16 "
                               "--min-epochs 2 --patience 2 ";
    static char metrics[2][SAID_MAX];
    char words[400];
    double number[2][3 + 2];
    for (int i = 0; i < 2; i++) {
        snprintf(words, sizeof words, "%s--device %s -o %s.safetensors", rest,
                 i ? "cuda:0" : "cpu --threads 1", i ? "cuda" : "cpu");
        expect(w, 0, "best epoch", "train", words);
        snprintf(words, sizeof words, "%s.metrics.csv", i ? "cuda" : "cpu");
        metrics[i][read_bytes(words, metrics[i])] = '\0';
        const char *table = strchr(w->out, '\n');
        for (int k = 0; k < 3; k++) {
            long instance, epoch;
            char *end;
            instance = strtol(table, &end, 10);
            epoch = strtol(end, &end, 10);
            number[i][k] = strtod(end, &end) + 1000 * (double)epoch;
            assert_int_equal(instance, k);
            table = end;
        }
    }
    for (int k = 0; k < 3; k++)
        near(number[0][k], number[1][k]);
    char *a = metrics[0], *b = metrics[1];
    assert_int_equal(strcspn(a, "\n"), strcspn(b, "\n"));
    while ((a = strchr(a, '\n')) && (b = strchr(b, '\n')) && a[1]) {
        double p[4], q[4];
        assert_int_equal(sscanf(++a, "%lf,%lf,%lf,%lf", p, p + 1, p + 2, p + 3), 4);
        assert_int_equal(sscanf(++b, "%lf,%lf,%lf,%lf", q, q + 1, q + 2, q + 3), 4);
        assert_true(p[0] == q[0] && p[1] == q[1]);
        near(p[2], q[2]);
        near(p[3], q[3]);
    }
}

static void check_eval(void **state)
{
    World *w = *state;
    double loss[2][40];
    int n[2];
    for (int i = 0; i < 2; i++) {
        expect(w, 0, "\"accuracy\"", "eval",
               i ? "--weights cuda.safetensors --data a.h5,b.h5 --json --device cuda"
                 : "--weights cuda.safetensors --data a.h5,b.h5 --json");
        n[i] = numbers_behind(w->out, "\"loss\": ", loss[i], 40);
    }
    assert_true(n[0] == 3 * 2 * 2 && n[1] == n[0]);
    for (int i = 0; i < n[0]; i++)
        near(loss[0][i], loss[1][i]);
}

/* Outputs of the 3 instances for the 30 samples of b.h5. */
static void read_y(const char *path, float y[90])
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "/y", H5P_DEFAULT);
    assert_true(set >= 0);
    assert_true(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, y) >= 0);
    H5Dclose(set);
    H5Fclose(file);
}

static void check_predict(void **state)
{
    World *w = *state;
    float y[2][90];
    expect(w, 0, "", "predict", "--weights cuda.safetensors --data b.h5 -o y0.h5");
    expect(w, 0, "", "predict",
           "--weights cuda.safetensors --data b.h5 --device cuda -o y1.h5");
    read_y("y0.h5", y[0]);
    read_y("y1.h5", y[1]);
    for (int i = 0; i < 90; i++)
        near((double)y[0][i], (double)y[1][i]);
}

static void check_bench(void **state)
{
    World *w = *state;
    double share[2] = {0};
    expect(w, 0, "\"isa\": \"sm_", "bench",
           "--lattice 4x4 --batch 3 --bursts 1 --device cuda --json --csv s.csv");
    assert_non_null(strstr(w->err, "peak of multiply-adds"));
    assert_non_null(strstr(w->out, "\"bound\": null"));
    assert_int_equal(numbers_behind(w->out, "\"share\": ", share, 2), 2);
    assert_true(share[0] > 0 && share[1] > 0);
    assert_int_equal(numbers_behind(w->out, "\"pack_share\": 0", share, 2), 1);
    expect(w, 6, "out of memory on ", "bench",
           "--lattice 512x512 --batch 1000000 --bursts 1 --device cuda");
}

/* SIGTERM while it works: exit 75 and a checkpoint, from which either goes on. */
static void check_signal(void **state)
{
    World *w = *state;
    static const char rest[] =
        "--data a.h5 --epochs 100000 --min-epochs 100000 --device "
        "cuda -o long.safetensors";
    char line[4000];
    Program p;
    line_of(w, line, "train", rest);
    assert_true(program_start(&p, line));
    const bool began = program_says(&p, "epoch ", 120);
    const int code = program_stop(&p, SIGTERM);
    assert_true(began);
    assert_int_equal(code, 75);
    assert_int_equal(access("long.checkpoint.safetensors", R_OK), 0);
    assert_int_not_equal(access("long.safetensors", R_OK), 0);
    expect(w, 0, "going on from long.checkpoint.safetensors", "train",
           "--data a.h5 --epochs 1 --min-epochs 100000 -o long.safetensors");
}

static void check_wrong(void **state)
{
    World *w = *state;
    expect(w, 2, "'gpu' is none of cpu, cuda", "train",
           "--data a.h5 --device gpu -o x.safetensors");
    expect(w, 2, "'cuda:x' is none of cpu", "eval",
           "--weights cuda.safetensors --data a.h5 --device cuda:x");
    expect(w, 6, "there is no device 99", "predict",
           "--weights cuda.safetensors --data a.h5 --device cuda:99 -o x.h5");
    expect(w, 5, "became NaN or infinite in epoch", "train",
           "--data a.h5 --device cuda --lr 1e30 -o x.safetensors");
    assert_int_not_equal(access("x.safetensors", R_OK), 0);
}

/* What a device would not heed is refused, with whatever value. */
static void check_threads(void **state)
{
    World *w = *state;
    static const char *const command[][2] = {
        {"train",   "--data a.h5 -o x.safetensors --threads 2"                  },
        {"eval",    "--weights cuda.safetensors --data a.h5 --threads 0"        },
        {"predict", "--weights cuda.safetensors --data a.h5 -o x.h5 --threads 1"},
        {"bench",   "--lattice 4x4 --threads 1"                                 }
    };
    char rest[400];
    for (int i = 0; i < 4; i++) {
        snprintf(rest, sizeof rest, "%s --device cuda", command[i][1]);
        expect(w, 2,
               "--threads is of the processor: it means nothing with --device cuda",
               command[i][0], rest);
    }
    expect(w, 2, "--isa is of the processor", "bench",
           "--lattice 4x4 --isa plain --device cuda:0");
    expect(w, 0, "", "eval",
           "--weights cuda.safetensors --data a.h5 --threads 1 --device cpu");
}

/* ---- a device that is missing or fails ---- */

/* Exit 6, one line that says `text`, and cuda.safetensors and y1.h5 as they were. */
static void fails(World *w, const char *how, const char *text)
{
    static const char *const command[][2] = {
        {"train",
         "--data a.h5,b.h5 --instances 2 --epochs 3 --device cuda -o cuda.safetensors"},
        {"eval",    "--weights cpu.safetensors --data b.h5 --device cuda"             },
        {"predict", "--weights cpu.safetensors --data b.h5 --device cuda -o y1.h5"    },
        {"bench",   "--lattice 4x4 --batch 2 --bursts 1 --device cuda"                }
    };
    static char before[2][SAID_MAX], after[SAID_MAX];
    size_t weights = read_bytes("cuda.safetensors", before[0]);
    size_t outputs = read_bytes("y1.h5", before[1]);
    if (how)
        setenv("FAKE_CUDA_FAIL", how, 1);
    for (int i = 0; i < 4; i++) {
        expect(w, 6, text, command[i][0], command[i][1]);
        const char *line = strstr(w->err, "archrun: error: ");
        assert_non_null(line);
        assert_int_equal(strcspn(line, "\n"), strlen(line) - 1);
    }
    unsetenv("FAKE_CUDA_FAIL");
    assert_int_equal(read_bytes("cuda.safetensors", after), weights);
    assert_memory_equal(before[0], after, weights);
    assert_int_equal(read_bytes("y1.h5", after), outputs);
    assert_memory_equal(before[1], after, outputs);
}

static void check_failures(void **state)
{
    World *w = *state;
    if (!w->fakes)
        skip();
    use(w, "junk");
    fails(w, NULL, "no CUDA driver (");
    use(w, "old");
    fails(w, NULL, "the CUDA driver is too old");
    use(w, "run");
    setenv("FAKE_CUDA_DRIVER", "10020", 1);
    fails(w, NULL, "the driver knows CUDA 10.2, too old for the code of NVRTC");
    unsetenv("FAKE_CUDA_DRIVER");
    fails(w, "cuInit=100", "the CUDA driver sees no device");
    fails(w, "cuMemAlloc_v2=2@6", "out of memory on Fake 0");
    fails(w, "cuLaunchKernel=719@2", "a kernel failed on Fake 0");
    fails(w, "cuLaunchKernel=701@3", "does not start on Fake 0");
}

/* More instances than a launch takes: said before kernels are compiled. */
static void check_limit(void **state)
{
    World *w = *state;
    static const char said[] = "3 instances are too many for Fake 0, which takes 2 at "
                               "once: take fewer, or --device cpu";
    static const char *const command[][2] = {
        {"train",   "--instances 3 --data b.h5 --device cuda -o x.safetensors"    },
        {"eval",    "--weights cuda.safetensors --data b.h5 --device cuda"        },
        {"predict", "--weights cuda.safetensors --data b.h5 --device cuda -o x.h5"}
    };
    if (!w->fakes)
        skip();
    setenv("FAKE_CUDA_GRID_Y", "2", 1);
    for (int i = 0; i < 3; i++)
        expect(w, 2, said, command[i][0], command[i][1]);
    expect(w, 0, "best epoch", "train",
           "--instances 2 --epochs 1 --data b.h5 --device cuda -o two.safetensors");
    unsetenv("FAKE_CUDA_GRID_Y");
}

/* ---- */

static int has_device(void)
{
    ArchError e;
    Gpu *gpu;
    if (gpu_open(&gpu, 0, &e)) {
        gpu_close(gpu);
        return 0;
    }
    printf("%s\n", e.text);
    return getenv("ARCHC_REQUIRE_GPU") ? 1 : 77;
}

int main(int argc, char **argv)
{
    static World w;
    char folder[] = "run_cuda.XXXXXX", cache[4096], line[5000];
    if (argc < 3 || argc > 4)
        return 2;
    int code = argc == 4 ? 0 : has_device();
    if (code)
        return code;
    if (!mkdtemp(folder) || chdir(folder) != 0 || !getcwd(cache, sizeof cache - 10))
        return 2;
    w = (World){.archrun = argv[1], .archs = argv[2], .fakes = argv[3]};
    w.path = getenv("LD_LIBRARY_PATH") ? getenv("LD_LIBRARY_PATH") : "";
    snprintf(line, sizeof line, "/bin/rm -rf %s", cache);
    strcat(cache, "/cache");
    setenv("XDG_CACHE_HOME", cache, 1);
    setenv("FAKE_CUDA_SMS", "2", 1);
    unsetenv("ARCHC");
    use(&w, "run");
    write_data("a.h5", 50, 4, 4);
    write_data("b.h5", 30, 5, 3);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(check_train, &w),
        cmocka_unit_test_prestate(check_eval, &w),
        cmocka_unit_test_prestate(check_predict, &w),
        cmocka_unit_test_prestate(check_bench, &w),
        cmocka_unit_test_prestate(check_signal, &w),
        cmocka_unit_test_prestate(check_wrong, &w),
        cmocka_unit_test_prestate(check_threads, &w),
        cmocka_unit_test_prestate(check_failures, &w),
        cmocka_unit_test_prestate(check_limit, &w),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return chdir("..") == 0 && program_run(line, w.out, w.err) == 0 ? failed : 1;
}
