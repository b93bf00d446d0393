#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "archrt/model.h"
#include "cmd_common.h"
#include "info_dataset.h"
#include "info_device.h"
#include "safetensors.h"

typedef struct Args {
    ModelChoice choice;
    int precision;
    bool json, device;
} Args;

static bool parse(Args *a, int argc, char **argv, Cli *cli, ArchError *e)
{
    /* clang-format off */
    const CliOption option[] = {
        {"json", 0, CLI_FLAG, &a->json, 0, 0, NULL, NULL, "one object a line", false},
        {"device", 0, CLI_FLAG, &a->device, 0, 0, NULL, NULL,
         "instead of a FILE: CUDA's driver, compiler and devices", false},
        OPTION_PRECISION(&a->precision),
        OPTION_MODEL(&a->choice),
    };
    /* clang-format on */
    const CliCommand command = {
        .name = "info",
        .args = "FILE | --device",
        .summary =
            "What a data set (.h5), a weights file (.safetensors) or a model (.arch, .so)\n"
            "holds.  For data: n and |phi|^2 with errors and autocorrelation times; then flux\n"
            "conservation (or two violations per open worm) and the labels are checked on\n"
            "every sample, and a sample that fails is named (exit 3).  Or what of CUDA is on\n"
            "this machine; what a computation needs and is missing is named (exit 6).",
        .example = "    archrun info test.h5\n    archrun info eq1.safetensors --json\n"
                   "    archrun info --device\n",
        .least = 0,
        .most = 1,
        .option = option,
        .options = sizeof option / sizeof *option};
    if (!cli_parse(&command, argc, argv, cli, e))
        return false;
    if (!cli->help && (cli->args == 1) == a->device)
        return error_set(e, ARCH_EXIT_USAGE,
                         "info takes a FILE or --device, one of them; see archrun info "
                         "--help");
    choose_precision(&a->choice, cli_given(&command, cli, &a->precision), a->precision);
    return true;
}

static void print_object(json_t *line)
{
    json_dumpf(line, stdout, 0);
    putchar('\n');
    json_decref(line);
}

static json_t *integers(int n, const int64_t *v)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_integer(v[i]));
    return list;
}

/* Instances: the leading extent that all tensors share; 0 if they share none. */
static int64_t common_axis(const TensorFile *t)
{
    int64_t n = t->n && t->tensor[0].rank ? t->tensor[0].dim[0] : 0;
    for (int i = 0; i < t->n; i++)
        if (!t->tensor[i].rank || t->tensor[i].dim[0] != n)
            return 0;
    return n;
}

static bool info_tensors(const char *path, bool json, ArchError *e)
{
    TensorFile t;
    if (!tensors_read(&t, path, e))
        return false;
    const char *key;
    json_t *value;
    json_object_foreach(t.metadata, key, value)
    {
        if (!json && json_is_string(value))
            printf("%-24s %s\n", key, json_string_value(value));
    }
    if (json)
        print_object(json_pack("{s:O*}", "metadata", t.metadata));
    else
        printf("%-24s %" PRId64 "\n", "leading axis (instances)", common_axis(&t));
    for (int i = 0; i < t.n; i++) {
        const Tensor *v = &t.tensor[i];
        char shape[160];
        if (json)
            print_object(json_pack("{s:s, s:s, s:o}", "name", v->name, "dtype",
                                   v->dtype, "shape", integers(v->rank, v->dim)));
        else
            printf("%-24s %-4s %s\n", v->name, v->dtype,
                   tensor_shape_text(shape, v->rank, v->dim));
    }
    tensors_release(&t);
    return true;
}

static const char *loss_name(ArchLoss loss)
{
    static const char *const name[] = {"none", "MSE", "BCE"};
    return name[loss];
}

static void print_model_json(const ArchModel *m)
{
    json_t *params = json_array(), *lattice = json_array();
    for (int i = 0; i < m->rank; i++)
        json_array_append_new(lattice, m->fixed_extent[i]
                                           ? json_integer(m->fixed_extent[i])
                                           : json_null());
    for (int i = 0; i < m->params; i++)
        json_array_append_new(params,
                              json_pack("{s:s, s:o}", "name", m->param[i].name, "shape",
                                        integers(m->param[i].rank, m->param[i].dim)));
    print_object(json_pack(
        "{s:s, s:s, s:s, s:i, s:o, s:i, s:s, s:s, s:I, s:o}", "model", m->name, "archc",
        m->version, "precision", model_real_name(m), "channels", m->channels, "lattice",
        lattice, "outputs", m->outputs, "loss", loss_name(m->loss), "symmetry",
        m->symmetry, "parameters", (json_int_t)m->param_count, "tensors", params));
}

static void print_model(const ArchModel *m)
{
    char shape[160];
    printf("model       %s (archc %s, %s)\n", m->name, m->version, model_real_name(m));
    printf("input       %d channels on (", m->channels);
    for (int i = 0; i < m->rank; i++) {
        printf("%s%s", i ? ", " : "", m->axis[i] ? m->axis[i] : "?");
        if (m->fixed_extent[i])
            printf("=%" PRId64, m->fixed_extent[i]);
    }
    printf(")\noutputs     %d, loss %s\nsymmetry    %s\nparameters  %" PRId64 "\n",
           m->outputs, loss_name(m->loss), m->symmetry, m->param_count);
    for (int i = 0; i < m->params; i++)
        printf("            %-20s %s\n", m->param[i].name,
               tensor_shape_text(shape, m->param[i].rank, m->param[i].dim));
}

static bool info_model(const Args *a, const char *path, ArchError *e)
{
    Model model;
    if (!model_open(&model, path, &a->choice, e))
        return false;
    if (a->json)
        print_model_json(model.m);
    else
        print_model(model.m);
    model_release(&model);
    return true;
}

static bool run(const Args *a, const char *path, ArchError *e)
{
    if (text_ends_with(path, ".arch") || text_ends_with(path, ".so"))
        return info_model(a, path, e);
    if (text_ends_with(path, ".safetensors"))
        return info_tensors(path, a->json, e);
    if (text_ends_with(path, ".h5") || text_ends_with(path, ".hdf5"))
        return info_dataset(path, a->json, stdout, e);
    return error_set(e, ARCH_EXIT_USAGE,
                     "%.300s: the name ends in none of .h5, .safetensors, .arch, .so",
                     path);
}

int cmd_info(int argc, char **argv)
{
    ArchError e;
    Cli cli;
    Args a = {0};
    if (!parse(&a, argc - 1, argv + 1, &cli, &e))
        return cli_fail(&e);
    if (cli.help ||
        (a.device ? info_device(a.json, stdout, &e) : run(&a, cli.arg[0], &e)))
        return ARCH_EXIT_OK;
    return cli_fail(&e);
}
