/* Weights on disk: round trips, and every way in which a file can be wrong. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "archrt/weights.h"
#include "tiny_model.h"

#define FILE_NAME "test_weights.safetensors"

/* A file from a header and numbers, as another program might write it. */
static void write_file(const char *header, uint64_t length, const void *data, size_t n)
{
    FILE *out = fopen(FILE_NAME, "wb");
    assert_non_null(out);
    for (int i = 0; i < 8; i++)
        fputc((int)(length >> 8 * i & 0xff), out);
    fputs(header, out);
    fwrite(data, 1, n, out);
    fclose(out);
}

static void expect_error(const ArchModel *m, int code, const char *text)
{
    Weights w;
    ArchError e = {0};
    assert_false(weights_read(&w, m, FILE_NAME, &e));
    if (!strstr(e.text, text) || (int)e.code != code)
        fail_msg("said '%s' (%d), not '%s' (%d)", e.text, e.code, text, code);
}

static void check_round_trip(void **state)
{
    const ArchModel *models[] = {tiny_model(), tiny64_model()};
    (void)state;
    for (int i = 0; i < 2; i++) {
        const ArchModel *m = models[i];
        size_t bytes = 3 * m->packed_bytes;
        Weights w, back;
        ArchError e;
        weights_init(&w, m, 3);
        weights_draw(&w, m, 7);
        assert_true(weights_write(&w, m, FILE_NAME, &e));
        assert_true(weights_read(&back, m, FILE_NAME, &e));
        assert_int_equal(back.instances, 3);
        assert_memory_equal(w.value, back.value, bytes);
        weights_release(&w);
        weights_release(&back);
    }
}

/* Uniform in +-1/sqrt(4): bounds reached, instances and seeds different. */
static void check_draw(void **state)
{
    const ArchModel *m = tiny64_model();
    Weights w, other;
    double most = 0, sum = 0;
    (void)state;
    weights_init(&w, m, 2000);
    weights_init(&other, m, 2000);
    weights_draw(&w, m, 1);
    weights_draw(&other, m, 2);
    const double *v = w.value;
    for (int i = 0; i < 10000; i++) {
        most = v[i] > most ? v[i] : most;
        sum += v[i];
        assert_true(v[i] >= -0.5 && v[i] <= 0.5);
    }
    assert_true(most > 0.499);
    assert_true(sum / 10000 < 0.015 && sum / 10000 > -0.015); /* 5 sigma: 1 in 1.7e6 */
    assert_true(v[0] != v[5] && v[0] != ((double *)other.value)[0]);
    weights_release(&w);
    weights_release(&other);
}

static const char good[] =
    "{\"linear1.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[16,20]},"
    "\"linear1.weight\":{\"dtype\":\"F32\",\"shape\":[1,4],\"data_offsets\":[0,16]}}";

/* A file as torch writes it, without the axis of the instances. */
static void check_foreign(void **state)
{
    const float v[5] = {1, 2, 3, 4, 5};
    Weights w;
    ArchError e;
    (void)state;
    write_file(good, strlen(good), v, sizeof v);
    assert_true(weights_read(&w, tiny_model(), FILE_NAME, &e));
    assert_int_equal(w.instances, 1);
    assert_memory_equal(w.value, v, sizeof v);
    weights_release(&w);
    assert_true(weights_read(&w, tiny64_model(), FILE_NAME, &e)); /* widened */
    assert_true(((double *)w.value)[4] == 5);
    weights_release(&w);
}

static void check_every_truncation(void **state)
{
    const float v[5] = {1, 2, 3, 4, 5};
    (void)state;
    for (long n = 0; n < (long)(8 + strlen(good) + sizeof v); n++) {
        write_file(good, strlen(good), v, sizeof v);
        assert_int_equal(truncate(FILE_NAME, n), 0);
        expect_error(tiny_model(), ARCH_EXIT_FILE, "is no whole safetensors file");
    }
}

/* A header, and what must be said about it. */
typedef struct Damage {
    int code;
    const char *text, *header;
} Damage;

#define BIAS \
    "\"linear1.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[16,20]}"
#define WEIGHT \
    "\"linear1.weight\":{\"dtype\":\"F32\",\"shape\":[1,4],\"data_offsets\":[0,16]}"

static const Damage damage[] = {
    {ARCH_EXIT_FILE,  "overlap or leave gaps",                 "{" WEIGHT "}"                   },
    {ARCH_EXIT_FILE,  "no JSON object",                        "{" WEIGHT ","                   },
    {ARCH_EXIT_FILE,  "no JSON object",                        "{" WEIGHT "," WEIGHT "}"        },
    {ARCH_EXIT_FILE,  "overlap",
     "{" WEIGHT
     ",\"linear1.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}}"            },
    {ARCH_EXIT_FILE,  "outside the file",
     "{" WEIGHT
     ",\"linear1.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[20,24]}}"            },
    {ARCH_EXIT_FILE,  "outside the file",
     "{" WEIGHT
     ",\"linear1.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}"             },
    {ARCH_EXIT_FILE,  "disagree",
     "{" WEIGHT
     ",\"linear1.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,20]}}"            },
    {ARCH_EXIT_FILE,  "impossible",
     "{" WEIGHT
     ",\"linear1.bias\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],"
     "\"data_offsets\":[16,20]}}"                                                               },
    {ARCH_EXIT_FILE,  "without data_offsets",
     "{" WEIGHT ",\"linear1.bias\":{\"dtype\":\"F32\",\"shape\":[1]}}"                          },
    {ARCH_EXIT_FILE,  "unknown dtype",                         "{" WEIGHT ",\"linear1.bias\":7}"},
    {ARCH_EXIT_USAGE, "has dtype I32",
     "{" WEIGHT
     ",\"linear1.bias\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[16,20]}}"            },
    {ARCH_EXIT_USAGE, "there is no linear1.bias",
     "{" WEIGHT
     ",\"other.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[16,20]}}"              },
    {ARCH_EXIT_USAGE, "has no extra",
     "{" WEIGHT "," BIAS
     ",\"extra\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[20,20]}}"                   },
    {ARCH_EXIT_USAGE, "linear1.weight is 4x1 there, 1x4 here",
     "{\"linear1.weight\":{\"dtype\":\"F32\",\"shape\":[4,1],\"data_offsets\":[0,16]}," BIAS
     "}"                                                                                        },
    {ARCH_EXIT_FILE,  "checksum is wrong",
     "{" WEIGHT "," BIAS ",\"__metadata__\":{\"checksum\":\"0123456789abcdef\"}}"               },
};

static void check_damage(void **state)
{
    const float v[5] = {1, 2, 3, 4, 5};
    (void)state;
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        write_file(damage[i].header, strlen(damage[i].header), v, sizeof v);
        expect_error(tiny_model(), damage[i].code, damage[i].text);
    }
}

static void check_foreign_bytes(void **state)
{
    const float v[5] = {1, 2, 0, 4, 5};
    const float hole[5] = {1, 2, 0.0f / 0.0f, 4, 5};
    const double twice[5] = {0};
    static const char wide[] =
        "{\"linear1.weight\":{\"dtype\":\"F64\",\"shape\":[1,4],\"data_offsets\":[0,32]},"
        "\"linear1.bias\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[32,40]}}";
    (void)state;
    write_file(good, UINT64_MAX, v, sizeof v);
    expect_error(tiny_model(), ARCH_EXIT_FILE, "no length of a header");
    write_file("PK and so on", 1000000, v, sizeof v);
    expect_error(tiny_model(), ARCH_EXIT_FILE, "no length of a header");
    write_file(good, strlen(good), hole, sizeof hole);
    expect_error(tiny_model(), ARCH_EXIT_FILE, "not a finite number");
    write_file(wide, strlen(wide), twice, sizeof twice);
    expect_error(tiny_model(), ARCH_EXIT_USAGE, "use --precision f64");
    unlink(FILE_NAME);
    expect_error(tiny_model(), ARCH_EXIT_FILE, "cannot read");
}

/* Any single bit that flips in our own file is noticed. */
static void check_every_flip(void **state)
{
    Weights w;
    ArchError e;
    (void)state;
    weights_init(&w, tiny_model(), 2);
    weights_draw(&w, tiny_model(), 1);
    assert_true(weights_write(&w, tiny_model(), FILE_NAME, &e));
    struct stat s;
    assert_int_equal(stat(FILE_NAME, &s), 0);
    for (long at = s.st_size - 40; at < s.st_size; at++) {
        FILE *f = fopen(FILE_NAME, "r+b");
        fseek(f, at, SEEK_SET);
        int byte = fgetc(f);
        fseek(f, at, SEEK_SET);
        fputc(byte ^ 1, f);
        fclose(f);
        expect_error(tiny_model(), ARCH_EXIT_FILE, "checksum is wrong");
        assert_true(weights_write(&w, tiny_model(), FILE_NAME, &e));
    }
    weights_release(&w);
    unlink(FILE_NAME);
}

static void check_unwritable(void **state)
{
    Weights w;
    ArchError e = {0};
    (void)state;
    weights_init(&w, tiny_model(), 1);
    assert_false(weights_write(&w, tiny_model(), "no_such_folder/w.safetensors", &e));
    assert_int_equal(e.code, ARCH_EXIT_FILE);
    assert_non_null(strstr(e.text, "cannot write no_such_folder/w.safetensors"));
    weights_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_round_trip), cmocka_unit_test(check_draw),
        cmocka_unit_test(check_foreign),    cmocka_unit_test(check_every_truncation),
        cmocka_unit_test(check_damage),     cmocka_unit_test(check_foreign_bytes),
        cmocka_unit_test(check_every_flip), cmocka_unit_test(check_unwritable)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
