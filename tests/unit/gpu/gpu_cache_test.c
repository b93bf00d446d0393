/* The cache of cubins: what is compiled again and what is not; damage; many at once. */
#include "archrt/gpu.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "file.h"

typedef struct Room {
    char folder[40], calls[60];
} Room;

static const GpuSource plain = {.name = "net.cu", .text = "the text"};

static int setup(void **state)
{
    static Room room;
    strcpy(room.folder, "/tmp/gpu_cache.XXXXXX");
    assert_non_null(mkdtemp(room.folder));
    snprintf(room.calls, sizeof room.calls, "%s/calls", room.folder);
    setenv("XDG_CACHE_HOME", room.folder, 1);
    setenv("FAKE_NVRTC_CALLS", room.calls, 1);
    unsetenv("FAKE_NVRTC_VERSION");
    *state = &room;
    return 0;
}

static int teardown(void **state)
{
    const Room *room = *state;
    char line[80];
    snprintf(line, sizeof line, "rm -r %s", room->folder);
    return system(line);
}

/* How many files in the cache match; the last of them in `path` if it is not NULL. */
static int entries(const Room *room, const char *pattern, char *path)
{
    char all[80];
    glob_t found;
    snprintf(all, sizeof all, "%s/archc/%s", room->folder, pattern);
    if (glob(all, 0, NULL, &found) != 0)
        return 0;
    int n = (int)found.gl_pathc;
    if (path)
        snprintf(path, 200, "%s", found.gl_pathv[n - 1]);
    globfree(&found);
    return n;
}

/* Whether the text compiles to what it must be. */
static bool compiles(const GpuSource *s, int arch, int driver, bool *cached)
{
    GpuCompiler *c = NULL;
    GpuCode code = {0};
    ArchError e = {0};
    bool ok = gpu_compiler_open(&c, driver, &e) && gpu_compile(c, s, arch, &code, &e) &&
              code.bytes == strlen(s->text) &&
              memcmp(code.cubin, s->text, code.bytes) == 0 && code.kernels == 1 &&
              gpu_usage(&code, "twice");
    if (!ok)
        fprintf(stderr, "did not compile: %s\n", e.text);
    *cached = code.cached;
    gpu_code_release(&code);
    gpu_compiler_close(c);
    return ok;
}

/* Returns whether it was cached. */
static bool compile(const GpuSource *s, int arch, int driver)
{
    bool cached;
    assert_true(compiles(s, arch, driver, &cached));
    return cached;
}

static int calls(const Room *room)
{
    struct stat s = {0};
    stat(room->calls, &s);
    return (int)s.st_size;
}

static void check_key(void **state)
{
    static const char *const fast = "--use_fast_math";
    const Room *room = *state;
    GpuSource other[] = {plain, plain, plain};
    other[0].text = "another";
    other[1].name = "net2.cu";
    other[2].option = &fast;
    other[2].options = 1;
    assert_false(compile(&plain, 90, 13000));
    assert_true(compile(&plain, 90, 13000));
    assert_int_equal(calls(room), 1);
    for (int i = 0; i < 3; i++) {
        assert_false(compile(&other[i], 90, 13000));
        assert_true(compile(&other[i], 90, 13000));
    }
    assert_int_equal(calls(room), 4);
    assert_false(compile(&plain, 80, 13000));
    assert_false(compile(&plain, 90, 13010));
    setenv("FAKE_NVRTC_VERSION", "12.9", 1);
    assert_false(compile(&plain, 90, 13000));
    assert_int_equal(calls(room), 7);
    unsetenv("FAKE_NVRTC_VERSION");
    assert_true(compile(&plain, 90, 13000));
    assert_int_equal(calls(room), 7);
    assert_int_equal(entries(room, "*.cubin", NULL), 7);
    assert_int_equal(entries(room, "*", NULL), 7);
}

static void rewrite(const char *path, const char *data, size_t size)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, size, out), size);
    fclose(out);
}

/* Made again, in silence, once. */
static void expect_remade(const Room *room)
{
    int before = calls(room);
    assert_false(compile(&plain, 90, 0));
    assert_true(compile(&plain, 90, 0));
    assert_int_equal(calls(room), before + 1);
    assert_int_equal(entries(room, "*.cubin", NULL), 1);
}

/* Every byte matters; so does every length. */
static void check_damage(void **state)
{
    const Room *room = *state;
    char path[200], *whole;
    size_t size;
    ArchError e;
    assert_false(compile(&plain, 90, 0));
    assert_int_equal(entries(room, "*.cubin", path), 1);
    assert_true(file_read(path, &whole, &size, &e));
    for (size_t i = 0; i < size; i += 1 + i % 3) {
        whole[i] ^= 4;
        rewrite(path, whole, size);
        whole[i] ^= 4;
        expect_remade(room);
    }
    for (size_t length = 0; length < size; length += 5) {
        rewrite(path, whole, length);
        expect_remade(room);
    }
    free(whole);
}

/* A whole entry, but of another text. */
static void check_stale(void **state)
{
    const GpuSource other = {.name = "net.cu", .text = "another"};
    const Room *room = *state;
    char path[200], from[200];
    assert_false(compile(&plain, 90, 0));
    assert_int_equal(entries(room, "*.cubin", path), 1);
    strcpy(from, path);
    assert_int_equal(rename(path, strcat(from, ".kept")), 0);
    assert_false(compile(&other, 90, 0));
    assert_int_equal(entries(room, "*.cubin", path), 1);
    assert_int_equal(rename(from, path), 0);
    assert_false(compile(&other, 90, 0));
    assert_true(compile(&other, 90, 0));
}

static void check_no_folder(void **state)
{
    (void)state;
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
    assert_false(compile(&plain, 90, 0));
    assert_false(compile(&plain, 90, 0));
}

/* What does not compile leaves nothing behind. */
static void check_wrong_text(void **state)
{
    const GpuSource wrong = {.name = "net.cu", .text = "wrong"};
    const Room *room = *state;
    GpuCompiler *c;
    GpuCode code;
    ArchError e;
    assert_true(gpu_compiler_open(&c, 0, &e));
    for (int i = 1; i <= 2; i++) {
        assert_false(gpu_compile(c, &wrong, 90, &code, &e));
        gpu_code_release(&code);
        assert_int_equal(calls(room), i);
    }
    gpu_compiler_close(c);
    assert_int_equal(entries(room, "*", NULL), 0);
}

enum { PROCESSES = 8, ROUNDS = 25 };

/* One of several that make the same entries; the first also damages them. */
static bool worker(const Room *room, bool damages)
{
    char path[200];
    bool ok = true, cached;
    for (int i = 0; i < ROUNDS; i++) {
        ok = compiles(&plain, 90, 13000 + i / 5 * 10, &cached) && ok;
        if (damages && entries(room, "*.cubin", path))
            ok = truncate(path, 30) == 0 && ok;
    }
    return ok;
}

/* All get what they asked for, and no draft is left. */
static void check_at_once(void **state)
{
    const Room *room = *state;
    pid_t child[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        child[p] = fork();
        assert_true(child[p] >= 0);
        if (child[p] == 0)
            _exit(worker(room, p == 0) ? 0 : 1);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        assert_int_equal(waitpid(child[p], &status, 0), child[p]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(entries(room, "*", NULL), ROUNDS / 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(check_key, setup, teardown),
        cmocka_unit_test_setup_teardown(check_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(check_stale, setup, teardown),
        cmocka_unit_test_setup_teardown(check_no_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(check_wrong_text, setup, teardown),
        cmocka_unit_test_setup_teardown(check_at_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
