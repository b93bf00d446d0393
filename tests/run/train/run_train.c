/* archrun train, eval, predict, bench, info and plot, as a user runs them: what they say and
 * write.  argv: archrun, a stand-in for archc, the folder of the hand-written networks. */
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

static void check_commands(void **state)
{
    World *w = *state;
    assert_int_equal(world_run(w, ""), 2);
    assert_non_null(strstr(w->err, "usage: archrun"));
    world_expect(w, 2, "did you mean train?", "trian");
    world_expect(w, 0, "usage: archrun COMMAND", "--help");
    static const char *const name[] = {"train", "eval", "predict",
                                       "bench", "info", "plot"};
    for (int i = 0; i < 6; i++) {
        char words[40];
        snprintf(words, sizeof words, "%s --help", name[i]);
        world_expect(w, 0, "examples:", words);
        snprintf(words, sizeof words, "%s --jsn x", name[i]);
        world_expect(w, 2, "unknown option", words);
    }
}

/* The whole way with one file of weights, and the same bytes for any number of threads. */
static void check_train(void **state)
{
    World *w = *state;
    static char one[SAID_MAX], other[SAID_MAX];
    static const char *const threads[] = {"2", "3", "8"};
    world_expect(w, 0, "best epoch",
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
        world_expect(w, 0, "best epoch", words);
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
    world_expect(w, 0, "best epoch", LONG "--threads 1 -o whole.safetensors");
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
    world_expect(w, 2, "is of another training (lr=0.01 there",
                 LONG "--lr 1 -o stopped.safetensors");
    world_expect(w, 0, "best epoch", LONG "-o stopped.safetensors");
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
    world_expect(
        w, 0,
        "{\"instance\": 0, \"lattice\": [3, 5], \"eta\": null, \"lambda\": null, "
        "\"mu\": null, \"worms\": null, \"samples\": 150, \"loss\": ",
        "eval @/tiny.so --weights w.safetensors --data a.h5,b.h5 --json");
    assert_non_null(strstr(w->out, "\"accuracy\": null, \"total\": true}\n"));
    world_expect(w, 0, "lattice", "eval @/tiny.so --weights w.safetensors --data a.h5");
    world_expect(w, 0, "", "eval @/tiny64.so --weights w.safetensors --data a.h5");
}

static void check_predict(void **state)
{
    World *w = *state;
    hsize_t dim[3] = {0};
    world_expect(w, 0, "",
                 "predict @/tiny.so --weights w.safetensors --data a.h5 -o y.h5");
    hid_t f = H5Fopen("y.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t y = H5Dopen2(f, "/y", H5P_DEFAULT), s = H5Dget_space(y);
    assert_int_equal(H5Sget_simple_extent_ndims(s), 3);
    H5Sget_simple_extent_dims(s, dim, NULL);
    assert_true(dim[0] == 2 && dim[1] == 150 && dim[2] == 1);
    H5Sclose(s);
    H5Dclose(y);
    H5Fclose(f);
    world_expect(w, 0, "",
                 "predict @/tiny.so --weights w.safetensors --data a.h5,b.h5 -o z.h5");
    f = H5Fopen("z.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(H5Lexists(f, "4x4", H5P_DEFAULT) > 0 &&
                H5Lexists(f, "3x5", H5P_DEFAULT) > 0);
    H5Fclose(f);
}

static void check_bench(void **state)
{
    World *w = *state;
    world_expect(w, 0, "\"kind\": \"forward\"",
                 "bench @/tiny.so --lattice 4x4 --batch 1,20 --bursts 2 --json");
    assert_non_null(strstr(w->out,
                           "{\"model\": \"tiny\", \"lattice\": [4, 4], \"batch\": 20, "
                           "\"threads\": 1, \"kind\": \"step\", \"us_per_sample\": "));
    world_expect(w, 0, "note: skipped",
                 "bench @/tiny.so --lattice 1x1,4x4 --bursts 1 --batch 1");
    world_expect(w, 0, "8x8",
                 "bench @/tiny_fixed.so --bursts 1 --batch 1 --isa plain --threads 2");
    world_expect(w, 2, "--lattice is missing", "bench @/tiny.so");
    world_expect(w, 2, "must be 1 to", "bench @/tiny.so --lattice 8x8 --batch 0");
}

static void check_info_and_plot(void **state)
{
    World *w = *state;
    world_expect(w, 0, "2x1x4", "info w.safetensors");
    world_expect(w, 0, "\"shape\": [2, 1, 4]", "info w.safetensors --json");
    world_expect(w, 0, "parameters  5", "info @/tiny.so");
    world_expect(w, 0, "\"parameters\": 5", "info @/tiny.so --json");
    world_expect(w, 2, "ends in none of", "info said.out");
    world_expect(w, 3, "cannot read none.safetensors", "info none.safetensors");
    assert_int_equal(
        world_run(w, "eval @/tiny.so --weights w.safetensors --data a.h5,b.h5 --json"),
        0);
    write_text("eval.jsonl", w->out);
    world_expect(w, 0, "", "plot accuracy eval.jsonl -o loss.png");
    assert_true(exists("loss.gp") && exists("loss.dat"));
    write_text("wrong.jsonl", "{\"instance\": 1}\n");
    world_expect(w, 3, "line 1 is no output", "plot accuracy wrong.jsonl -o x.png");
    world_expect(w, 2, "unknown plot 'speed'", "plot speed eval.jsonl -o x.png");
    setenv("PATH", "/nowhere", 1);
    world_expect(w, 0, "no gnuplot here", "plot accuracy eval.jsonl -o again.png");
    setenv("PATH", "/usr/bin:/bin", 1);
    assert_true(exists("again.gp") && !exists("again.png") && !exists("x.gp"));
}

int main(int argc, char **argv)
{
    static World w;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(check_commands, &w),
        cmocka_unit_test_prestate(check_train, &w),
        cmocka_unit_test_prestate(check_stop_and_resume, &w),
        cmocka_unit_test_prestate(check_eval, &w),
        cmocka_unit_test_prestate(check_predict, &w),
        cmocka_unit_test_prestate(check_bench, &w),
        cmocka_unit_test_prestate(check_info_and_plot, &w)};
    if (!world_begin(&w, argc, argv))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return world_end(&w) ? failed : 1;
}
