/* Command lines: values, ranges, lists, and what is said about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli.h"

typedef struct Values {
    int64_t n;
    double x;
    CliInts ints;
    CliLattices lattices;
    bool flag;
    const char *out;
    int word;
} Values;

static const char *const words[] = {"one", "two", NULL};

/* Parses the words of `text`, which are separated by spaces. */
static bool parse(Values *v, const char *text, Cli *cli, ArchError *e)
{
    static char room[600]; /* lists and texts point into it */
    char *argv[40];
    int argc = 0;
    const CliOption option[] = {
        {"samples", 0,   CLI_INT,      &v->n,        1, 100,  NULL,  NULL, "", false},
        {"eta",     0,   CLI_DOUBLE,   &v->x,        0, 0,    NULL,  NULL, "", false},
        {"worms",   0,   CLI_INTS,     &v->ints,     0, 10,   NULL,  NULL, "", false},
        {"lattice", 0,   CLI_LATTICES, &v->lattices, 2, 1000, NULL,  NULL, "", false},
        {"json",    0,   CLI_FLAG,     &v->flag,     0, 0,    NULL,  NULL, "", false},
        {"output",  'o', CLI_TEXT,     &v->out,      0, 0,    NULL,  NULL, "", true },
        {"word",    0,   CLI_CHOICE,   &v->word,     0, 0,    words, NULL, "", false},
    };
    const CliCommand c = {.name = "test",
                          .args = "FILE",
                          .summary = "",
                          .most = 1,
                          .option = option,
                          .options = 7};
    strcpy(room, text);
    for (char *rest = room, *w; (w = strtok_r(rest, " ", &rest));)
        argv[argc++] = w;
    *v = (Values){0};
    return cli_parse(&c, argc, argv, cli, e);
}

static void check_values(void **state)
{
    Values v;
    Cli cli;
    ArchError e = {0};
    (void)state;
    assert_true(parse(&v, "--samples=7 file --eta -4.25 -o y.h5 --worms 0,5,10 --json",
                      &cli, &e));
    assert_int_equal(v.n, 7);
    assert_true(v.x == -4.25 && v.flag);
    assert_int_equal(v.ints.n, 3);
    assert_int_equal(v.ints.v[2], 10);
    assert_string_equal(v.out, "y.h5");
    assert_int_equal(cli.args, 1);
    assert_string_equal(cli.arg[0], "file");
    assert_true(parse(&v,
                      "-o a --lattice 60x4,8\xc3\x97"
                      "8,5 --word two",
                      &cli, &e));
    assert_int_equal(v.lattices.n, 3);
    assert_int_equal(v.lattices.v[0].extent[0], 60);
    assert_int_equal(v.lattices.v[1].extent[1], 8);
    assert_int_equal(v.lattices.v[2].rank, 1);
    assert_int_equal(v.word, 1);
}

/* Command line, and a piece of what must be said about it. */
static void check_errors(void **state)
{
    static const char *const wrong[][2] = {
        {"-o a --sampels 3",                    "did you mean --samples?"          },
        {"-o a --zzzzzzzzz 3",                  "--help lists them"                },
        {"-o a -q",                             "unknown option '-q'"              },
        {"-o a --samples",                      "--samples needs a value"          },
        {"-o a --samples 3x",                   "'3x' is not an integer"           },
        {"-o a --samples 0",                    "must be 1 to 100"                 },
        {"-o a --samples 99999999999999999999", "not an integer of at most 64 bits"},
        {"-o a --eta nan",                      "not a finite number"              },
        {"-o a --eta 1e999",                    "not a finite number"              },
        {"-o a --worms 1,,2",                   "'' is not an integer"             },
        {"-o a --worms 1,11",                   "must be 0 to 10"                  },
        {"-o a --lattice 8x",                   "is not a lattice"                 },
        {"-o a --lattice 8xx8",                 "is not a lattice"                 },
        {"-o a --lattice -8x8",                 "is not a lattice"                 },
        {"-o a --lattice 8x8x8x8x8",            "is not a lattice"                 },
        {"-o a --lattice 8x1",                  "must be 2 to 1000"                },
        {"-o a --lattice 1000x1000x1000x1000",  "2^31 sites"                       },
        {"-o a --json=1",                       "takes no value"                   },
        {"-o a --word three",                   "not one of one, two"              },
        {"-o a -o b",                           "given twice"                      },
        {"--json",                              "--output is missing"              },
        {"-o a file another",                   "unexpected argument 'another'"    },
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Values v;
        Cli cli;
        ArchError e = {0};
        assert_false(parse(&v, wrong[i][0], &cli, &e));
        assert_int_equal(e.code, ARCH_EXIT_USAGE);
        if (!strstr(e.text, wrong[i][1]))
            fail_msg("%s: said '%s', not '%s'", wrong[i][0], e.text, wrong[i][1]);
    }
}

static void check_nearest(void **state)
{
    static const char *const name[] = {"train", "eval", "predict", "bench"};
    (void)state;
    assert_string_equal(cli_nearest("trian", name, 4), "train");
    assert_string_equal(cli_nearest("predikt", name, 4), "predict");
    assert_null(cli_nearest("xyzzy", name, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_values),
                                       cmocka_unit_test(check_errors),
                                       cmocka_unit_test(check_nearest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
