/* What archrun says about every kind of bad input, that nothing is written or lost then, and
 * that its cache heals.  argv: archrun, a stand-in for archc, the folder of the hand-written
 * networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>

#include "world.h"

/* A file as h5py writes it: only /x, float, and /y. */
static void write_foreign(const char *path, const float *x, hsize_t samples,
                          bool labels)
{
    hsize_t dx[4] = {samples, 4, 2, 2}, dy[2] = {samples, 1};
    double y[100] = {0};
    hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t sx = H5Screate_simple(4, dx, NULL), sy = H5Screate_simple(2, dy, NULL);
    hid_t vx =
        H5Dcreate2(f, "x", H5T_IEEE_F32LE, sx, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(vx, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
    H5Dclose(vx);
    if (labels) {
        hid_t vy = H5Dcreate2(f, "y", H5T_IEEE_F64LE, sy, H5P_DEFAULT, H5P_DEFAULT,
                              H5P_DEFAULT);
        H5Dwrite(vy, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, y);
        H5Dclose(vy);
    }
    H5Sclose(sx);
    H5Sclose(sy);
    H5Fclose(f);
}

#define TRAIN "train @/tiny.so --epochs 2 -o bad.safetensors --data "
#define EVAL  "eval @/tiny.so --data a.h5 --weights "

/* Nothing of these may write, or take away, anything. */
static void check_bad_data(void **state)
{
    World *w = *state;
    float x[16 * 20] = {0};
    write_text("foreign.h5", "this is no HDF5 file");
    world_expect(w, 3, "foreign.h5", TRAIN "foreign.h5");
    world_expect(w, 3, "none.h5", TRAIN "none.h5");
    world_expect(w, 3, "none.h5", TRAIN "a.h5,none.h5");
    write_data("short.h5", 150, 4, 4);
    assert_int_equal(truncate("short.h5", 3000), 0);
    world_expect(w, 3, "short.h5", TRAIN "short.h5");
    write_foreign("ok.h5", x, 20, true);
    world_expect(w, 0, "", "train @/tiny.so --epochs 2 --data ok.h5 -o ok.safetensors");
    write_foreign("unlabelled.h5", x, 20, false);
    world_expect(w, 3, "unlabelled.h5", TRAIN "unlabelled.h5");
    x[37] = 0.0f / 0.0f;
    write_foreign("nan.h5", x, 20, true);
    world_expect(w, 5, "nan.h5", TRAIN "nan.h5");
    world_expect(w, 2, "works on 8x8 only, not on 4x4",
                 "train @/tiny_fixed.so --epochs 2 -o bad.safetensors --data a.h5");
    world_expect(w, 2, "works on 8x8 only",
                 "eval @/tiny_fixed.so --weights w.safetensors --data a.h5");
    assert_false(exists("bad.safetensors") || exists("bad.metrics.csv"));
}

static void check_bad_weights(void **state)
{
    World *w = *state;
    world_expect(w, 0, "", "train @/tiny.so --epochs 2 --data a.h5 -o w.safetensors");
    write_text("foreign.safetensors", "neither JSON nor numbers");
    world_expect(w, 3, "foreign.safetensors is no whole", EVAL "foreign.safetensors");
    world_expect(w, 3, "none.safetensors", EVAL "none.safetensors");
    world_expect(w, 0, "",
                 "train @/tiny.so --epochs 1 --data a.h5 -o short.safetensors");
    assert_int_equal(truncate("short.safetensors", 300), 0);
    world_expect(w, 3, "short.safetensors is no whole", EVAL "short.safetensors");
    static const char other[] = "{\"conv1.weight\":{\"dtype\":\"F32\",\"shape\":[1],"
                                "\"data_offsets\":[0,4]}}";
    FILE *f = fopen("other.safetensors", "wb");
    fprintf(f, "%c%c%c%c%c%c%c%c%s1234", (int)strlen(other), 0, 0, 0, 0, 0, 0, 0,
            other);
    fclose(f);
    world_expect(w, 2, "weights of another network", EVAL "other.safetensors");
    world_expect(w, 2, "weights of another network",
                 "predict @/tiny.so --data a.h5 --weights other.safetensors -o bad.h5");
    assert_false(exists("bad.h5"));
}

/* A loss that diverges, and outputs that cannot be written: old results stay. */
static void check_nothing_lost(void **state)
{
    World *w = *state;
    char before[100], after[100];
    write_text("old.safetensors", "old weights");
    world_expect(w, 5, "instance 0 became NaN or infinite in epoch 1",
                 "train @/tiny.so --lr 1e38 --data a.h5 -o old.safetensors");
    size_t n = read_bytes("old.safetensors", before);
    assert_memory_equal(before, "old weights", n);
    assert_false(exists("old.metrics.csv"));
    world_expect(w, 3, "cannot write none/w.safetensors", /* found before all work */
                 "train @/tiny.so --data none.h5 -o none/w.safetensors");
    world_expect(w, 3, "cannot write none/y.h5",
                 "predict @/tiny.so --weights w.safetensors --data a.h5 -o none/y.h5");
    mkdir("folder.safetensors", 0700);
    world_expect(w, 3, "cannot write folder.safetensors",
                 "train @/tiny.so --data a.h5 -o folder.safetensors");
    assert_int_equal(read_bytes("old.safetensors", after), n);
}

/* An output never takes the place of an input, of a folder or of a device. */
static void check_outputs_apart(void **state)
{
    World *w = *state;
    static char before[SAID_MAX], after[SAID_MAX];
    size_t n = read_bytes("a.h5", before);
    world_expect(w, 2, "output a.h5 is an input",
                 "train @/tiny.so --data a.h5 --epochs 1 -o a.h5");
    world_expect(w, 2, "output ./a.h5 is an input",
                 "predict @/tiny.so --weights w.safetensors --data a.h5 -o ./a.h5");
    world_expect(
        w, 2, "output w.safetensors is an input",
        "predict @/tiny.so --weights w.safetensors --data a.h5 -o w.safetensors");
    world_expect(w, 2, "a.h5 is given twice",
                 "train @/tiny.so --data a.h5,./a.h5 --epochs 1 -o bad.safetensors");
    assert_int_equal(read_bytes("a.h5", after), n);
    assert_memory_equal(before, after, n);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    world_expect(w, 3, "cannot write pipe: it is no regular file",
                 "train @/tiny.so --data a.h5 --epochs 1 -o pipe");
    world_expect(w, 3, "cannot write pipe: it is no regular file",
                 "predict @/tiny.so --weights w.safetensors --data a.h5 -o pipe");
}

static void check_bad_models(void **state)
{
    World *w = *state;
    static char whole[SAID_MAX];
    char path[4000];
    write_text("text.so", "no ELF");
    world_expect(w, 3, "neither a .arch nor a shared object", "info text.so");
    world_expect(w, 3, "cannot read none.so", "info none.so");
    world_expect(w, 2, "has no model 'other'", "info @/tiny.so --model other");
    world_expect(w, 2, "no other --precision", "info @/tiny.so --precision f64");
    snprintf(path, sizeof path, "%s/tiny.so", w->tiny);
    size_t n = read_bytes(path, whole);
    assert_true(n > 2000 && n < SAID_MAX);
    FILE *f = fopen("cut.so", "wb");
    fwrite(whole, 1, n * 2 / 3, f);
    fclose(f);
    world_expect(w, 3, "cut.so is truncated", "info cut.so");
    f = fopen("cut.so", "wb");
    fwrite(whole, 1, n - 10, f);
    fclose(f);
    world_expect(w, 3, "cut.so is truncated", "info cut.so");
    f = fopen("renamed.so", "wb");
    fwrite(whole, 1, n, f);
    fclose(f);
    world_expect(w, 3, "say --model NAME", "info renamed.so");
    world_expect(w, 0, "parameters", "info renamed.so --model tiny");
}

static int cache_files(void)
{
    char line[] = "/bin/ls -A cache/archc", out[SAID_MAX], err[SAID_MAX];
    int n = 0;
    program_run(line, out, err);
    for (const char *s = out; (s = strchr(s, '\n')); s++)
        n++;
    return n;
}

/* archc and the compiler run once for each text and precision, and again for damage. */
static void check_cache(void **state)
{
    World *w = *state;
    write_text("net.arch", "net");
    world_expect(w, 0, "model       net", "info net.arch");
    assert_non_null(strstr(w->err, "fake archc runs"));
    assert_int_equal(cache_files(), 1);
    world_expect(w, 0, "model       net", "info net.arch");
    assert_null(strstr(w->err, "fake archc runs"));
    world_expect(w, 0, "float64", "info net.arch --precision f64");
    assert_non_null(strstr(w->err, "fake archc runs"));
    write_text("net.arch", "net2");
    world_expect(w, 0, "model       net2", "info net.arch");
    assert_int_equal(cache_files(), 3);
    write_text("cut.sh",
               "for f in cache/archc/*; do head -c 5000 $f >t; cat t >$f; done\n");
    assert_int_equal(program_run("/bin/sh cut.sh", w->out, w->err), 0);
    world_expect(w, 0, "model       net2", "info net.arch");
    assert_non_null(strstr(w->err, "fake archc runs"));
    assert_int_equal(cache_files(), 3);
}

/* Somebody at a terminal is told what he waits for. */
static void check_patience(void **state)
{
    World *w = *state;
    char line[4000];
    Program p;
    write_text("slow.arch", "slow");
    snprintf(line, sizeof line, "%s info slow.arch", w->archrun);
    assert_true(program_start(&p, line));
    const bool said = program_says(&p, "archrun: compiling slow.arch, this once", 60);
    assert_int_equal(program_stop(&p, 0), 0);
    assert_true(said);
    world_expect(w, 0, "model       slow", "info slow.arch");
    assert_string_equal(w->err, "");
}

static void check_toolchain(void **state)
{
    World *w = *state;
    write_text("broken.arch", "broken");
    world_expect(w, 1, "broken.arch:1:1: error: unknown layer 'broken'",
                 "info broken.arch");
    write_text("crash.arch", "crash");
    world_expect(w, 3, "failed on crash.arch (exit 134)", "info crash.arch");
    write_text("two.arch", "one two");
    world_expect(w, 2, "choose one by --model", "info two.arch");
    world_expect(w, 2, "has no model 'three'", "info two.arch --model three");
    world_expect(w, 0, "model       two", "info two.arch --model two");
    world_expect(w, 3, "cannot read none.arch", "info none.arch");
    write_text("new.arch", "new");
    setenv("CC", "no-such-compiler", 1);
    world_expect(w, 3, "no C compiler ('no-such-compiler'", "info new.arch");
    setenv("CC", "/bin/false", 1);
    world_expect(w, 3, "the C compiler /bin/false failed", "info new.arch");
    unsetenv("CC");
    setenv("ARCHC", "/nowhere/archc", 1);
    world_expect(w, 3, "which is no program", "info new.arch");
    setenv("ARCHC", w->archc, 1);
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1); /* no cache: still it works */
    world_expect(w, 0, "model       new", "info new.arch");
    setenv("XDG_CACHE_HOME", "", 1);
    setenv("HOME", "", 1);
    world_expect(w, 0, "model       new", "info new.arch");
}

int main(int argc, char **argv)
{
    static World w;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(check_bad_weights, &w),
        cmocka_unit_test_prestate(check_bad_data, &w),
        cmocka_unit_test_prestate(check_nothing_lost, &w),
        cmocka_unit_test_prestate(check_outputs_apart, &w),
        cmocka_unit_test_prestate(check_bad_models, &w),
        cmocka_unit_test_prestate(check_cache, &w),
        cmocka_unit_test_prestate(check_patience, &w),
        cmocka_unit_test_prestate(check_toolchain, &w)};
    if (!world_begin(&w, argc, argv))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return world_end(&w) ? failed : 1;
}
