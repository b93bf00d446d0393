#include <math.h>
#include <stdio.h>

#include <jansson.h>

#include "archrt/eval.h"
#include "cmd_common.h"

typedef struct Args {
    ModelChoice choice;
    CmdDevice device;
    CliTexts data;
    const char *weights;
    int64_t threads;
    int precision;
    bool json;
} Args;

static bool parse(Args *a, int argc, char **argv, Cli *cli, ArchError *e)
{
    /* clang-format off */
    const CliOption option[] = {
        {"weights", 0, CLI_TEXT, &a->weights, 0, 0, NULL, "FILE", "safetensors", true},
        {"data", 0, CLI_TEXTS, &a->data, 0, 0, NULL, "FILE.h5,..", "test samples", true},
        {"json", 0, CLI_FLAG, &a->json, 0, 0, NULL, NULL, "one object a line", false},
        OPTION_DEVICE(&a->device),
        OPTION_TF32(&a->device),
        OPTION_THREADS(&a->threads),
        OPTION_PRECISION(&a->precision),
        OPTION_MODEL(&a->choice),
    };
    /* clang-format on */
    const CliCommand command = {
        .name = "eval",
        .args = "MODEL",
        .summary =
            "Loss and accuracy for every lattice and parameter set, over the instances.\n"
            "Accuracy: outputs that round to their integer label (MSE), or lie on its\n"
            "side of 0.5 (BCE).",
        .example =
            "    archrun eval archs/task3/eq1.arch --weights eq1.safetensors --data "
            "test.h5\n",
        .least = 1,
        .most = 1,
        .option = option,
        .options = sizeof option / sizeof *option};
    if (!cli_parse(&command, argc, argv, cli, e))
        return false;
    choose_precision(&a->choice, cli_given(&command, cli, &a->precision), a->precision);
    const bool threads = cli_given(&command, cli, &a->threads);
    return device_parse_without(&a->device, threads ? "--threads" : NULL, e);
}

static json_t *number_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static void print_json(const EvalTable *t)
{
    for (int i = 0; i < t->rows; i++) {
        const EvalRow *r = &t->row[i];
        json_t *lattice = json_array();
        for (int a = 0; a < r->group->rank; a++)
            json_array_append_new(lattice, json_integer(r->group->extent[a]));
        json_t *line =
            json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:b}", "instance",
                      r->instance, "lattice", lattice, "eta",
                      number_or_null(r->set ? r->set->eta : NAN), "lambda",
                      number_or_null(r->set ? r->set->lambda : NAN), "mu",
                      number_or_null(r->set ? r->set->mu : NAN), "worms",
                      r->set ? json_integer(r->set->worms) : json_null(), "samples",
                      (json_int_t)r->samples, "loss", number_or_null(r->loss),
                      "accuracy", number_or_null(r->accuracy), "total", r->total);
        json_dumpf(line, stdout, 0);
        putchar('\n');
        json_decref(line);
    }
}

static void print_set(const EvalRow *r)
{
    char lattice[96];
    dataset_lattice(r->group, lattice);
    printf("%-9s", lattice);
    if (r->set)
        printf(" %6g %6g %6g %5d", r->set->eta, r->set->lambda, r->set->mu,
               r->set->worms);
    else
        printf(" %6s %6s %6s %5s", r->total ? "all" : "?", "", "", "");
    printf(" %8lld", (long long)r->samples);
}

/* Row i of instance 0 stands at i + k n for instance k: all have the same n rows. */
static void print_table(const EvalTable *t, int instances)
{
    int n = t->rows / instances;
    printf("%-9s %6s %6s %6s %5s %8s  %-32s  %-23s\n", "lattice", "eta", "lambda", "mu",
           "worms", "samples", "loss: best      mean     worst",
           "accuracy: best  mean  worst");
    for (int i = 0; i < n; i++) {
        double best = INFINITY, worst = 0, mean = 0, top = 0, low = 1, share = 0;
        for (int k = 0; k < instances; k++) {
            const EvalRow *r = &t->row[i + k * n];
            best = fmin(best, r->loss);
            worst = fmax(worst, r->loss);
            mean += r->loss / instances;
            top = fmax(top, r->accuracy);
            low = fmin(low, r->accuracy);
            share += r->accuracy / instances;
        }
        print_set(&t->row[i]);
        printf("  %10.3e %10.3e %10.3e", best, mean, worst);
        if (isfinite(share))
            printf("  %9.2f%% %7.2f%% %7.2f%%", 100 * top, 100 * share, 100 * low);
        putchar('\n');
    }
}

static bool eval(const Args *a, const Apply *how, const Weights *w, const Dataset *d,
                 ArchError *e)
{
    EvalTable t;
    if (!eval_run(&t, how, w, d, e))
        return false;
    if (a->json)
        print_json(&t);
    else
        print_table(&t, (int)w->instances);
    eval_release(&t);
    return true;
}

static bool eval_model(const Args *a, const ArchModel *m, const Dataset *d,
                       ArchError *e)
{
    Weights w = {0};
    Apply how = {.m = m, .threads = (int)a->threads};
    bool ok = m->loss != ARCH_LOSS_NONE;
    if (!ok)
        error_set(e, ARCH_EXIT_USAGE,
                  "%s has no loss: archrun predict writes its outputs", m->name);
    ok = ok && data_fits(d, m, true, e) && weights_read(&w, m, a->weights, e) &&
         device_load(&a->device, &how.gpu, m, w.instances, e);
    if (ok) {
        weights_pack(&w, m);
        ok = eval(a, &how, &w, d, e);
    }
    gpu_model_close(how.gpu);
    weights_release(&w);
    return ok;
}

/* Reads the data first: compiling takes seconds, a name that is mistyped none. */
static bool run(Args *a, const char *path, ArchError *e)
{
    Dataset d;
    Model model;
    if (!device_open(&a->device, e))
        return false;
    bool ok = dataset_read_all(&d, a->data.v, a->data.n, e);
    if (ok) {
        ok = model_open(&model, path, &a->choice, e);
        if (ok) {
            ok = eval_model(a, model.m, &d, e);
            model_release(&model);
        }
        dataset_release(&d);
    }
    device_close(&a->device);
    return ok;
}

int cmd_eval(int argc, char **argv)
{
    ArchError e;
    Cli cli;
    Args a = {0};
    if (!parse(&a, argc - 1, argv + 1, &cli, &e))
        return cli_fail(&e);
    if (cli.help || run(&a, cli.arg[0], &e))
        return ARCH_EXIT_OK;
    return cli_fail(&e);
}
