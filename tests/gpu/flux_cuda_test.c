/* flux_cuda_test [MUTANT]: worms on a device against the processor: after any sweeps the same fluxes,
 * counts and random numbers, chain by chain.  Under the stand-ins of tests/gpu/fake/run the
 * device is this processor, can be made to fail, and takes kernels that are wrong on
 * purpose: each must be seen. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "flux_cuda.h"
#include "gpu_text.h"

typedef struct World {
    Gpu *gpu;
    GpuCompiler *compiler;
    GpuProgram kernels;
} World;

static World world;

enum { CHAINS_MAX = 20000, POINTS = 3 };

typedef struct Case {
    int chains, rank;
    int64_t extent[ARCH_AXES_MAX];
    FluxParams point[POINTS]; /* one behind the other for chains in turn */
    bool shared;              /* where the stand-in keeps the fields */
} Case;

static const Case cases[] = {
    {37,  2, {60, 4},      {{4.01, 1, 1.05}, {4.25, 1, 1}, {4.01, 1, -1.5}}, true },
    {300, 2, {8, 8},       {{4.25, 1, 1}, {4.01, 1, 1.5}, {4.04, 1, 1.25}},  true },
    {1,   2, {2, 2},       {{4.25, 1, 1}},                                   true },
    {70,  2, {3, 5},       {{4, 0.05, 1.2}, {5, 0, 0.8}, {-1, 1, 0.5}},      true },
    {3,   2, {200, 201},   {{4.01, 1, 0.95}, {4.01, 1, 1.1}, {4.25, 1, 1}},  false},
    {290, 2, {40, 40},     {{4.01, 1, 0.9}, {4.01, 1, 1}, {4.01, 1, 1.1}},   false},
    {9,   1, {2},          {{2, 1, 1.2}, {2, 1, 0.5}, {2, 0.5, 1}},          true },
    {65,  1, {9},          {{2, 1, 1.2}, {2, 1, 0.5}, {2, 0.5, 1}},          true },
    {33,  3, {4, 3, 2},    {{6, 1, 1.2}, {6, 1, 0.2}, {6.5, 2, 1.2}},        true },
    {20,  4, {2, 3, 2, 5}, {{9, 1, 1}, {8, 1, 1.3}, {9, 0.5, 1.1}},          true },
};
enum { CASES = sizeof cases / sizeof *cases };

/* What the stand-in has given and not got back; NULL: a real device. */
static int *held(void)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    return library ? dlsym(library, "fake_cuda_held") : NULL;
}

static void must(bool ok, const ArchError *e)
{
    if (!ok)
        fail_msg("%s", e->text);
}

/* ---- chains on both sides ---- */

typedef struct Both {
    FluxChain *here[CHAINS_MAX], *there[CHAINS_MAX];
    int n;
} Both;

/* Chain i has stream i and a point of its own third of them. */
static void both_init(Both *b, const Case *c)
{
    ArchError e = {0};
    FluxChain **all[] = {b->here, b->there};
    b->n = c->chains;
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < b->n; i++) {
            const int point = i * POINTS / b->n, before = (i - 1) * POINTS / b->n;
            FluxChain *new =
                i == 0 || point != before
                    ? flux_new(&c->point[point], c->rank, c->extent, 5, (uint32_t)i, &e)
                    : flux_twin(all[side][i - 1], (uint32_t)i, &e);
            must(new != NULL, &e);
            new->worms = c->extent[0] * c->extent[c->rank - 1] / 8 + i % 3;
            all[side][i] = new;
        }
}

static void both_release(Both *b)
{
    for (int i = b->n; i-- > 0;) {
        flux_free(b->here[i]);
        flux_free(b->there[i]);
    }
}

/* -1, or a chain that is not the same on both sides. */
static int first_difference(const Both *b)
{
    for (int i = 0; i < b->n; i++) {
        FluxChain *p = b->here[i], *q = b->there[i];
        const size_t sites = (size_t)p->lattice.sites;
        const uint64_t taken = flux_draws_taken(&p->draws);
        if (memcmp(p->field.links, q->field.links,
                   2 * (size_t)p->lattice.rank * sites) != 0 ||
            memcmp(p->field.half, q->field.half, sites * sizeof *p->field.half) != 0 ||
            p->proposals != q->proposals || p->updates != q->updates ||
            taken != flux_draws_taken(&q->draws) ||
            flux_draw(&p->draws) != flux_draw(&q->draws))
            return i;
        flux_draws_seek(&p->draws, taken);
        flux_draws_seek(&q->draws, taken);
    }
    return -1;
}

/* Each chain a number of sweeps of its own, some of them none; whether the device could. */
static bool advance(Both *b, FluxCuda *f, int64_t most)
{
    int64_t sweeps[CHAINS_MAX];
    ArchError e = {0};
    for (int i = 0; i < b->n; i++) {
        sweeps[i] = (i + most) % (most + 1);
        must(flux_advance(b->here[i], sweeps[i], &e), &e);
    }
    if (flux_cuda_run(f, sweeps, &e) && flux_cuda_fetch(f, &e))
        return true;
    printf("%s\n", e.text);
    return false;
}

/* A chain that differs after some sweeps of both sides, -1: none. */
static int compare(const Case *c, GpuProgram *kernels, int64_t most)
{
    ArchError e = {0};
    Both b;
    FluxCuda *f;
    both_init(&b, c);
    must(flux_cuda_new(&f, kernels, b.there, b.n, &e), &e);
    int different = -1;
    for (int round = 0; different < 0 && round < 3; round++)
        different = advance(&b, f, most + round) ? first_difference(&b) : 0;
    flux_cuda_free(f);
    both_release(&b);
    return different;
}

static void check_same(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        const Case *c = &cases[i];
        const int different = compare(c, &world.kernels, c->extent[0] > 39 ? 2 : 24);
        if (different >= 0)
            fail_msg("case %d: chain %d of %d differs", i, different, c->chains);
    }
}

/* Whole warps, and what does not fit beside them, on a device of any size. */
static void check_many(void **state)
{
    const Case small = {
        .chains = CHAINS_MAX,
        .rank = 2,
        .extent = {4,               3              },
        .point = { {4.25, 1, 1}, {4.01, 1, 1.5}, {4.04, 1, 1.25}}
    };
    const Case large = {
        .chains = 17000,
        .rank = 2,
        .extent = {36,              35          },
        .point = { {4.25, 1, 1}, {4.01, 1, 1.1}, {4.04, 1, 1}}
    };
    (void)state;
    assert_int_equal(compare(&small, &world.kernels, 2), -1);
    if (!held())
        assert_int_equal(compare(&large, &world.kernels, 1), -1);
}

/* A chain that has begun on the processor goes on on the device, and back again. */
static void check_interchange(void **state)
{
    ArchError e = {0};
    Both b;
    (void)state;
    both_init(&b, &cases[3]);
    for (int side = 0; side < 2; side++) {
        FluxChain **all = side ? b.there : b.here;
        for (int i = 0; i < b.n; i++)
            must(flux_thermalise(all[i], 40, &e), &e);
    }
    for (int round = 0; round < 3; round++) {
        FluxCuda *f;
        must(flux_cuda_new(&f, &world.kernels, b.there, b.n, &e), &e);
        assert_true(advance(&b, f, 5));
        flux_cuda_free(f);
        for (int i = 0; i < b.n; i++)
            must(flux_advance(b.here[i], 2, &e) && flux_advance(b.there[i], 2, &e), &e);
        assert_int_equal(first_difference(&b), -1);
    }
    both_release(&b);
}

/* More sweeps than a launch does. */
static void check_launches(void **state)
{
    const Case small = {
        .chains = 2,
        .rank = 1,
        .extent = {2         },
        .point = { {2, 1, 1}, {2, 1, 1}, {2, 1, 1}}
    };
    (void)state;
    assert_int_equal(compare(&small, &world.kernels, 300000), -1);
}

static void check_draws(void **state)
{
    static const uint64_t place[] = {0,
                                     1,
                                     511,
                                     512,
                                     513,
                                     1027,
                                     4096,
                                     (UINT64_C(1) << 34) - 3,
                                     UINT64_C(1) << 34,
                                     (UINT64_C(5) << 34) + 77};
    (void)state;
    for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
        FluxDraws d = {.rng = rng_init(3, RNG_FLUX, 9, 0), .used = FLUX_DRAWS};
        Rng plain = rng_init(3, RNG_FLUX, 9, 0);
        const uint64_t block = place[i] / 4;
        plain.counter[0] = (uint32_t)block;
        plain.counter[3] += (uint32_t)(block >> 32) << 8;
        for (uint64_t k = 0; k < place[i] % 4; k++)
            rng_u32(&plain);
        flux_draws_seek(&d, place[i]);
        for (uint64_t k = 0; k < 1100; k++) {
            assert_true(flux_draws_taken(&d) == place[i] + k);
            assert_true(flux_draw(&d) == rng_u32(&plain));
        }
    }
}

/* A flux leaves its range: the words of the processor. */
static void check_overflow(void **state)
{
    static const FluxParams bad[] = {
        {4,   0.001, 2},
        {-60, 0.01,  0}
    };
    (void)state;
    for (int i = 0; i < 2; i++) {
        Case c = {
            .chains = 3, .rank = 2, .extent = {4, 4}
        };
        int64_t sweeps[3] = {0, 2000, 0};
        Both b;
        FluxCuda *f;
        ArchError here = {0}, there = {0};
        for (int k = 0; k < POINTS; k++)
            c.point[k] = bad[i];
        both_init(&b, &c);
        must(flux_cuda_new(&f, &world.kernels, b.there, b.n, &there), &there);
        assert_false(flux_advance(b.here[1], sweeps[1], &here));
        assert_false(flux_cuda_run(f, sweeps, &there));
        assert_int_equal(there.code, ARCH_EXIT_USAGE);
        assert_string_equal(here.text, there.text);
        flux_cuda_free(f);
        both_release(&b);
    }
}

/* ---- how chains are spread ---- */

static void check_shape(void **state)
{
    const GpuInfo h200 = {
        .sms = 132, .shared_per_block = 232448, .shared_per_sm = 233472};
    static const struct {
        int64_t extent[2], chains;
        bool shared;
        int threads;
    } want[] = {
        {{8, 8},     1,      true,  1           },
        {{8, 8},     528,    true,  1           },
        {{8, 8},     529,    true,  2           },
        {{8, 8},     100000, true,  32          },
        {{60, 4},    928,    true,  2           },
        {{60, 4},    16896,  true,  32          },
        {{200, 10},  2000,   true,  4           },
        {{200, 10},  16896,  false, 32          },
        {{200, 10},  100000, false, FLUX_THREADS},
        {{512, 512}, 64,     false, 1           },
    };
    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        Lattice g = {.rank = 2,
                     .sites = (int32_t)(want[i].extent[0] * want[i].extent[1])};
        const FluxShape s = flux_cuda_shape(&h200, &g, want[i].chains);
        assert_int_equal(s.shared, want[i].shared);
        assert_int_equal(s.threads, want[i].threads);
        assert_true(s.blocks * s.threads >= want[i].chains &&
                    (s.blocks - 1) * s.threads < want[i].chains);
        assert_true(!s.shared || s.bytes <= 232448);
        assert_true(s.bytes >= (size_t)(6 * g.sites * s.threads));
    }
}

/* Both kernels are met above. */
static void check_kernels_met(void **state)
{
    (void)state;
    if (!held())
        skip();
    for (int i = 0; i < CASES; i++) {
        Lattice g;
        ArchError e = {0};
        must(lattice_init(&g, cases[i].rank, cases[i].extent, 2, &e), &e);
        const FluxShape s = flux_cuda_shape(gpu_info(world.gpu), &g, cases[i].chains);
        assert_int_equal(s.shared, cases[i].shared);
        lattice_release(&g);
    }
}

/* ---- kernels that are wrong ---- */

/* The text with `what` replaced, to be freed. */
static char *mutant(const char *what, const char *with)
{
    const char *at = strstr(gpu_text_flux, what);
    if (at == NULL)
        fail_msg("'%s' is not in the kernels", what);
    char *text = malloc(strlen(gpu_text_flux) + strlen(with) + 1);
    sprintf(text, "%.*s%s%s", (int)(at - gpu_text_flux), gpu_text_flux, with,
            at + strlen(what));
    return text;
}

static const char *const change[][2] = {
    {"home ? 6 : to_tail ? 3 : 0",         "home ? 6 : to_tail ? 0 : 0"   },
    {"home ? 6 : to_tail",                 "home ? 3 : to_tail"           },
    {"step > 0 ? 1 : 2",                   "step > 0 ? 2 : 1"             },
    {"round < 10",                         "round < 9"                    },
    {"(unsigned)c.s.draws & 3",            "0"                            },
    {"(shrinks ? old_from - 1 : old_to)",  "(shrinks ? old_from : old_to)"},
    {"along + 1) + l",                     "along) + l"                   },
    {"u >= t * m",                         "u >= t"                       },
    {"draw >> 31), down",                  "draw >> 30 & 1), down"        },
    {"draw >> 31 ? 1 : -1",                "1"                            },
    {"backward ? to : from",               "from"                         },
    {"(i >> 1) * c->stride",               "(i >> 1) * (c->stride - 1)"   },
    {"c->s.proposals++;\n    if (shrinks", "if (shrinks"                  },
    {"c->axis * (unsigned)a->sites",       "0 * (unsigned)a->sites"       },
    {"c.s.sweeps -= c.sweeps",             "c.s.sweeps -= 0"              },
};
enum { MUTANTS = sizeof change / sizeof *change };

/* The process of a mutant, whose kernels may come to grief: 0 if no case tells the
 * difference.  Mutant number MUTANTS is none. */
static int run_mutant(int i)
{
    GpuSource s = flux_cuda_source();
    ArchError e = {0};
    char *text = i < MUTANTS ? mutant(change[i][0], change[i][1]) : NULL;
    bool seen = false;
    s.text = text ? text : s.text;
    gpu_program_release(&world.kernels);
    must(gpu_program_load(&world.kernels, world.gpu, world.compiler, &s, &e), &e);
    for (int k = 0; !seen && k < CASES; k++)
        seen = compare(&cases[k], &world.kernels, 3) >= 0;
    free(text);
    return seen;
}

static bool is_seen(int i)
{
    char number[20];
    int status = 0;
    snprintf(number, sizeof number, "%d", i);
    const pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "flux_cuda_test", number, (char *)NULL);
        _exit(0);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return status != 0;
}

static void check_mutants(void **state)
{
    (void)state;
    if (!held())
        skip();
    assert_false(is_seen(MUTANTS));
    for (int i = 0; i < MUTANTS; i++)
        if (!is_seen(i))
            fail_msg("nobody sees that '%s' is wrong", change[i][1]);
}

/* ---- a device that fails ---- */

static void fails(const char *symbol, int code, int n, const char *text)
{
    ArchError e = {0};
    Both b;
    FluxCuda *f = NULL;
    int64_t sweeps[CHAINS_MAX] = {3};
    char how[100];
    int *count = held(), first = *count;
    both_init(&b, &cases[5]);
    snprintf(how, sizeof how, "%s=%d@%d", symbol, code, n);
    setenv("FAKE_CUDA_FAIL", how, 1);
    bool ok = flux_cuda_new(&f, &world.kernels, b.there, b.n, &e) &&
              flux_cuda_run(f, sweeps, &e) && flux_cuda_fetch(f, &e);
    unsetenv("FAKE_CUDA_FAIL");
    if (ok || e.code != ARCH_EXIT_DEVICE || !strstr(e.text, text))
        fail_msg("%s: code %d, '%s'", how, ok ? 0 : e.code, ok ? "" : e.text);
    flux_cuda_free(f);
    assert_int_equal(*count, first);
    both_release(&b);
}

static void check_failures(void **state)
{
    (void)state;
    if (!held())
        skip();
    for (int n = 1; n <= 8; n++)
        fails("cuMemAlloc_v2", 2, n, "out of memory on Fake 0");
    for (int n = 1; n <= 11; n++)
        fails("cuMemcpyHtoD_v2", 719, n, "a kernel failed on Fake 0");
    for (int n = 1; n <= 3; n++)
        fails("cuMemcpyDtoH_v2", 719, n, "a kernel failed on Fake 0");
    fails("cuLaunchKernel", 701, 1, "does not start on Fake 0");
}

/* ---- */

static int open_world(void)
{
    ArchError e = {0};
    if (!gpu_open(&world.gpu, 0, &e)) {
        printf("%s\n", e.text);
        return getenv("ARCHC_REQUIRE_GPU") ? 1 : 77;
    }
    if (gpu_compiler_open(&world.compiler, gpu_info(world.gpu)->driver, &e) &&
        flux_cuda_load(&world.kernels, world.gpu, world.compiler, &e))
        return 0;
    printf("%s\n", e.text);
    return 1;
}

int main(int argc, char **argv)
{
    const int code = open_world();
    if (code || argc > 1)
        return code ? code : run_mutant(atoi(argv[1]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_draws),       cmocka_unit_test(check_shape),
        cmocka_unit_test(check_same),        cmocka_unit_test(check_many),
        cmocka_unit_test(check_interchange), cmocka_unit_test(check_launches),
        cmocka_unit_test(check_overflow),    cmocka_unit_test(check_kernels_met),
        cmocka_unit_test(check_mutants),     cmocka_unit_test(check_failures),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    int *count = held();
    gpu_program_release(&world.kernels);
    gpu_compiler_close(world.compiler);
    gpu_close(world.gpu);
    if (count && *count != 0) {
        printf("%d pieces of the device were not given back\n", *count);
        failed++;
    }
    return failed;
}
