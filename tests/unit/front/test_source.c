/* Source texts: what is refused, where lines are, and how a diagnostic quotes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/diag.h"

static const Source *text(const char *s, Arena *a)
{
    const char *why = NULL;
    const Source *source = source_from("t.arch", s, strlen(s), a, &why);
    assert_non_null(source);
    return source;
}

static const char *refusal(const char *s, size_t n, Arena *a)
{
    const char *why = NULL;
    assert_null(source_from("t.arch", s, n, a, &why));
    assert_non_null(why);
    return why;
}

static void binary_is_refused(void **state)
{
    (void)state;
    Arena *a = arena_new();
    assert_non_null(strstr(refusal("ab\0c", 4, a), "byte 2 is 0x00"));
    assert_non_null(strstr(refusal("ab\033[1m", 6, a), "byte 2 is 0x1B"));
    assert_non_null(strstr(refusal("Schr\366der", 8, a), "not UTF-8"));
    assert_non_null(strstr(refusal("x\303", 2, a), "not UTF-8"));
    assert_non_null(strstr(refusal("\300\200", 2, a), "not UTF-8")); /* overlong zero */
    char *huge = arena_alloc(a, SOURCE_BYTES_MAX + 1);
    memset(huge, ' ', SOURCE_BYTES_MAX + 1);
    assert_non_null(strstr(refusal(huge, SOURCE_BYTES_MAX + 1, a), "larger than"));
    const char *why;
    assert_non_null(source_from("t", huge, SOURCE_BYTES_MAX, a, &why));
    assert_null(source_read("/", a, &why));
    assert_null(source_read("/dev/zero", a, &why));
    arena_free(a);
}

static void positions_count_lines_from_one(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const Source *s = text("ab\n\ncde\r\nf", a);
    static const struct {
        uint32_t offset, line, column;
    } at[] = {
        {0,  1, 1},
        {2,  1, 3},
        {3,  2, 1},
        {4,  3, 1},
        {6,  3, 3},
        {9,  4, 1},
        {10, 4, 2}
    };
    for (size_t i = 0; i < countof(at); i++) {
        Position p = source_position(s, at[i].offset);
        assert_int_equal(p.line, at[i].line);
        assert_int_equal(p.column, at[i].column);
    }
    Span line = source_line(s, 3);
    assert_int_equal(line.from, 4);
    assert_int_equal(line.to, 7); /* without the \r */
    arena_free(a);
}

static const char *printed(const Diag *d, bool color, Arena *a)
{
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    diag_print(d, f, color);
    fclose(f);
    const char *copy = arena_strdup(a, out);
    free(out);
    return copy;
}

static void messages_are_sorted_and_notes_stay(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Diag *d = diag_new(text("one two\nthree\n", a), a);
    diag_error(d, (Span){8, 13}, "second");
    diag_note(d, (Span){4, 7}, "note of it");
    diag_hint(d, "a hint");
    diag_warning(d, (Span){0, 3}, "first");
    diag_warning(d, (Span){0, 3}, "first again");
    assert_int_equal(diag_errors(d), 1);
    assert_string_equal(printed(d, false, a), "t.arch:1:1: warning: first\n"
                                              "    1 | one two\n"
                                              "      | ^~~\n"
                                              "t.arch:1:1: warning: first again\n"
                                              "    1 | one two\n"
                                              "      | ^~~\n"
                                              "t.arch:2:1: error: second\n"
                                              "    2 | three\n"
                                              "      | ^~~~~\n"
                                              "t.arch:1:5: note: note of it\n"
                                              "    1 | one two\n"
                                              "      |     ^~~\n"
                                              "hint: a hint\n");
    assert_non_null(strstr(printed(d, true, a), "\033[1;31merror:\033[0m"));
    arena_free(a);
}

/* Whatever a span covers: several lines, nothing, the end of the text. */
static void any_span_can_be_printed(void **state)
{
    (void)state;
    Arena *a = arena_new();
    char line[401];
    for (int i = 0; i < 400; i++)
        line[i] = i % 7 == 3 ? '\t' : i % 50 == 49 ? '\n' : 'x';
    memset(line + 200, 'y', 190);
    memcpy(line + 300, "\303\227\303\227\303\227", 6);
    line[400] = '\0';
    const Source *s = text(line, a);
    for (uint32_t from = 0; from <= 400; from++)
        for (uint32_t to = from; to <= 400; to += 37) {
            Arena *scratch = arena_new();
            Diag *d = diag_new(s, scratch);
            diag_error(d, (Span){from, to}, "here");
            const char *out = printed(d, false, scratch);
            assert_non_null(strchr(out, '^'));
            assert_true(strlen(out) < 400);
            arena_free(scratch);
        }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binary_is_refused),
        cmocka_unit_test(positions_count_lines_from_one),
        cmocka_unit_test(messages_are_sorted_and_notes_stay),
        cmocka_unit_test(any_span_can_be_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
