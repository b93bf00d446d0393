/* random_graph.h - random valid networks, for tests that compare two ways to compute one.
 *
 * A seed stands for one network and one small lattice: random_graph and random_arch of the
 * same seed and options describe the same layers, and the parameters stand in the same
 * order.  Together the seeds reach every layer, boundary, kernel 1..4, stride 1..3,
 * channels around the widths of a vector, extents from 1 on, lattices smaller than the
 * kernel, fields, vectors and single numbers as output, and every loss (of vectors). */
#ifndef ARCHC_TESTS_RANDOM_GRAPH_H
#define ARCHC_TESTS_RANDOM_GRAPH_H

#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "ir/graph.h"

typedef struct RandomOptions {
    int rank_max;   /* axes of the lattice, at most                       */
    int branches;   /* one network in so many adds, subtracts and multiplies values, and
                      * reads some more than once, in one walk and in several; 0: none */
    bool narrow;    /* at most 4 channels, for numerical differentiation  */
    bool parts;     /* extents 1..9 and 17; every second lattice is even, and windows
                      * leave it so: generated code cuts it where samples are few   */
    bool pointwise; /* also 1x1 convolutions in a row, behind a MaxPool or not      */
    bool few;       /* one to three layers, some more where values branch           */
} RandomOptions;

/* What can be written as a model. */
static const RandomOptions random_chains = {.rank_max = 2};
static const RandomOptions random_models = {
    .rank_max = 3, .branches = 3, .parts = true, .pointwise = true};
static const RandomOptions random_short_models = {
    .rank_max = 3, .branches = 3, .parts = true, .pointwise = true, .few = true};

/* Sets lattice[0..rank-1]; the graph accepts it. */
Graph *random_graph(uint64_t seed, RandomOptions options, Arena *a, int64_t *lattice);

/* The network as the text of a model `random_SEED`.  A comment in the first line names the
 * lattice: "# lattice 3x5", or "# lattice -" for a vector. */
void random_arch(uint64_t seed, RandomOptions options, FILE *out);

/* Uniform in [-1, 1), or integers in [-size, size]: every sum of products is then exact. */
void random_reals(uint64_t seed, double *x, int64_t n);
void random_integers(uint64_t seed, int size, double *x, int64_t n);

#endif
