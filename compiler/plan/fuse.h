/* fuse.h - which operators share a walk over the sites, and where each value lives.
 *
 * A *group* is one walk over a lattice, a few sites at a time (a tile).  In it a *step*
 * makes a value by its root operator - a convolution, a pool, or a plain load - and applies
 * pointwise operators while it is in registers (the chain); global pools and gradients of
 * biases add it up (the sinks).  A 1x1 convolution of a value made in the same walk is a
 * further step of the group: between the two the value lives in a tile on the stack.
 *
 *     group 2, lattice (T,X):  conv2 -> leaky_relu2 | conv3 -> leaky_relu3 -> global_sum1
 *
 * A group may walk the *windows* of a pool instead: a tile is the sites of one window.  A
 * convolution is pooled so while it is in registers, and the adjoint of a pool reads what it
 * spreads over a window once.
 *
 *     group 1, windows of avg_pool1:  conv1 -> leaky_relu1 -> avg_pool1
 *
 * Sums over sites and samples - the gradients of weights - are groups of their own, placed
 * as soon as what they read is complete. */
#ifndef ARCHC_PLAN_FUSE_H
#define ARCHC_PLAN_FUSE_H

#include "ir/graph.h"
#include "plan/plan.h"

typedef enum GroupKind {
    GROUP_SITES,  /* steps over the sites of a lattice             */
    GROUP_READ,   /* input or seed: from the caller into lanes     */
    GROUP_WEIGHT, /* conv_dw, pick_dw                              */
    GROUP_BIAS,   /* conv_db                                       */
    GROUP_MOVE,   /* flatten, unflatten, pick, pick_dy             */
    GROUP_LOSS,   /* a loss or its derivative                      */
    GROUP_WRITE   /* output or dx: from lanes to the caller        */
} GroupKind;

typedef enum Place {
    PLACE_NONE,  /* not needed, or not a field       */
    PLACE_REG,   /* only between the ops of one step */
    PLACE_STACK, /* only inside one tile             */
    PLACE_WORK   /* the whole lattice                */
} Place;

typedef struct Step {
    Val root; /* made by its operator; or, if `load`, an operand of what follows */
    bool load;
    Val arg;    /* MAX_POOL: the MAX_ARG node made along with it, or none          */
    Val *chain; /* pointwise operators, in order                                   */
    int chains;
    Val *sink; /* global pools, conv_db; of the root or of a value of the chain    */
    int sinks;
    struct Step
        *pool; /* of what it ends in, over the window that the tile is; or NULL */
} Step;

typedef struct Group {
    GroupKind kind;
    When when;
    Val value;  /* other kinds than SITES: the node       */
    Step *step; /* SITES                                  */
    int steps;
    Val window; /* SITES: the pool whose windows are walked, or the adjoint of one; none:
                   one site after the other */
} Group;

typedef struct Fusion {
    const Graph *graph;
    What what;
    Group *group;
    int groups;
    bool *needed; /* [nodes]                                        */
    Place *place; /* [nodes]                                        */
    int *home;    /* [nodes] the group that makes the value, or -1  */
    Val *arg_of;  /* [nodes] of a pool: its MAX_ARG or GLOBAL_ARG   */
    bool direct;  /* PlanOptions.direct                             */
} Fusion;

Fusion *fuse_graph(const Graph *g, What what, bool direct, Arena *a);

/* fuse_place.c: where each value lives. */
void fuse_place(Fusion *f);

/* A sum over sites and samples: the gradient of a parameter. */
bool fuse_is_sum(Op op);

/* The pool that ends a walk over windows, or NULL. */
const Step *fuse_pool(const Group *group);

/* Whether a walk finds the maximum of all sites. */
bool fuse_has_max(const Graph *g, const Group *group);

/* A convolution or its adjoint by x: a sum over taps and channels at every site. */
bool fuse_is_conv(const Node *n);

/* True for a convolution that reads only the site it writes. */
bool fuse_same_site(const Node *conv);

/* fuse_window.c: whether the walk may be one over the windows of `pool`, which reads what it
 * ends in; the same for one that begins with the adjoint of a pool. */
bool fuse_joins_pool(const Fusion *f, int group, Val pool);
bool fuse_spreads(const Node *unpool);
/* Whether every site is in one window, whatever the lattice. */
bool fuse_covers(const Graph *g, const Shape *sites, const Node *pool);
/* Whether an operator on a field makes zeros of zeros there, whatever else it reads. */
bool fuse_keeps_zeros(Op op);

#endif
