/* random_net.h - a random network before it is a graph or a text: a list of layers that fit
 * each other and the lattice. */
#ifndef ARCHC_TESTS_RANDOM_NET_H
#define ARCHC_TESTS_RANDOM_NET_H

#include "random_graph.h"

typedef enum Kind {
    CONV,
    LINEAR,
    LEAKY_RELU,
    RELU,
    TANH,
    SIGMOID,
    AVG_POOL,
    MAX_POOL,
    GLOBAL_SUM_POOL,
    GLOBAL_AVG_POOL,
    GLOBAL_MAX_POOL,
    FLATTEN,
    ADD, /* with the value `back` layers before */
    SUB,
    MUL
} Kind;

typedef struct Layer {
    Kind kind;
    int in, out, rank; /* rank of its input */
    Window window;
    double slope;
    bool bias;
    int back;
} Layer;

enum { LAYERS_MAX = 60 };

typedef struct Net {
    uint64_t state; /* of the random numbers */
    RandomOptions options;
    int rank, channels;
    int64_t lattice[AXES_MAX];
    bool fixed;
    bool even; /* to be cut into parts */
    LossKind loss;
    Layer layer[LAYERS_MAX];
    int layers;
    /* While growing: behind the last layer. */
    int width, axes;
    int64_t extent[AXES_MAX];
} Net;

Net random_net(uint64_t seed, RandomOptions options);

uint64_t random_next(uint64_t *state);
int random_below(uint64_t *state, int n); /* 0 .. n-1 */

#endif
