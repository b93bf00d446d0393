#include <inttypes.h>

#include "random_net.h"

static void print_sizes(const int *size, int rank, FILE *out)
{
    for (int d = 0; d < rank; d++)
        fprintf(out, "%s%d", d ? "x" : "", size[d]);
}

static void print_conv(const Layer *l, FILE *out)
{
    static const char *const pad[] = {"circular", "zero", "none"};
    bool strided = false;
    for (int d = 0; d < l->rank; d++)
        strided |= l->window.stride[d] > 1;
    fprintf(out, "Conv%s(", l->bias ? "" : "*");
    print_sizes(l->window.kernel, l->rank, out);
    fprintf(out, ", %d, %d", l->in, l->out);
    if (l->window.boundary[0] != BOUNDARY_CIRCULAR)
        fprintf(out, ", pad=%s", pad[l->window.boundary[0]]);
    if (strided) {
        fputs(", stride=", out);
        print_sizes(l->window.stride, l->rank, out);
    }
    fputs(")", out);
}

static void print_layer(const Layer *l, FILE *out)
{
    static const char *const word[] = {
        "Conv",          "Linear",        "LeakyReLU",     "ReLU",
        "Tanh",          "Sigmoid",       "AvgPool",       "MaxPool",
        "GlobalSumPool", "GlobalAvgPool", "GlobalMaxPool", "Flatten"};
    fputs("    ", out);
    if (l->kind == CONV) {
        print_conv(l, out);
    } else if (l->kind == LINEAR) {
        fprintf(out, "Linear%s(%d, %d)", l->bias ? "" : "*", l->in, l->out);
    } else {
        fputs(word[l->kind], out);
        if (l->kind == LEAKY_RELU)
            fprintf(out, "(slope=%g)", l->slope);
        if (l->kind == AVG_POOL || l->kind == MAX_POOL) {
            fputs("(", out);
            print_sizes(l->window.kernel, l->rank, out);
            fputs(", ", out);
            print_sizes(l->window.stride, l->rank, out);
            fputs(")", out);
        }
    }
    fputs("\n", out);
}

void random_arch(uint64_t seed, FILE *out)
{
    static const char axis[] = "TXYZ";
    static const char *const loss[] = {"", "MSE", "BCE"};
    Net net = random_net(seed, random_models);
    fputs("# lattice ", out);
    for (int d = 0; d < net.rank; d++)
        fprintf(out, "%s%" PRId64, d ? "x" : "", net.lattice[d]);
    fprintf(out, "%s\nmodel random_%" PRIu64 " {\n    input x[%d]", net.rank ? "" : "-",
            seed, net.channels);
    for (int d = 0; d < net.rank; d++) {
        fprintf(out, "%s%c", d ? ", " : " on (", axis[d]);
        if (net.fixed)
            fprintf(out, "=%" PRId64, net.lattice[d]);
    }
    fputs(net.rank ? ")\n" : "\n", out);
    for (int i = 0; i < net.layers; i++)
        print_layer(&net.layer[i], out);
    if (net.loss)
        fprintf(out, "    loss %s\n", loss[net.loss]);
    fputs("}\n", out);
}
