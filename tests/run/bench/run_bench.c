/* archrun bench as a user runs it: its table, JSON, CSV and plot agree with each other, and
 * everything wrong is one line before anything is measured.  No speed is expected.
 * argv: archrun, a word, the folder of the hand-written networks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "world.h"

static const char *const text_key[] = {"model", "precision", "isa", "kind"};
static const char *const number_key[] = {
    "us_per_sample", "samples_per_s", "gflops",       "peak_gflops",
    "share",         "us_median",     "us_low",       "us_high",
    "spread",        "peak_median",   "share_median", "work_bytes"};
static const char *const step_key[] = {"reduce_share", "optimiser_share", "pack_share"};
static const char *const thread_key[] = {"speedup", "peak_speedup"};

#define HEADER                                                                \
    "model,precision,isa,threads,lattice,sites,batch,kind,us_per_sample,"     \
    "samples_per_s,gflops,peak_gflops,share,us_median,us_low,us_high,spread," \
    "peak_median,share_median,speedup,peak_speedup,work_bytes,memory_bytes,"  \
    "reduce_share,optimiser_share,pack_share,bound\n"

enum { FIELDS = 27 };

static double number(json_t *line, const char *key)
{
    json_t *v = json_object_get(line, key);
    if (!json_is_number(v))
        fail_msg("no number '%s'", key);
    return json_number_value(v);
}

static void near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-5 * fabs(b)))
        fail_msg("%.9g is not %.9g", a, b);
}

/* Line number i of a text, as JSON; NULL behind the last. */
static json_t *line_of(const char *text, int i)
{
    for (; i > 0 && *text; i--)
        text += strcspn(text, "\n") + 1;
    return *text ? json_loadb(text, strcspn(text, "\n"), JSON_REJECT_DUPLICATES, NULL)
                 : NULL;
}

static bool is_step(json_t *line)
{
    return strcmp(json_string_value(json_object_get(line, "kind")), "step") == 0;
}

/* Parts of a step are shares below 1, and null where there is no step. */
static void check_parts(json_t *line, int threads)
{
    double sum = 0;
    for (int i = 0; i < 3; i++)
        if (is_step(line))
            sum += number(line, step_key[i]);
        else
            assert_true(json_is_null(json_object_get(line, step_key[i])));
    assert_true(is_step(line) ? sum > 0 && sum < 1 : sum == 0);
    for (int i = 0; i < 2; i++)
        if (threads > 1)
            assert_true(number(line, thread_key[i]) > 0);
        else
            assert_true(json_is_null(json_object_get(line, thread_key[i])));
}

/* What must hold for any machine. */
static void check_line(json_t *line, int threads)
{
    assert_true(json_is_object(line));
    assert_int_equal(json_object_size(line), FIELDS - 1); /* the CSV has sites, too */
    for (int i = 0; i < 4; i++)
        assert_true(json_is_string(json_object_get(line, text_key[i])));
    for (int i = 0; i < 12; i++)
        assert_true(number(line, number_key[i]) >= 0);
    assert_true(number(line, "threads") == threads);
    near(number(line, "samples_per_s") * number(line, "us_per_sample"), 1e6);
    near(number(line, "share"), number(line, "gflops") / number(line, "peak_gflops"));
    near(number(line, "bound"), is_step(line) ? 0.25 : 0.5); /* as tiny says */
    near(number(line, "spread") * number(line, "us_median"),
         number(line, "us_high") - number(line, "us_low"));
    assert_true(number(line, "us_per_sample") <= number(line, "us_low") &&
                number(line, "us_low") <= number(line, "us_median") &&
                number(line, "us_median") <= number(line, "us_high") &&
                number(line, "peak_median") <= number(line, "peak_gflops"));
    check_parts(line, threads);
}

/* tiny has 4 (sites + 2) operations a sample, twice as many in a step. */
static void check_flops(json_t *line)
{
    json_t *lattice = json_object_get(line, "lattice");
    double sites = 1;
    for (size_t i = 0; i < json_array_size(lattice); i++)
        sites *= json_number_value(json_array_get(lattice, i));
    near(number(line, "gflops") * 1e9,
         4 * (sites + 2) * (is_step(line) ? 2 : 1) * number(line, "samples_per_s"));
}

static void check_json(void **state)
{
    World *w = *state;
    json_t *line;
    int n = 0;
    world_expect(w, 0, "peak of multiply-adds",
                 "bench @/tiny.so --lattice 4x4,8x2 --batch 1,20 --bursts 3 --json");
    assert_null(strstr(w->out, "peak of multiply-adds")); /* narration is on stderr */
    for (; (line = line_of(w->out, n)); n++) {
        check_line(line, 1);
        check_flops(line);
        json_decref(line);
    }
    assert_int_equal(n, 8); /* lattices, batches, kinds */
    world_expect(w, 0, "",
                 "bench @/tiny.so --lattice 4x4 --threads 2 --bursts 2 --json");
    for (n = 0; (line = line_of(w->out, n)); n++) {
        check_line(line, 2);
        json_decref(line);
    }
    assert_int_equal(n, 2);
}

/* Field number i of a line of CSV. */
static const char *field(const char *line, int i, char to[64])
{
    for (; i > 0; i--)
        line += strcspn(line, ",\n") + 1;
    snprintf(to, 64, "%.*s", (int)strcspn(line, ",\n"), line);
    return to;
}

static void check_csv_line(const char *line)
{
    char text[64], *end;
    int commas = 0;
    for (const char *s = line; *s != '\n'; s++)
        commas += *s == ',';
    assert_int_equal(commas, FIELDS - 1);
    for (int i = 8; i < FIELDS; i++) {
        strtod(field(line, i, text), &end);
        assert_true(*end == '\0'); /* a number, or empty */
    }
    bool step = strcmp(field(line, 7, text), "step") == 0;
    assert_true(step == (*field(line, FIELDS - 2, text) != '\0'));
    assert_true(*field(line, FIELDS - 1, text) != '\0');
    assert_string_equal(field(line, 19, text), ""); /* one thread: no speedup */
    near(atof(field(line, 8, text)) * atof(field(line, 9, text)), 1e6);
}

static void check_csv(void **state)
{
    World *w = *state;
    static char csv[SAID_MAX];
    char text[64];
    int n = 0;
    world_expect(w, 0, "",
                 "bench @/tiny.so @/tiny_fixed.so --lattice 4x4,8x8 --batch 1 "
                 "--bursts 1 --csv speed.csv");
    csv[read_bytes("speed.csv", csv)] = '\0';
    assert_memory_equal(csv, HEADER, strlen(HEADER));
    for (char *s = csv + strlen(HEADER); *s; s += strcspn(s, "\n") + 1, n++) {
        check_csv_line(s);
        assert_string_equal(field(s, 0, text), n < 4 ? "tiny" : "tiny_fixed");
        assert_string_equal(field(s, 1, text), "float32");
        assert_string_equal(field(s, 4, text), n < 2 ? "4x4" : "8x8");
        assert_string_equal(field(s, 5, text), n < 2 ? "16" : "64");
        assert_string_equal(field(s, 6, text), "1");
        assert_string_equal(field(s, 7, text), n % 2 ? "step" : "forward");
    }
    assert_int_equal(n, 6);
}

static void check_table(void **state)
{
    World *w = *state;
    world_expect(w, 0, "best:", "bench @/tiny.so --lattice 4x4 --bursts 2");
    assert_memory_equal(w->out, "peak of multiply-adds: ", 23);
    assert_non_null(strstr(w->out, "tiny   4x4          128  step    |"));
    assert_null(strstr(w->out, "work memory"));
    assert_null(strstr(w->out, "speedup"));
    /* 5 weights, as many packed, three times as many of the optimiser, three shards of
     * gradients and losses */
    assert_null(strstr(w->out, "with weights"));
    world_expect(
        w, 0,
        "work memory 64 B, with weights, optimiser and gradients 248 B; of the "
        "step: sum of shards ",
        "bench @/tiny.so --lattice 4x4 --batch 100 --bursts 2 --detail");
    assert_non_null(strstr(w->out, "work memory 64 B, with weights 104 B\n"));
    world_expect(
        w, 0, "work memory 64 B a thread, with weights, optimiser and gradients 340 B",
        "bench @/tiny.so --lattice 4x4 --bursts 2 --detail --threads 2");
    assert_non_null(strstr(w->out, "times what one thread does alone"));
    assert_non_null(strstr(w->out, "| speedup  speedup"));
    world_expect(w, 0, "(plain, float64, threads: 1)",
                 "bench @/tiny64.so --lattice 4x4 --bursts 1 --isa plain");
    world_expect(w, 0, "note: skipped, tiny_fixed works on 8x8 only",
                 "bench @/tiny.so @/tiny_fixed.so --lattice 4x4 --bursts 1 --batch 1");
    assert_null(strstr(w->out, "tiny_fixed"));
    world_expect(w, 0, "8x8 ", "bench @/tiny_fixed.so --bursts 1 --batch 1");
    world_expect(w, 0, "float64",
                 "bench @/tiny.so @/tiny64.so --lattice 4x4 --bursts 1");
    assert_non_null(strstr(w->out, "float32"));
}

/* How often `part` stands in `text`. */
static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

static void check_plot(void **state)
{
    World *w = *state;
    static char text[SAID_MAX];
    world_expect(w, 0, "",
                 "bench @/tiny.so @/tiny_fixed.so --lattice 4x4,8x8,8x2,3x6 --batch "
                 "1,3 --bursts 1 --plot s.png");
    assert_true(read_bytes("s.png", text) > 1000 && memcmp(text, "\x89PNG", 4) == 0);
    text[read_bytes("s.gp", text)] = '\0';
    assert_int_equal(count(text, "yerrorlines"), 4 * 4);    /* panels, curves */
    assert_int_equal(count(text, ":10 with lines"), 2 * 4); /* bounds */
    assert_non_null(strstr(text, "\"4x4 8x2\" 16, \"\\n3x6\" 18, \"8x8\" 64"));
    assert_non_null(strstr(text, "set output 's.png'"));
    assert_non_null(strstr(text, "title \"tiny_fixed, batch 3\""));
    text[read_bytes("s.dat", text)] = '\0';
    assert_int_equal(count(text, "\n\n\n# tiny forward\n"), 2);
    assert_int_equal(count(text, "\n\n\n# tiny_fixed step\n8x8 64 "), 2);
    assert_int_equal(count(text, "\n4x4 16 3 "), 2);
    assert_int_equal(count(text, "\n8x2 16 3 "), 2);
    world_expect(w, 0, "",
                 "bench @/tiny.so --lattice 4x4 --batch 1,2,4 --bursts 1 --plot b.svg");
    text[read_bytes("b.gp", text)] = '\0';
    assert_int_equal(count(text, "yerrorlines"), 4 * 1);
    assert_non_null(strstr(text, "samples in a batch, on 4x4"));
    setenv("PATH", "/nowhere", 1);
    world_expect(w, 0, "no gnuplot here",
                 "bench @/tiny.so --lattice 4x4 --bursts 1 --plot c.png");
    setenv("PATH", "/usr/bin:/bin", 1);
    assert_true(exists("c.gp") && exists("c.dat") && !exists("c.png"));
}

typedef struct Wrong {
    int code;
    const char *said, *words;
} Wrong;

static const Wrong wrong[] = {
    {2, "bench: MODEL.. is missing",                      "bench"                                                },
    {2, "bench: --lattice is missing, tiny works on any", "bench @/tiny.so"                                      },
    {2, "--batch: 0 is out of range",                     "bench @/tiny.so --batch 0"                            },
    {2, "--batch: 'x' is not an integer",                 "bench @/tiny.so --batch x"                            },
    {2, "--threads: 0 is out of range",                   "bench @/tiny.so --threads 0"                          },
    {2, "--bursts: 0 is out of range",                    "bench @/tiny.so --bursts 0"                           },
    {2, "'sse' is not one of best, plain",                "bench @/tiny.so --isa sse"                            },
    {2, "'f16' is not one of f32, f64",                   "bench @/tiny.so --precision f16"                      },
    {2, "computes in float32",                            "bench @/tiny.so --precision f64"                      },
    {2, "has no model 'big'",                             "bench @/tiny.so --model big"                          },
    {2, "'0x4' is not a lattice",                         "bench @/tiny.so --lattice 0x4"                        },
    {2, "works on lattices with 2 axes",                  "bench @/tiny.so --lattice 8"                          },
    {2, "tiny_fixed works on 8x8 only",                   "bench @/tiny_fixed.so --lattice 4x4"                  },
    {2, "--detail takes no value",                        "bench @/tiny.so --detail=1"                           },
    {2, "--csv needs a value",                            "bench @/tiny.so --csv"                                },
    {2, "--csv is given twice",                           "bench @/tiny.so --csv a --csv b"                      },
    {2, "ends in none of .png, .svg, .pdf",               "bench @/tiny.so --plot x.gp"                          },
    {2, "--plot writes x.dat, too",                       "bench @/tiny.so --plot x.png --csv x.dat"             },
    {2, "is an input, too",                               "bench @/tiny.so --csv @/tiny.so"                      },
    {2, "GB of memory",                                   "bench @/tiny.so --lattice 40000x40000 --batch 1000000"},
    {3, "cannot write none/x.csv",                        "bench @/tiny.so --csv none/x.csv"                     },
    {3, "cannot write none/x.png",                        "bench @/tiny.so --plot none/x.png"                    },
    {3, "none.so",                                        "bench @/tiny.so none.so --lattice 4x4"                },
    {2, "unexpected argument",                            "bench a b c d e f g h i j k l m n o p q"              },
    {2, "did you mean --batch?",                          "bench @/tiny.so --bach 1"                             },
};

/* One line, its code, nothing measured and no file. */
static void check_wrong(void **state)
{
    World *w = *state;
    write_text("kept.csv", "kept\n");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        world_expect(w, wrong[i].code, wrong[i].said, wrong[i].words);
        if (count(w->err, "\n") != 1 || *w->out)
            fail_msg("%s: said\n%s%s", wrong[i].words, w->out, w->err);
    }
    assert_true(!exists("x.csv") && !exists("x.png") && !exists("x.gp") &&
                !exists("x.dat"));
    world_expect(w, 2, "2 axes", "bench @/tiny.so --lattice 8 --csv kept.csv");
    assert_int_equal(read_bytes("kept.csv", w->out), 5);
}

static void check_help(void **state)
{
    World *w = *state;
    world_expect(w, 0, "usage: archrun bench MODEL..", "bench --help");
    static const char *const word[] = {"--lattice", "--batch",     "--threads", "--isa",
                                       "--bursts",  "--detail",    "--json",    "--csv",
                                       "--plot",    "--precision", "examples:"};
    for (int i = 0; i < 11; i++)
        assert_non_null(strstr(w->out, word[i]));
}

int main(int argc, char **argv)
{
    static World w;
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(check_help, &w),
                                       cmocka_unit_test_prestate(check_wrong, &w),
                                       cmocka_unit_test_prestate(check_json, &w),
                                       cmocka_unit_test_prestate(check_csv, &w),
                                       cmocka_unit_test_prestate(check_table, &w),
                                       cmocka_unit_test_prestate(check_plot, &w)};
    if (!world_begin(&w, argc, argv))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return world_end(&w) ? failed : 1;
}
