/* train_cuda_test NAME LIBRARY: a network trained and evaluated by a device against the
 * processor: the same batches, the same epochs, losses and weights that differ by rounding;
 * stopped, resumed, and gone on with by the other.  Under the stand-ins of
 * tests/gpu/fake/run the device is this processor, and can be made to fail. */
#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "archrt/eval.h"
#include "archrt/model.h"
#include "archrt/train.h"
#include "train_data.h"

enum { INSTANCES = 3 };
#define CHECKPOINT "train_cuda_test.checkpoint.safetensors"

typedef struct World {
    Model model;
    Gpu *gpu;
    GpuCompiler *compiler;
    GpuModel *g;
} World;

static World world;

/* What the stand-in has given and not got back; NULL: a real device. */
static int *held(void)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    return library ? dlsym(library, "fake_cuda_held") : NULL;
}

/* With labels that the network's loss can have. */
static DatasetGroup group_of(int64_t samples, int t, int x, uint32_t stream)
{
    DatasetGroup g = make_group(samples, t, x, stream);
    for (int64_t i = 0; world.model.m->loss == ARCH_LOSS_BCE && i < samples; i++)
        g.y[i] = g.y[i] > 3;
    return g;
}

static Dataset make_data(int groups)
{
    Dataset d = {.groups = groups, .group = malloc(2 * sizeof(DatasetGroup))};
    d.group[0] = group_of(50, 4, 4, 0);
    if (groups > 1)
        d.group[1] = group_of(31, 3, 5, 1);
    return d;
}

static TrainOptions make_options(void)
{
    TrainOptions o = train_default();
    o.instances = INSTANCES;
    o.epochs = 10;
    o.min_epochs = 3;
    o.patience = 2;
    o.batch = 21;
    o.threads = 1;
    return o;
}

static TrainResult train(const Dataset *d, const TrainOptions *o, GpuModel *g)
{
    TrainResult r;
    ArchError e = {0};
    TrainOptions own = *o;
    own.gpu = g;
    if (!train_run(&r, world.model.m, d, &own, &e))
        fail_msg("%s", e.text);
    return r;
}

static void near(double a, double b, double scale, const char *what)
{
    if (!(fabs(a - b) <= 2e-4 * scale))
        fail_msg("%s: %.9g on the device, %.9g on the processor", what, b, a);
}

static double weight(const TrainResult *r, int64_t i)
{
    return world.model.m->real == ARCH_F64 ? ((const double *)r->best.value)[i]
                                           : (double)((const float *)r->best.value)[i];
}

/* Rounding apart. */
static void assert_near(const TrainResult *cpu, const TrainResult *cuda, int64_t n)
{
    assert_int_equal(cpu->epochs, cuda->epochs);
    for (int64_t k = 0; k < n; k++) {
        assert_int_equal(cpu->best_epoch[k], cuda->best_epoch[k]);
        near(cpu->best_loss[k], cuda->best_loss[k], fabs(cpu->best_loss[k]),
             "best loss");
    }
    for (int64_t i = 0; i < cpu->epochs * n; i++) {
        const TrainLoss *p = &cpu->history[i], *q = &cuda->history[i];
        assert_int_equal(isnan(p->train), isnan(q->train)); /* stopped */
        if (isnan(p->train))
            continue;
        near(p->train, q->train, p->train, "training loss");
        near(p->validation, q->validation, p->validation, "validation loss");
    }
    for (int64_t i = 0; i < n * world.model.m->param_count; i++)
        near(weight(cpu, i), weight(cuda, i), 1, "weight");
}

static void assert_same(const TrainResult *a, const TrainResult *b)
{
    size_t numbers =
        (size_t)world.model.m->param_count * model_real_size(world.model.m);
    assert_int_equal(a->epochs, b->epochs);
    assert_memory_equal(a->best.value, b->best.value, INSTANCES * numbers);
    for (int64_t i = 0; i < a->epochs * INSTANCES; i++)
        if (!isnan(a->history[i].train))
            assert_memory_equal(&a->history[i], &b->history[i], sizeof *a->history);
}

/* Some instances stop before others, in the same epochs. */
static void check_agrees(void **state)
{
    (void)state;
    for (int groups = 1; groups <= 2; groups++) {
        Dataset d = make_data(groups);
        TrainOptions o = make_options();
        TrainResult cpu = train(&d, &o, NULL), cuda = train(&d, &o, world.g);
        int64_t stopped = 0;
        for (int k = 0; k < INSTANCES; k++)
            stopped += isnan(cpu.history[(cpu.epochs - 1) * INSTANCES + k].train);
        assert_true(stopped > 0);
        assert_near(&cpu, &cuda, INSTANCES);
        train_release(&cpu);
        train_release(&cuda);
        dataset_release(&d);
    }
}

static void check_without_validation(void **state)
{
    Dataset d = make_data(2);
    TrainOptions o = make_options();
    (void)state;
    o.instances = 1;
    o.epochs = 2;
    o.validation = 0;
    TrainResult cpu = train(&d, &o, NULL), cuda = train(&d, &o, world.g);
    assert_near(&cpu, &cuda, 1);
    train_release(&cpu);
    train_release(&cuda);
    dataset_release(&d);
}

/* Trains to the end with a signal that waits whenever one may stop; go[i % 2] goes on after
 * stop number i. */
static TrainResult train_in_pieces(const Dataset *d, const TrainOptions *o,
                                   GpuModel *const go[2])
{
    TrainResult r;
    ArchError e = {0};
    TrainOptions own = *o;
    sigset_t term, before;
    unlink(CHECKPOINT);
    own.checkpoint = CHECKPOINT;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    int stops = 0;
    for (;; stops++) {
        own.gpu = go[stops % 2];
        raise(SIGTERM); /* waits: it is blocked */
        if (train_run(&r, world.model.m, d, &own, &e))
            break;
        if (e.code != ARCH_EXIT_STOPPED || stops > 200)
            fail_msg("%s", e.text);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_true(stops >= 3 * 4);
    unlink(CHECKPOINT);
    return r;
}

static void check_resume(void **state)
{
    Dataset d = make_data(2);
    TrainOptions o = make_options();
    GpuModel *const go[] = {world.g, world.g};
    (void)state;
    o.epochs = 4;
    TrainResult whole = train(&d, &o, world.g), pieces = train_in_pieces(&d, &o, go);
    assert_same(&whole, &pieces);
    train_release(&whole);
    train_release(&pieces);
    dataset_release(&d);
}

/* Half of the steps by one, half by the other. */
static void check_interchange(void **state)
{
    Dataset d = make_data(1);
    TrainOptions o = make_options();
    GpuModel *const go[] = {world.g, NULL};
    (void)state;
    o.epochs = 4;
    TrainResult whole = train(&d, &o, NULL), pieces = train_in_pieces(&d, &o, go);
    assert_near(&whole, &pieces, INSTANCES);
    train_release(&whole);
    train_release(&pieces);
    dataset_release(&d);
}

static void check_divergence(void **state)
{
    Dataset d = make_data(1);
    TrainOptions o = make_options();
    TrainResult r;
    ArchError e = {0};
    (void)state;
    o.gpu = world.g;
    o.optim.lr = 1e300;
    assert_false(train_run(&r, world.model.m, &d, &o, &e));
    assert_int_equal(e.code, ARCH_EXIT_DIVERGED);
    dataset_release(&d);
}

/* More rows than go through the device at a time. */
static void check_apply(void **state)
{
    enum { ROWS = 4096 + 137 };
    const ArchModel *m = world.model.m;
    DatasetGroup g = make_group(ROWS, 2, 3, 3);
    Weights w;
    ArchError e = {0};
    double *y[2];
    (void)state;
    weights_init(&w, m, 2);
    weights_draw(&w, m, 3);
    weights_pack(&w, m);
    for (int i = 0; i < 2; i++) {
        y[i] = malloc(2 * ROWS * sizeof **y);
        Apply a = {.m = m, .g = &g, .rows = ROWS, .threads = 1};
        a.gpu = i ? world.g : NULL;
        if (!apply_forward(&a, &w, y[i], &e))
            fail_msg("%s", e.text);
    }
    for (int i = 0; i < 2 * ROWS; i++)
        if (m->real == ARCH_F64)
            near(y[0][i], y[1][i], 1, "output");
        else
            near((double)((float *)y[0])[i], (double)((float *)y[1])[i], 1, "output");
    for (int i = 0; i < 2; i++)
        free(y[i]);
    free(g.x);
    free(g.y);
    weights_release(&w);
}

/* ---- a device that fails ---- */

/* From its n-th call on `symbol` fails with `code`: a line says `text`, the checkpoint stays
 * as it was, all memory is given back. */
static void fails(const Dataset *d, const char *symbol, int code, int n,
                  const char *text)
{
    TrainResult r;
    ArchError e = {0};
    TrainOptions o = make_options();
    char how[100], before[100], after[100] = "";
    int *count = held(), first = *count;
    FILE *f = fopen(CHECKPOINT, "rb");
    size_t bytes = fread(before, 1, sizeof before, f);
    fclose(f);
    o.gpu = world.g;
    o.epochs = 4;
    o.checkpoint = CHECKPOINT;
    snprintf(how, sizeof how, "%s=%d@%d", symbol, code, n);
    setenv("FAKE_CUDA_FAIL", how, 1);
    bool ok = train_run(&r, world.model.m, d, &o, &e);
    unsetenv("FAKE_CUDA_FAIL");
    if (ok || e.code != ARCH_EXIT_DEVICE || !strstr(e.text, text) ||
        strchr(e.text, '\n'))
        fail_msg("%s: code %d, '%s'", how, ok ? 0 : e.code, ok ? "" : e.text);
    f = fopen(CHECKPOINT, "rb");
    assert_int_equal(fread(after, 1, sizeof after, f), bytes);
    fclose(f);
    assert_memory_equal(before, after, bytes);
    assert_int_equal(*count, first);
}

static void check_failures(void **state)
{
    Dataset d = make_data(1);
    TrainOptions o = make_options();
    TrainResult r;
    ArchError e = {0};
    sigset_t term, before;
    (void)state;
    if (!held())
        skip();
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    raise(SIGTERM);
    o.gpu = world.g;
    o.epochs = 4;
    o.checkpoint = CHECKPOINT;
    assert_false(train_run(&r, world.model.m, &d, &o, &e));
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(e.code, ARCH_EXIT_STOPPED);
    for (int n = 1; n <= 16; n++)
        fails(&d, "cuMemAlloc_v2", 2, n, "out of memory on Fake 0");
    fails(&d, "cuModuleLoadData", 2, 1, "loading the kernels");
    for (int n = 1; n <= 31; n += 10)
        fails(&d, "cuLaunchKernel", 701, n, "does not start on Fake 0");
    fails(&d, "cuLaunchKernel", 719, 12, "a kernel failed on Fake 0");
    fails(&d, "cuMemcpyDtoH_v2", 700, 1, "a kernel failed on Fake 0");
    fails(&d, "cuMemcpyDtoH_v2", 719, 3, "a kernel failed on Fake 0");
    fails(&d, "cuMemcpyHtoD_v2", 719, 20, "a kernel failed on Fake 0");
    o.checkpoint = NULL;
    unlink(CHECKPOINT);
    dataset_release(&d);
}

/* ---- */

static int open_world(const char *name, const char *library)
{
    ArchError e = {0};
    if (!model_open(&world.model, library, &(ModelChoice){.name = name}, &e)) {
        printf("%s\n", e.text);
        return 1;
    }
    if (!gpu_open(&world.gpu, 0, &e)) {
        printf("%s\n", e.text);
        return getenv("ARCHC_REQUIRE_GPU") ? 1 : 77;
    }
    if (gpu_compiler_open(&world.compiler, gpu_info(world.gpu)->driver, &e) &&
        gpu_model_open(&world.g, world.gpu, world.compiler, world.model.m, false, &e))
        return 0;
    printf("%s\n", e.text);
    return 1;
}

int main(int argc, char **argv)
{
    char folder[] = "train_cuda_test.XXXXXX";
    int code = argc == 3 ? open_world(argv[1], argv[2]) : 2;
    if (code)
        return code;
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_apply),
        cmocka_unit_test(check_agrees),
        cmocka_unit_test(check_without_validation),
        cmocka_unit_test(check_resume),
        cmocka_unit_test(check_interchange),
        cmocka_unit_test(check_divergence),
        cmocka_unit_test(check_failures),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    int *count = held();
    gpu_model_close(world.g);
    gpu_compiler_close(world.compiler);
    gpu_close(world.gpu);
    if (count && *count != 0) {
        printf("%d pieces of the device were not given back\n", *count);
        failed++;
    }
    model_release(&world.model);
    return chdir("..") == 0 && rmdir(folder) == 0 ? failed : 1;
}
