#include <stdlib.h>
#include <string.h>

#include "archrt/eval.h"
#include "cmd_common.h"
#include "file.h"
#include "h5file.h"

typedef struct Args {
    ModelChoice choice;
    CmdDevice device;
    CliTexts data;
    const char *weights, *out;
    int64_t threads;
    int precision;
} Args;

static bool parse(Args *a, int argc, char **argv, Cli *cli, ArchError *e)
{
    /* clang-format off */
    const CliOption option[] = {
        {"weights", 0, CLI_TEXT, &a->weights, 0, 0, NULL, "FILE", "safetensors", true},
        {"data", 0, CLI_TEXTS, &a->data, 0, 0, NULL, "FILE.h5,..", "configurations", true},
        {"output", 'o', CLI_TEXT, &a->out, 0, 0, NULL, "FILE.h5", "the outputs", true},
        OPTION_DEVICE(&a->device),
        OPTION_TF32(&a->device),
        OPTION_THREADS(&a->threads),
        OPTION_PRECISION(&a->precision),
        OPTION_MODEL(&a->choice),
    };
    /* clang-format on */
    const CliCommand command = {
        .name = "predict",
        .args = "MODEL",
        .summary =
            "Writes the network's outputs as /y (instances, samples, outputs); for several\n"
            "lattices one group each, /60x4/y.",
        .example = "    archrun predict archs/task3/eq1.arch --weights eq1.safetensors "
                   "--data test.h5 -o y.h5\n",
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

/* The outputs of one lattice: (instances, samples, outputs) and, where the network keeps
 * the lattice, its axes. */
static bool put_y(hid_t where, const Apply *a, const Weights *w, const void *y)
{
    const ArchModel *m = a->m;
    const DatasetGroup *g = a->g;
    hid_t type = m->real == ARCH_F64 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT;
    int64_t sites = m->output_sites(g->extent);
    H5Array array = {
        .name = "y",
        .file_type = m->real == ARCH_F64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE,
        .memory_type = type,
        .rank = 3,
        .dim = {(hsize_t)w->instances, (hsize_t)g->samples, (hsize_t)m->outputs},
        .data = y
    };
    if (sites > 1 && sites == dataset_sites(g))
        for (int i = 0; i < g->rank; i++)
            array.dim[array.rank++] = (hsize_t)g->extent[i];
    else if (sites > 1)
        array.dim[array.rank++] = (hsize_t)sites;
    return h5_put(where, &array);
}

static bool put_group(hid_t where, const Apply *a, const Weights *w, ArchError *e)
{
    void *y =
        memory_new((size_t)(w->instances * a->g->samples * apply_width(a->m, a->g)) *
                   model_real_size(a->m));
    bool ok = apply_forward(a, w, y, e) && put_y(where, a, w, y);
    free(y);
    return ok;
}

static bool put_all(hid_t file, const Apply *how, const Weights *w, const Dataset *d,
                    ArchError *e)
{
    bool ok = true;
    for (int i = 0; i < d->groups && ok; i++) {
        Apply apply = *how;
        char name[96];
        apply.g = &d->group[i];
        apply.rows = d->group[i].samples;
        dataset_lattice(apply.g, name);
        hid_t where = file;
        if (d->groups > 1)
            where = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        ok = where >= 0 && put_group(where, &apply, w, e);
        if (where != file && where >= 0)
            H5Gclose(where);
    }
    return ok && h5_put_text(file, "model", how->m->name);
}

static bool predict(const Args *a, const Apply *how, const Weights *w, const Dataset *d,
                    ArchError *e)
{
    H5File f;
    if (!h5_create(&f, a->out, e))
        return false;
    H5Quiet quiet = h5_quiet();
    error_set(e, ARCH_EXIT_FILE, "cannot write %.300s", a->out); /* if HDF5 fails */
    bool ok = put_all(f.id, how, w, d, e);
    h5_loud(&quiet);
    ok = ok && h5_commit(&f, e);
    h5_abort(&f);
    return ok;
}

static bool predict_model(const Args *a, const ArchModel *m, const Dataset *d,
                          ArchError *e)
{
    Weights w = {0};
    Apply how = {.m = m, .threads = (int)a->threads};
    bool ok = data_fits(d, m, false, e) && weights_read(&w, m, a->weights, e) &&
              device_load(&a->device, &how.gpu, m, w.instances, e);
    if (ok) {
        weights_pack(&w, m);
        ok = predict(a, &how, &w, d, e);
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
    const char *const read[] = {path, a->weights};
    if (!file_check_output(a->out, read, 2, e) ||
        !file_check_output(a->out, a->data.v, a->data.n, e) ||
        !file_check_writable(a->out, e) || !device_open(&a->device, e))
        return false;
    bool ok = dataset_read_all(&d, a->data.v, a->data.n, e);
    if (ok) {
        ok = model_open(&model, path, &a->choice, e);
        if (ok) {
            ok = predict_model(a, model.m, &d, e);
            model_release(&model);
        }
        dataset_release(&d);
    }
    device_close(&a->device);
    return ok;
}

int cmd_predict(int argc, char **argv)
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
