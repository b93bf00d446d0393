/* The whole chain with the real archc: a .arch of the papers in, trained weights and
 * predictions out, the same bytes for any number of threads.  argv: archrun, the folder of
 * the networks.  Works in a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "archrt/dataset.h"
#include "program.h"
#include "train_data.h"

typedef struct World {
    const char *archrun, *archs; /* of the command line */
    char out[SAID_MAX], err[SAID_MAX];
} World;

/* archrun COMMAND ARCHS/NET.arch REST */
static void expect(World *w, int code, const char *text, const char *command,
                   const char *net_and_rest)
{
    char line[4000];
    snprintf(line, sizeof line, "%s %s %s/%s", w->archrun, command, w->archs,
             net_and_rest);
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

/* Batches of 100, a rest, and two lattices; instances and shards over the threads. */
static void check_threads(void **state)
{
    World *w = *state;
    static char one[SAID_MAX], other[SAID_MAX];
    static const char *const net[] = {"eq3", "st2"};
    static const int threads[] = {1, 2, 3, 8};
    for (int i = 0; i < 2; i++) {
        size_t n = 0;
        for (int j = 0; j < 4; j++) {
            char words[300], name[40];
            snprintf(name, sizeof name, "%s.%d.safetensors", net[i], threads[j]);
            snprintf(
                words, sizeof words,
                "task3/%s.arch --data a.h5,b.h5 --instances 3 --epochs 2 --threads %d "
                "-o %s",
                net[i], threads[j], name);
            expect(w, 0, "best epoch", "train", words);
            if (j == 0)
                n = read_bytes(name, one);
            assert_true(n > 1000);
            assert_int_equal(read_bytes(name, other), n);
            assert_memory_equal(one, other, n);
        }
    }
}

static void check_use(void **state)
{
    World *w = *state;
    expect(w, 0, "\"lattice\": [9, 7]", "eval",
           "task3/eq3.arch --weights eq3.1.safetensors --data a.h5,b.h5 --json");
    expect(w, 0, "", "predict",
           "task3/eq3.arch --weights eq3.1.safetensors --data a.h5 -o y.h5");
    expect(w, 2, "weights of another network", "eval",
           "task3/eq2.arch --weights eq3.1.safetensors --data a.h5");
    expect(w, 2, "works on 8x8 only, not on 9x7", "train",
           "task3/fl1.arch --data b.h5 -o fl.safetensors");
    expect(w, 0, "best epoch", "train",
           "task3/fl1.arch --data a.h5 --epochs 1 --precision f64 -o fl.safetensors");
    expect(w, 2, "use --precision f64", "eval",
           "task3/fl1.arch --weights fl.safetensors --data a.h5");
    expect(w, 2, "labels a sample", "train",
           "task1/eq.arch --data a.h5 -o t.safetensors");
    expect(w, 2, "needs labels from 0 to 1", "train",
           "task2/st.arch --data a.h5 -o t.safetensors");
    expect(w, 2, "a pool would leave no site", "bench",
           "task3/st2.arch --lattice 1x1 --bursts 1");
}

int main(int argc, char **argv)
{
    static World w;
    char folder[] = "run_chain.XXXXXX", cache[4096], line[5000];
    if (argc != 3 || !mkdtemp(folder) || chdir(folder) != 0 ||
        !getcwd(cache, sizeof cache - 10))
        return 2;
    w = (World){.archrun = argv[1], .archs = argv[2]};
    snprintf(line, sizeof line, "/bin/rm -rf %s", cache);
    strcat(cache, "/cache");
    setenv("XDG_CACHE_HOME", cache, 1);
    unsetenv("ARCHC");
    write_data("a.h5", 240, 8, 8);
    write_data("b.h5", 130, 9, 7);
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(check_threads, &w),
                                       cmocka_unit_test_prestate(check_use, &w)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return chdir("..") == 0 && program_run(line, w.out, w.err) == 0 ? failed : 1;
}
