#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archrt/eval.h"
#include "archrt/train.h"
#include "cmd_common.h"
#include "file.h"

static const char example[] =
    "    archrun train archs/task3/eq1.arch --data a.h5,b.h5 --instances 4 -o eq1.safetensors\n"
    "    archrun train net.arch --data flux.h5 --epochs 1000 --lr 3e-3 -o net.safetensors\n"
    "    archrun train net.arch --data flux.h5 --device cuda --instances 50 -o net.safetensors\n";

typedef struct Args {
    TrainOptions train;
    ModelChoice choice;
    CmdDevice device;
    CliTexts data;
    const char *out;
    int64_t seed, threads;
    int precision;
    bool no_amsgrad;
} Args;

static bool parse(Args *a, int argc, char **argv, Cli *cli, ArchError *e)
{
    TrainOptions *t = &a->train;
    AdamW *w = &t->optim;
    /* clang-format off */
    const CliOption option[] = {
        {"data", 0, CLI_TEXTS, &a->data, 0, 0, NULL, "FILE.h5,..",
         "all samples of all files", true},
        {"output", 'o', CLI_TEXT, &a->out, 0, 0, NULL, "FILE",
         "the weights (.safetensors)", true},
        {"instances", 0, CLI_INT, &t->instances, 1, 4096, NULL, NULL,
         "networks, each from its own initial values", false},
        {"epochs", 0, CLI_INT, &t->epochs, 1, 1e6, NULL, NULL, "at most", false},
        {"batch", 0, CLI_INT, &t->batch, 1, 1e6, NULL, NULL, "samples of a step", false},
        {"seed", 0, CLI_INT, &a->seed, 0, 9e15, NULL, NULL,
         "of initial values, split and order", false},
        {"validation", 0, CLI_DOUBLE, &t->validation, 0, 0.9, NULL, NULL,
         "share of the samples", false},
        {"patience", 0, CLI_INT, &t->patience, 1, 1e6, NULL, NULL,
         "epochs without a better validation loss", false},
        {"min-epochs", 0, CLI_INT, &t->min_epochs, 0, 1e6, NULL, NULL,
         "before an instance may stop", false},
        {"lr", 0, CLI_DOUBLE, &w->lr, 1e-12, 1e300, NULL, NULL, "learning rate", false},
        {"weight-decay", 0, CLI_DOUBLE, &w->weight_decay, 0, 1e3, NULL, NULL,
         "of AdamW", false},
        {"beta1", 0, CLI_DOUBLE, &w->beta1, 0, 0.999999, NULL, NULL,
         "of the first moment", false},
        {"beta2", 0, CLI_DOUBLE, &w->beta2, 0, 0.999999, NULL, NULL,
         "of the second moment", false},
        {"eps", 0, CLI_DOUBLE, &w->eps, 1e-30, 1, NULL, NULL,
         "added to the root of the second moment", false},
        {"no-amsgrad", 0, CLI_FLAG, &a->no_amsgrad, 0, 0, NULL, NULL, "plain AdamW", false},
        OPTION_DEVICE(&a->device),
        OPTION_TF32(&a->device),
        OPTION_THREADS(&a->threads),
        OPTION_PRECISION(&a->precision),
        OPTION_MODEL(&a->choice),
    };
    /* clang-format on */
    const CliCommand command = {
        .name = "train",
        .args = "MODEL",
        .summary =
            "Trains instances of a network (.arch, or a compiled .so) until the loss on\n"
            "the validation samples no longer falls, and writes their best weights and,\n"
            "beside them, NAME.metrics.csv.  SIGINT stops it: the same command goes on.\n"
            "On a CUDA device all instances are trained at once.",
        .example = example,
        .least = 1,
        .most = 1,
        .option = option,
        .options = sizeof option / sizeof *option};
    if (!cli_parse(&command, argc, argv, cli, e))
        return false;
    choose_precision(&a->choice, cli_given(&command, cli, &a->precision), a->precision);
    t->seed = (uint64_t)a->seed;
    t->threads = (int)a->threads;
    w->amsgrad = !a->no_amsgrad;
    const bool threads = cli_given(&command, cli, &a->threads);
    return device_parse_without(&a->device, threads ? "--threads" : NULL, e);
}

static void print_loss(FILE *out, double loss)
{
    if (isfinite(loss))
        fprintf(out, "%.9g", loss);
}

static bool write_metrics(const TrainResult *r, const char *out, ArchError *e)
{
    char path[FILE_PATH_MAX];
    FileDraft d;
    file_sibling(path, out, ".safetensors", ".metrics.csv");
    if (!file_begin(&d, path, e))
        return false;
    fprintf(d.out, "epoch,instance,train_loss,validation_loss\n");
    for (int64_t i = 0; i < r->epochs * r->best.instances; i++) {
        if (!isfinite(r->history[i].train))
            continue; /* it had stopped */
        fprintf(d.out, "%lld,%lld,", (long long)(i / r->best.instances) + 1,
                (long long)(i % r->best.instances));
        print_loss(d.out, r->history[i].train);
        fputc(',', d.out);
        print_loss(d.out, r->history[i].validation);
        fputc('\n', d.out);
    }
    return file_commit(&d, e);
}

/* Without validation samples the training loss decides. */
static void print_result(const TrainResult *r, bool validated)
{
    printf("instance  best epoch  %15s\n",
           validated ? "validation loss" : "training loss");
    for (int64_t k = 0; k < r->best.instances; k++)
        printf("%8lld  %10lld  %15.6e\n", (long long)k, (long long)r->best_epoch[k],
               r->best_loss[k]);
    if (r->best.tf32)
        printf("wide layers in TF32\n");
}

static bool train(const Args *a, const ArchModel *m, const Dataset *d, ArchError *e)
{
    char checkpoint[FILE_PATH_MAX];
    TrainResult r;
    TrainOptions o = a->train;
    file_sibling(checkpoint, a->out, ".safetensors", ".checkpoint.safetensors");
    o.checkpoint = checkpoint;
    if (file_exists(checkpoint))
        fprintf(stderr, "archrun: going on from %s\n", checkpoint);
    if (!train_run(&r, m, d, &o, e))
        return false;
    const char *precision = o.gpu ? gpu_model_precision(o.gpu) : model_real_name(m);
    r.best.tf32 = strcmp(precision, "tf32") == 0;
    bool ok = weights_write(&r.best, m, a->out, e) && write_metrics(&r, a->out, e);
    if (ok) {
        unlink(checkpoint);
        print_result(&r, a->train.validation > 0);
    }
    train_release(&r);
    return ok;
}

static bool train_model(Args *a, const ArchModel *m, ArchError *e)
{
    Dataset d;
    bool ok = m->loss != ARCH_LOSS_NONE && m->gradient && m->reduce;
    if (!ok)
        error_set(e, ARCH_EXIT_USAGE,
                  "%s has no loss to train on: add `loss MSE` or `loss "
                  "BCE` to its text",
                  m->name);
    ok = ok && dataset_read_all(&d, a->data.v, a->data.n, e);
    if (!ok)
        return false;
    ok = data_fits(&d, m, true, e) &&
         device_load(&a->device, &a->train.gpu, m, a->train.instances, e) &&
         train(a, m, &d, e);
    gpu_model_close(a->train.gpu);
    dataset_release(&d);
    return ok;
}

static bool run(Args *a, const char *path, ArchError *e)
{
    Model model;
    if (!file_check_output(a->out, &path, 1, e) ||
        !file_check_output(a->out, a->data.v, a->data.n, e) ||
        !file_check_writable(a->out, e) || !device_open(&a->device, e))
        return false;
    bool ok = model_open(&model, path, &a->choice, e);
    if (ok) {
        ok = train_model(a, model.m, e);
        model_release(&model);
    }
    device_close(&a->device);
    return ok;
}

int cmd_train(int argc, char **argv)
{
    ArchError e;
    Cli cli;
    Args a = {.train = train_default(), .seed = 1};
    if (!parse(&a, argc - 1, argv + 1, &cli, &e))
        return cli_fail(&e);
    if (cli.help || run(&a, cli.arg[0], &e))
        return ARCH_EXIT_OK;
    return cli_fail(&e);
}
