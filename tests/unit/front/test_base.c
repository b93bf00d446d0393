/* Strings, names, suggestions and output files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/intern.h"
#include "base/nearest.h"
#include "base/output.h"

static void buf_grows(void **state)
{
    (void)state;
    Arena *a = arena_new();
    TextBuf b = buf_in(a);
    assert_string_equal(b.data, "");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i % 10);
    buf_fill(&b, '-', 500);
    buf_add(&b, "end", 3);
    assert_int_equal(b.size, 2503);
    assert_int_equal(strlen(b.data), 2503);
    assert_memory_equal(b.data + 1998, "9,--", 4);
    assert_string_equal(b.data + 2500, "end");
    arena_free(a);
}

static void names_are_numbered_as_seen(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Names *names = names_new(a);
    char word[16];
    for (uint32_t i = 0; i < 5000; i++) {
        int n = snprintf(word, sizeof word, "n%u", i);
        assert_int_equal(name_of(names, word, (size_t)n).id, i);
    }
    assert_int_equal(name_of(names, "n4321xyz", 5).id, 4321);
    assert_string_equal(name_of(names, "n17", 3).text, "n17");
    assert_int_equal(names_count(names), 5000);
    arena_free(a);
}

static void nearest_is_a_slip_away(void **state)
{
    (void)state;
    static const char *const word[] = {"Conv", "Linear", "LeakyReLU", "pad"};
    assert_string_equal(nearest_word("Conf", word, 4), "Conv");
    assert_string_equal(nearest_word("Cnov", word, 4), "Conv");
    assert_string_equal(nearest_word("leakyrelu", word, 4), "LeakyReLU");
    assert_string_equal(nearest_word("LeakyRleU", word, 4), "LeakyReLU");
    assert_string_equal(nearest_word("padding", word, 4), "pad");
    assert_null(nearest_word("Attention", word, 4));
    assert_null(nearest_word("Softmax", word, 4));
    assert_null(nearest_word("ConvConvConvConvConvConvConvConvConvConv", word, 0));
}

static int files_in(const char *directory)
{
    DIR *d = opendir(directory);
    assert_non_null(d);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return n;
}

static void read_back(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    text[fread(text, 1, size - 1, f)] = '\0';
    fclose(f);
}

static void output_is_whole_or_nothing(void **state)
{
    (void)state;
    char directory[] = "/tmp/archc_output_XXXXXX", text[16];
    assert_non_null(mkdtemp(directory));
    Arena *a = arena_new();
    const char *why = NULL, *deep = arena_printf(a, "%s/a/b", directory);
    Output good[] = {
        {"x.c", "one", 3},
        {"x.h", "two", 3}
    };
    assert_true(output_write(deep, good, 2, a, &why));
    assert_int_equal(files_in(deep), 2);

    /* The second cannot be written: the first stays as it was, and nothing else is
     * left. */
    Output bad[] = {
        {"x.c",           "new", 3},
        {"no/such/place", "two", 3}
    };
    assert_false(output_write(deep, bad, 2, a, &why));
    assert_non_null(strstr(why, "No such file"));
    assert_int_equal(files_in(deep), 2);
    read_back(arena_printf(a, "%s/x.c", deep), text, sizeof text);
    assert_string_equal(text, "one");

    assert_false(output_write(arena_printf(a, "%s/x.c", deep), good, 2, a, &why));
    unlink(arena_printf(a, "%s/x.c", deep));
    unlink(arena_printf(a, "%s/x.h", deep));
    rmdir(deep);
    rmdir(arena_printf(a, "%s/a", directory));
    assert_int_equal(rmdir(directory), 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_grows),
        cmocka_unit_test(names_are_numbered_as_seen),
        cmocka_unit_test(nearest_is_a_slip_away),
        cmocka_unit_test(output_is_whole_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
