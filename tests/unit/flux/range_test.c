/* Ranges on the command line: exact decimals, the end included, nonsense refused. */
#include "cli_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static CliDoubles mu;
static CliInts worms;

static bool parse(const char *option, const char *text, ArchError *e)
{
    const CliOption table[] = {
        {.name = "mu",     .kind = CLI_DOUBLES, .value = &mu},
        { .name = "worms", .kind = CLI_INTS,            .value = &worms,   .min = 0, .max = 100},
    };
    const CliCommand command = {
        .name = "test", .args = "", .option = table, .options = 2};
    char name[16], value[200], *argv[] = {name, value};
    Cli cli;
    snprintf(name, sizeof name, "--%s", option);
    snprintf(value, sizeof value, "%s", text);
    return cli_parse(&command, 2, argv, &cli, e);
}

/* Every entry is the double its own decimals are. */
static void entries_are_those_one_would_type(void **state)
{
    (void)state;
    ArchError e;
    assert_true(parse("mu", "0.91:1.05:0.005", &e));
    assert_int_equal(mu.n, 29);
    for (int i = 0; i < 29; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d.%03d", (910 + 5 * i) / 1000,
                 (910 + 5 * i) % 1000);
        assert_true(mu.v[i] == strtod(text, NULL));
    }
    assert_true(parse("mu", "4.0:4.2:0.1", &e));
    assert_int_equal(mu.n, 3);
    assert_true(mu.v[0] == 4 && mu.v[1] == 4.1 && mu.v[2] == 4.2);
}

static void ranges_mix_with_numbers_and_go_either_way(void **state)
{
    (void)state;
    ArchError e;
    assert_true(parse("mu", "7,0.2:-0.1:-0.1,1e-3,5:5:1", &e));
    const double expected[] = {7, 0.2, 0.1, 0, -0.1, 1e-3, 5};
    assert_int_equal(mu.n, 7);
    for (int i = 0; i < 7; i++)
        assert_true(mu.v[i] == expected[i]);
    assert_true(parse("worms", "0:10", &e));
    assert_int_equal(worms.n, 11);
    assert_int_equal(worms.v[10], 10);
    assert_true(parse("worms", "90:100:5,1", &e));
    assert_int_equal(worms.n, 4);
    assert_int_equal(worms.v[1], 95);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *option, *text, *part;
    } bad[] = {
        {"mu",    "0:1",                    "'0:1' is no range FIRST:LAST:STEP"         },
        {"mu",    "0:1:0.1:2",              "no range"                                  },
        {"mu",    ":1:0.1",                 "no range"                                  },
        {"mu",    "0:1:",                   "no range"                                  },
        {"mu",    "0:1:nan",                "no range"                                  },
        {"mu",    "0:inf:1",                "no range"                                  },
        {"mu",    "a:b:c",                  "no range"                                  },
        {"mu",    "0:1:1e-1",               "no range"                                  },
        {"mu",    "0:1.0.0:1",              "no range"                                  },
        {"mu",    "0:-:1",                  "no range"                                  },
        {"mu",    "0:1:0.1234567890123456", "no range"                                  },
        {"mu",    "0:99999999999:0.00001",  "no range"                                  },
        {"mu",    "0:1:0",                  "steps of 0 from 0 never meet 1"            },
        {"mu",    "0:1:0.3",                "steps of 0.3 from 0 never meet 1"          },
        {"mu",    "0:1:-0.5",               "never meet 1"                              },
        {"mu",    "0:1:0.001",              "makes 1001 entries, a list has at most 256"},
        {"mu",    "1,0:255:1",              "makes 256 entries"                         },
        {"worms", "0:1:0.5",                "of integers"                               },
        {"worms", "0:101",                  "must be 0 to 100"                          },
        {"worms", "-1:1",                   "must be 0 to 100"                          },
        {"worms", "5:0",                    "never meet 0"                              },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ArchError e = {0};
        if (parse(bad[i].option, bad[i].text, &e))
            fail_msg("%s was taken", bad[i].text);
        assert_int_equal(e.code, ARCH_EXIT_USAGE);
        if (strstr(e.text, bad[i].part) == NULL)
            fail_msg("'%s' is not in: %s", bad[i].part, e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_those_one_would_type),
        cmocka_unit_test(ranges_mix_with_numbers_and_go_either_way),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
