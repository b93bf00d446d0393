/* archrun train, eval, predict, bench, info and plot, as a user runs them: what they say and
 * write, and every kind of bad input.  argv: archrun, the fake archc, the folder with the
 * hand-written networks.  Works in a folder of its own. */
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

#include "archrt/dataset.h"
#include "program.h"
#include "train_data.h"

typedef struct World {
    const char *archrun, *archc, *tiny; /* of the command line */
    char out[SAID_MAX], err[SAID_MAX];
} World;

/* Runs archrun with these words; @ stands for the folder of the networks. */
static int run(World *w, const char *words)
{
    char line[4000], *to = line + sprintf(line, "%s ", w->archrun);
    for (; *words; words++)
        to += *words == '@' ? sprintf(to, "%s", w->tiny) : sprintf(to, "%c", *words);
    return program_run(line, w->out, w->err);
}

/* Runs and expects this exit code and this piece of what is said (on either stream). */
static void expect(World *w, int code, const char *text, const char *words)
{
    int found = run(w, words);
    if (found != code || (!strstr(w->err, text) && !strstr(w->out, text)))
        fail_msg("%s: exit %d, not %d; said:\n%s%s\nnot '%s'", words, found, code,
                 w->out, w->err, text);
    if (code && strstr(w->err, "archrun: error: ") == NULL)
        fail_msg("%s: no 'archrun: error:' in\n%s", words, w->err);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static size_t read_bytes(const char *path, char *to)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(to, 1, SAID_MAX, f) : 0;
    if (f)
        fclose(f);
    return n;
}

static bool exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}

static void write_data(const char *path, int64_t samples, int t, int x)
{
    Dataset d = {.groups = 1, .group = malloc(sizeof(DatasetGroup))};
    ArchError e = {0};
    d.group[0] = make_group(samples, t, x, (uint32_t)samples);
    if (!dataset_write(&d, path, &e))
        fail_msg("%s", e.text);
    dataset_release(&d);
}

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

static void check_commands(void **state)
{
    World *w = *state;
    assert_int_equal(run(w, ""), 2);
    assert_non_null(strstr(w->err, "usage: archrun"));
    expect(w, 2, "did you mean train?", "trian");
    expect(w, 0, "usage: archrun COMMAND", "--help");
    static const char *const name[] = {"train", "eval", "predict",
                                       "bench", "info", "plot"};
    for (int i = 0; i < 6; i++) {
        char words[40];
        snprintf(words, sizeof words, "%s --help", name[i]);
        expect(w, 0, "examples:", words);
        snprintf(words, sizeof words, "%s --jsn x", name[i]);
        expect(w, 2, "unknown option", words);
    }
}

/* The whole way with one file of weights, and the same bytes for any number of threads. */
static void check_train(void **state)
{
    World *w = *state;
    static char one[SAID_MAX], other[SAID_MAX];
    static const char *const threads[] = {"2", "3", "8"};
    expect(w, 0, "best epoch",
           "train @/tiny.so --data a.h5,b.h5 --instances 2 --epochs 5 "
           "--threads 1 -o w.safetensors");
    assert_false(exists("w.checkpoint.safetensors"));
    size_t n = read_bytes("w.safetensors", one);
    for (int i = 0; i < 3; i++) {
        char words[200];
        snprintf(
            words, sizeof words,
            "train @/tiny.so --data a.h5,b.h5 --instances 2 --epochs 5 --threads %s "
            "-o v.safetensors",
            threads[i]);
        expect(w, 0, "best epoch", words);
        assert_int_equal(read_bytes("v.safetensors", other), n);
        assert_memory_equal(one, other, n);
    }
    read_bytes("w.metrics.csv", one);
    assert_memory_equal(one, "epoch,instance,train_loss,validation_loss\n1,0,", 46);
}

#define LONG "train @/tiny.so --data c.h5 --epochs 120 --min-epochs 120 "

/* Stopped by a signal, exit 75; the same command goes on to the bytes of an unbroken run.
 * The signal comes when the process blocks it, which is when the training begins. */
static void check_stop_and_resume(void **state)
{
    World *w = *state;
    static char whole[SAID_MAX], resumed[SAID_MAX];
    char line[4000];
    expect(w, 0, "best epoch", LONG "--threads 1 -o whole.safetensors");
    write_text("stop.sh",
               "$1 train $2/tiny.so --data c.h5 --epochs 120 --min-epochs 120 "
               "-o stopped.safetensors &\n"
               "until grep -q 'SigBlk:.*[1-9a-f]' /proc/$!/status; do\n"
               "    sleep 0.01; done; kill -TERM $!; wait $!\n");
    snprintf(line, sizeof line, "/bin/sh stop.sh %s %s", w->archrun, w->tiny);
    assert_int_equal(program_run(line, w->out, w->err), 75);
    assert_non_null(strstr(w->err, "the same command goes on"));
    assert_true(exists("stopped.checkpoint.safetensors") &&
                !exists("stopped.safetensors"));
    expect(w, 2, "is of another training (lr=0.01 there",
           LONG "--lr 1 -o stopped.safetensors");
    expect(w, 0, "best epoch", LONG "-o stopped.safetensors");
    size_t n = read_bytes("whole.safetensors", whole);
    assert_int_equal(read_bytes("stopped.safetensors", resumed), n);
    assert_memory_equal(whole, resumed, n);
    n = read_bytes("whole.metrics.csv", whole);
    assert_int_equal(read_bytes("stopped.metrics.csv", resumed), n);
    assert_memory_equal(whole, resumed, n);
    assert_false(exists("stopped.checkpoint.safetensors"));
}

static void check_eval(void **state)
{
    World *w = *state;
    expect(w, 0,
           "{\"instance\": 0, \"lattice\": [3, 5], \"eta\": null, \"lambda\": null, "
           "\"mu\": null, \"worms\": null, \"samples\": 150, \"loss\": ",
           "eval @/tiny.so --weights w.safetensors --data a.h5,b.h5 --json");
    assert_non_null(strstr(w->out, "\"accuracy\": null}\n"));
    expect(w, 0, "lattice", "eval @/tiny.so --weights w.safetensors --data a.h5");
    expect(w, 0, "", "eval @/tiny64.so --weights w.safetensors --data a.h5");
}

static void check_predict(void **state)
{
    World *w = *state;
    hsize_t dim[3] = {0};
    expect(w, 0, "", "predict @/tiny.so --weights w.safetensors --data a.h5 -o y.h5");
    hid_t f = H5Fopen("y.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t y = H5Dopen2(f, "/y", H5P_DEFAULT), s = H5Dget_space(y);
    assert_int_equal(H5Sget_simple_extent_ndims(s), 3);
    H5Sget_simple_extent_dims(s, dim, NULL);
    assert_true(dim[0] == 2 && dim[1] == 150 && dim[2] == 1);
    H5Sclose(s);
    H5Dclose(y);
    H5Fclose(f);
    expect(w, 0, "",
           "predict @/tiny.so --weights w.safetensors --data a.h5,b.h5 -o z.h5");
    f = H5Fopen("z.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(H5Lexists(f, "4x4", H5P_DEFAULT) > 0 &&
                H5Lexists(f, "3x5", H5P_DEFAULT) > 0);
    H5Fclose(f);
}

static void check_bench(void **state)
{
    World *w = *state;
    expect(w, 0, "\"kind\": \"forward\"",
           "bench @/tiny.so --lattice 4x4 --batch 1,20 --bursts 2 --json");
    assert_non_null(strstr(w->out,
                           "{\"model\": \"tiny\", \"lattice\": [4, 4], \"batch\": 20, "
                           "\"threads\": 1, \"kind\": \"step\", \"us_per_sample\": "));
    expect(w, 0, "note: skipped",
           "bench @/tiny.so --lattice 1x1,4x4 --bursts 1 --batch 1");
    expect(w, 0, "8x8",
           "bench @/tiny_fixed.so --bursts 1 --batch 1 --isa plain --threads 2");
    expect(w, 2, "--lattice is missing", "bench @/tiny.so");
    expect(w, 2, "must be 1 to", "bench @/tiny.so --lattice 8x8 --batch 0");
}

static void check_info_and_plot(void **state)
{
    World *w = *state;
    expect(w, 0, "2x1x4", "info w.safetensors");
    expect(w, 0, "\"shape\": [2, 1, 4]", "info w.safetensors --json");
    expect(w, 0, "parameters  5", "info @/tiny.so");
    expect(w, 0, "\"parameters\": 5", "info @/tiny.so --json");
    expect(w, 2, "ends in none of", "info said.out");
    expect(w, 3, "cannot read none.safetensors", "info none.safetensors");
    assert_int_equal(
        run(w, "eval @/tiny.so --weights w.safetensors --data a.h5,b.h5 --json"), 0);
    write_text("eval.jsonl", w->out);
    expect(w, 0, "", "plot accuracy eval.jsonl -o loss.png");
    assert_true(exists("loss.gp") && exists("loss.dat"));
    write_text("wrong.jsonl", "{\"instance\": 1}\n");
    expect(w, 3, "line 1 is no output", "plot accuracy wrong.jsonl -o x.png");
    expect(w, 2, "unknown plot 'speed'", "plot speed eval.jsonl -o x.png");
    setenv("PATH", "/nowhere", 1);
    expect(w, 0, "no gnuplot here", "plot accuracy eval.jsonl -o again.png");
    setenv("PATH", "/usr/bin:/bin", 1);
    assert_true(exists("again.gp") && !exists("again.png") && !exists("x.gp"));
}

#define TRAIN "train @/tiny.so --epochs 2 -o bad.safetensors --data "
#define EVAL  "eval @/tiny.so --data a.h5 --weights "

/* Nothing of these may write, or take away, anything. */
static void check_bad_data(void **state)
{
    World *w = *state;
    float x[16 * 20] = {0};
    write_text("foreign.h5", "this is no HDF5 file");
    expect(w, 3, "foreign.h5", TRAIN "foreign.h5");
    expect(w, 3, "none.h5", TRAIN "none.h5");
    expect(w, 3, "none.h5", TRAIN "a.h5,none.h5");
    write_data("short.h5", 150, 4, 4);
    assert_int_equal(truncate("short.h5", 3000), 0);
    expect(w, 3, "short.h5", TRAIN "short.h5");
    write_foreign("ok.h5", x, 20, true);
    expect(w, 0, "", "train @/tiny.so --epochs 2 --data ok.h5 -o ok.safetensors");
    write_foreign("unlabelled.h5", x, 20, false);
    expect(w, 3, "unlabelled.h5", TRAIN "unlabelled.h5");
    x[37] = 0.0f / 0.0f;
    write_foreign("nan.h5", x, 20, true);
    expect(w, 5, "nan.h5", TRAIN "nan.h5");
    expect(w, 2, "works on 8x8 only, not on 4x4",
           "train @/tiny_fixed.so --epochs 2 -o bad.safetensors --data a.h5");
    expect(w, 2, "works on 8x8 only",
           "eval @/tiny_fixed.so --weights w.safetensors --data a.h5");
    assert_false(exists("bad.safetensors") || exists("bad.metrics.csv"));
}

static void check_bad_weights(void **state)
{
    World *w = *state;
    write_text("foreign.safetensors", "neither JSON nor numbers");
    expect(w, 3, "foreign.safetensors is no whole", EVAL "foreign.safetensors");
    expect(w, 3, "none.safetensors", EVAL "none.safetensors");
    expect(w, 0, "", "train @/tiny.so --epochs 1 --data a.h5 -o short.safetensors");
    assert_int_equal(truncate("short.safetensors", 300), 0);
    expect(w, 3, "short.safetensors is no whole", EVAL "short.safetensors");
    static const char other[] = "{\"conv1.weight\":{\"dtype\":\"F32\",\"shape\":[1],"
                                "\"data_offsets\":[0,4]}}";
    FILE *f = fopen("other.safetensors", "wb");
    fprintf(f, "%c%c%c%c%c%c%c%c%s1234", (int)strlen(other), 0, 0, 0, 0, 0, 0, 0,
            other);
    fclose(f);
    expect(w, 2, "weights of another network", EVAL "other.safetensors");
    expect(w, 2, "weights of another network",
           "predict @/tiny.so --data a.h5 --weights other.safetensors -o bad.h5");
    assert_false(exists("bad.h5"));
}

/* A loss that diverges, and outputs that cannot be written: old results stay. */
static void check_nothing_lost(void **state)
{
    World *w = *state;
    char before[100], after[100];
    write_text("old.safetensors", "old weights");
    expect(w, 5, "instance 0 became NaN or infinite in epoch 1",
           "train @/tiny.so --lr 1e38 --data a.h5 -o old.safetensors");
    size_t n = read_bytes("old.safetensors", before);
    assert_memory_equal(before, "old weights", n);
    assert_false(exists("old.metrics.csv"));
    expect(w, 3, "cannot write none/w.safetensors", /* found before all work */
           "train @/tiny.so --data none.h5 -o none/w.safetensors");
    expect(w, 3, "cannot write none/y.h5",
           "predict @/tiny.so --weights w.safetensors --data a.h5 -o none/y.h5");
    mkdir("folder.safetensors", 0700);
    expect(w, 3, "cannot write folder.safetensors",
           "train @/tiny.so --data a.h5 -o folder.safetensors");
    assert_int_equal(read_bytes("old.safetensors", after), n);
}

static void check_bad_models(void **state)
{
    World *w = *state;
    static char whole[SAID_MAX];
    char path[4000];
    write_text("text.so", "no ELF");
    expect(w, 3, "neither a .arch nor a shared object", "info text.so");
    expect(w, 3, "cannot read none.so", "info none.so");
    expect(w, 2, "has no model 'other'", "info @/tiny.so --model other");
    expect(w, 2, "no other --precision", "info @/tiny.so --precision f64");
    snprintf(path, sizeof path, "%s/tiny.so", w->tiny);
    size_t n = read_bytes(path, whole);
    assert_true(n > 2000 && n < SAID_MAX);
    FILE *f = fopen("cut.so", "wb");
    fwrite(whole, 1, n * 2 / 3, f);
    fclose(f);
    expect(w, 3, "cut.so is truncated", "info cut.so");
    f = fopen("renamed.so", "wb");
    fwrite(whole, 1, n, f);
    fclose(f);
    expect(w, 3, "say --model NAME", "info renamed.so");
    expect(w, 0, "parameters", "info renamed.so --model tiny");
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
    expect(w, 0, "model       net", "info net.arch");
    assert_non_null(strstr(w->err, "fake archc runs"));
    assert_int_equal(cache_files(), 1);
    expect(w, 0, "model       net", "info net.arch");
    assert_null(strstr(w->err, "fake archc runs"));
    expect(w, 0, "float64", "info net.arch --precision f64");
    assert_non_null(strstr(w->err, "fake archc runs"));
    write_text("net.arch", "net2");
    expect(w, 0, "model       net2", "info net.arch");
    assert_int_equal(cache_files(), 3);
    assert_int_equal(program_run("/bin/sh cut.sh", w->out, w->err), 0);
    expect(w, 0, "model       net2", "info net.arch");
    assert_non_null(strstr(w->err, "fake archc runs"));
    assert_int_equal(cache_files(), 3);
}

static void check_toolchain(void **state)
{
    World *w = *state;
    write_text("broken.arch", "broken");
    expect(w, 1, "broken.arch:1:1: error: unknown layer 'broken'", "info broken.arch");
    write_text("crash.arch", "crash");
    expect(w, 3, "failed on crash.arch (exit 134)", "info crash.arch");
    write_text("two.arch", "one two");
    expect(w, 2, "choose one by --model", "info two.arch");
    expect(w, 2, "has no model 'three'", "info two.arch --model three");
    expect(w, 0, "model       two", "info two.arch --model two");
    expect(w, 3, "cannot read none.arch", "info none.arch");
    write_text("new.arch", "new");
    setenv("CC", "no-such-compiler", 1);
    expect(w, 3, "no C compiler ('no-such-compiler'", "info new.arch");
    setenv("CC", "/bin/false", 1);
    expect(w, 3, "the C compiler /bin/false failed", "info new.arch");
    unsetenv("CC");
    setenv("ARCHC", "/nowhere/archc", 1);
    expect(w, 3, "which is no program", "info new.arch");
    setenv("ARCHC", w->archc, 1);
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1); /* no cache: still it works */
    expect(w, 0, "model       new", "info new.arch");
    setenv("XDG_CACHE_HOME", "", 1);
    setenv("HOME", "", 1);
    expect(w, 0, "model       new", "info new.arch");
}

/* A folder of its own, with data, a cache and a script that damages the cache. */
static int set_up(void **state)
{
    World *w = *state;
    char folder[] = "run_train.XXXXXX", cache[4096];
    if (!mkdtemp(folder) || chdir(folder) != 0 || !getcwd(cache, sizeof cache - 10))
        return -1;
    strcat(cache, "/cache");
    setenv("XDG_CACHE_HOME", cache, 1);
    setenv("ARCHC", w->archc, 1);
    unsetenv("CC");
    write_data("a.h5", 150, 4, 4);
    write_data("b.h5", 150, 3, 5);
    write_data("c.h5", 8000, 8, 8);
    write_text("cut.sh",
               "for f in cache/archc/*; do head -c 5000 $f >t; cat t >$f; done\n");
    return 0;
}

static int tear_down(void **state)
{
    World *w = *state;
    char here[4096], line[4200];
    if (!getcwd(here, sizeof here) || chdir("..") != 0)
        return -1;
    snprintf(line, sizeof line, "/bin/rm -rf %s", here);
    return program_run(line, w->out, w->err);
}

int main(int argc, char **argv)
{
    static World w;
    if (argc != 4)
        return 2;
    w = (World){.archrun = argv[1], .archc = argv[2], .tiny = argv[3]};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(check_commands, &w),
        cmocka_unit_test_prestate(check_train, &w),
        cmocka_unit_test_prestate(check_stop_and_resume, &w),
        cmocka_unit_test_prestate(check_eval, &w),
        cmocka_unit_test_prestate(check_predict, &w),
        cmocka_unit_test_prestate(check_bench, &w),
        cmocka_unit_test_prestate(check_info_and_plot, &w),
        cmocka_unit_test_prestate(check_bad_data, &w),
        cmocka_unit_test_prestate(check_bad_weights, &w),
        cmocka_unit_test_prestate(check_nothing_lost, &w),
        cmocka_unit_test_prestate(check_bad_models, &w),
        cmocka_unit_test_prestate(check_cache, &w),
        cmocka_unit_test_prestate(check_toolchain, &w)};
    void *state = &w;
    if (set_up(&state) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return tear_down(&state) == 0 ? failed : 1;
}
