/* lower.h - from a group of operators to the loops of a phase. */
#ifndef ARCHC_PLAN_LOWER_H
#define ARCHC_PLAN_LOWER_H

#include "plan/build.h"
#include "plan/fuse.h"

/* A register tile: output channels x sites, one vector each. */
typedef struct Tile {
    int channels, sites;
} Tile;

/* Sites summed before their sum is added to the rest: rounding errors of long sums grow with
 * the strip and the number of strips, not with the lattice; and what a strip reads stays in
 * near memory while all pairs of channels go over it. */
enum { STRIP = 64 };

typedef struct Lower {
    Build *b;
    const Graph *g;
    const Fusion *f;
    bool direct;        /* PlanOptions.direct */
    const Bands *bands; /* [groups] of a kernel that is swept; NULL: it is not */
    const bool *dense;  /* [nodes] of one sample: in the lanes; NULL: of more */
    const struct Winograd *winograd; /* where the first step of a walk over tiles gets
                                        its outputs from; NULL: not such a walk     */

    Tile tile;
    const Ix *site; /* first site of the tile being built         */
    int walked;     /* the lattice of l->site                     */
    BufId near; /* near[k][window]: the sites of a window, where windows are walked */
    Ptr *ptr;   /* [nodes] to that site of a value            */
    bool *has_ptr; /* [nodes]                                    */
} Lower;

/* Registers in the making: y[i][s] is channel `channel + i` at site `site + s` of the tile. */
typedef struct Made {
    Reg y;
    int channels, sites;
    const Ix *channel, *site, *lane;
} Made;

/* The phase of one group: its number in the Program. */
int lower_group(Lower *l, const Group *group);
/* The same over tiles (winograd.h). */
int lower_group_tiles(Lower *l, const Group *group);
/* The same for one sample, of values without sites. */
int lower_group_of_one(Lower *l, const Group *group);
/* The steps of a walk at `sites` sites from `site` on. */
void lower_tile(Lower *l, const Group *group, const Ix *site, int sites);

/* tile.c: as large as the registers allow. */
Tile tile_of_group(const Target *target, const Graph *g, const Group *group);
/* At `sites` sites that are fewer: of more channels, so that as many sums hide latencies. */
Tile tile_of_fewer(Tile whole, int sites);
Tile tile_of_weight(const Target *target); /* output x input channels */

/* lower_one.c: whether one sample is worth a phase; [nodes] what convolutions make there, and
 * what follows them. */
bool lower_has_one(const Lower *l, const Group *group);
const bool *lower_made_dense(const Lower *l, const Group *group);
/* Whether the numbers of v follow each other: made in the lanes, and asked for by this walk
 * alone; and how many vectors the channels of one sample are then. */
bool lower_is_dense(const Lower *l, Val v);
int lower_vectors(int channels);

/* lower_conv.c: a convolution and what follows it, at the sites of the tile. */
void lower_conv(Lower *l, const Step *step);
/* The same for the one sample of a block: its outputs in the lanes. */
void lower_linear(Lower *l, const Step *step);
/* y[i][s] += w[c][i] x_s[c] over `in` channels, the weights of a block `width` wide; `row`:
 * of weights before them, or NULL. */
void lower_products(Lower *l, const Made *m, Ptr x, Ptr w, int in, int width,
                    const Ix *row);
/* Offset in the packed parameters of the sums of weights for winograd.h, in blocks of `width`
 * outputs. */
int64_t lower_pack_products(Lower *l, const Node *conv, int axes, int width);

/* lower_point.c: the same for every other root; before the walk, what a sample has for all
 * of its sites goes to all of its parts. */
void lower_share(Lower *l, const Step *step);
void lower_pointwise(Lower *l, const Step *step);

/* lower_window.c: walks over the windows of a pool.  The tile is a window then, and l->site
 * its number, the site of what is pooled. */
void lower_windows_begin(Lower *l, const Group *group);
void lower_spread(Lower *l,
                  const Step *step); /* the adjoint of a pool and what follows */
void lower_pool(Lower *l, const Step *step, const Made *made);
/* The number of a site of the tile. */
const Ix *lower_site(Lower *l, const Ix *in_tile);
/* Whether the sites of the tile are no neighbours in the field: each has a pointer. */
bool lower_is_scattered(Lower *l, Val v);

/* lower_over.c: which fields a walk may leave in the place of others that it reads. */
void lower_overwrites(Lower *l, const Group *group);

/* lower_chain.c: stores, pointwise operators and global pools of a value in registers. */
void lower_chain(Lower *l, const Step *step, const Made *made);
bool lower_has_sums(Lower *l, const Group *group);
void lower_sinks_begin(Lower *l, const Group *group);
void lower_sinks_end(Lower *l, const Group *group);
/* Around one strip: sums of the strip alone, then added to the pool. */
void lower_strip_begin(Lower *l, const Group *group);
void lower_strip_end(Lower *l, const Group *group);
/* Points at where a sink adds up. */
void lower_point_at_sink(Lower *l, Val pool);

/* lower_weight.c: sums over sites and samples. */
void lower_weight(Lower *l, Val v);
void lower_bias(Lower *l, Val v);
/* ... of which a walk has summed one strip. */
void lower_bias_of_strip(Lower *l, Val v, BufId strip);

/* lower_value.c: where values lie. */
BufId lower_buffer(Lower *l, Val v);
/* Room for a few sites: on the stack of a phase, or in `work` where they would fill that. */
BufId lower_near(Lower *l, const char *name, int channels, int sites);
int lower_lattice(Lower *l, Val v);
/* Gradients of the parameters as their phases leave them: a region each.  Weights in tiles of
 * 4 x 4, [tap][out / 4][in / 4][4 in][4 out], biases in order.  One or two outputs would leave
 * most of a tile empty: there several taps take the place of four outputs. */
BufId lower_sums(Lower *l);
int64_t lower_region(const Lower *l, int param); /* of params: the size of all */
/* The matrices that the gradient of a parameter is: one for each tap; on winners one of all. */
typedef struct Matrices {
    int64_t out, in, taps;
} Matrices;
Matrices lower_matrices(const Lower *l, int param);
int lower_taps(const Node *window);
int lower_taps_at_once(int64_t out, int64_t taps);
/* The table for reading value `from` at the sites of `to`; makes room in `from` for what
 * lies around its sites. */
BufId lower_table(Lower *l, GeometryKind kind, const Node *window, Val from, Val to);
/* Around the field: the ghost site zeroed, if anything can miss; the halo of the table filled,
 * if it has one. */
void lower_around(Lower *l, Val field, bool can_miss, const BufId *halo);
/* Zeroes the ghost site and fills the halo of `from`, where the table names them. */
void lower_surround(Lower *l, GeometryKind kind, const Node *window, Val from, Val to);
/* Vectors from one site of a field to the next: one more than its channels where these are a
 * multiple of 16.  Every 4 kB fall into the same places of the nearest memory, and a few
 * channels of many sites would find room for a fraction of it only. */
int lower_row(const Node *n);
/* (site * row + channel) * 16 + lane; site NULL: only the channel's part. */
const Ix *lower_index(Lower *l, Val v, const Ix *site, const Ix *channel,
                      const Ix *lane);
/* The loop over strips of what is walked of a lattice, `most` sites each: its variable is the
 * first site, *to the end. */
Var lower_strips(Lower *l, int lattice, int most, const Ix **to);
/* Points at the first site of the tile, or at each, once a tile. */
void lower_point_at(Lower *l, Val v);

#endif
