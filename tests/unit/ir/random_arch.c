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
}

/* ---- a chain, and what has names ------------------------------------------------- */

static void print_chain(const Net *net, FILE *out)
{
    for (int i = 0; i < net->layers; i++) {
        fputs("    ", out);
        print_layer(&net->layer[i], out);
        fputs("\n", out);
    }
}

/* Whether nobody reads the value but the next layer, so that it needs no name. */
static bool goes_on(const Net *net, int value)
{
    const Layer *next = &net->layer[value];
    if (value == net->layers || next->kind >= ADD || next->from != value)
        return false;
    for (int i = value + 1; i < net->layers; i++)
        if (net->layer[i].from == value || net->layer[i].other == value)
            return false;
    return true;
}

static void print_name(int value, FILE *out)
{
    if (value)
        fprintf(out, "v%d", value);
    else
        fputs("x", out);
}

/* A line from a value with a name to the next. */
static void print_named(const Net *net, FILE *out)
{
    static const char sign[] = "+-*";
    for (int i = 0, last; i < net->layers; i = last) {
        const Layer *l = &net->layer[i];
        for (last = i + 1; l->kind < ADD && goes_on(net, last);)
            last++;
        fputs("    ", out);
        print_name(last, out);
        fputs(" = ", out);
        print_name(l->from, out);
        if (l->kind >= ADD) {
            fprintf(out, " %c ", sign[l->kind - ADD]);
            print_name(l->other, out);
        }
        for (int k = i; k < last && l->kind < ADD; k++) {
            fputs(" -> ", out);
            print_layer(&net->layer[k], out);
        }
        fputs("\n", out);
    }
    fputs("    return ", out);
    print_name(net->at, out);
    fputs("\n", out);
}

void random_arch(uint64_t seed, RandomOptions options, FILE *out)
{
    static const char axis[] = "TXYZ";
    static const char *const loss[] = {"", "MSE", "BCE"};
    Net net = random_net(seed, options);
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
    if (net.branches)
        print_named(&net, out);
    else
        print_chain(&net, out);
    if (net.loss)
        fprintf(out, "    loss %s\n", loss[net.loss]);
    fputs("}\n", out);
}
