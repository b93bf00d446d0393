/* random_net.h - a random network before it is a graph or a text: a list of layers that fit
 * each other and the lattice, each behind those whose values it reads. */
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
    ADD, /* with the value `other` */
    SUB,
    MUL
} Kind;

/* Values by number: 0 is the input, i + 1 what layer i makes. */
typedef struct Layer {
    Kind kind;
    int from, other;   /* the values that it reads */
    int in, out, rank; /* rank of its input        */
    Window window;
    double slope;
    bool bias;
} Layer;

typedef struct Value {
    int width, axes;
    Extent extent[AXES_MAX];
} Value;

enum { LAYERS_MAX = 99 };

typedef struct Net {
    uint64_t state; /* of the random numbers */
    RandomOptions options;
    int rank, channels;
    int64_t lattice[AXES_MAX];
    bool fixed;
    bool even;     /* to be cut into parts                          */
    bool branches; /* has values that are read more than once       */
    int joins;     /* sums, differences and products                */
    int products;  /* of two values: a few, or numbers are not tame */
    LossKind loss;
    Layer layer[LAYERS_MAX];
    int layers;
    Value value[LAYERS_MAX + 1];
    int at; /* while growing: the value that the next layer reads; then the output */
} Net;

Net random_net(uint64_t seed, RandomOptions options);

uint64_t random_next(uint64_t *state);
int random_below(uint64_t *state, int n); /* 0 .. n-1 */

#endif
