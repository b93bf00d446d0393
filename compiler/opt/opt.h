/* opt.h - Graph -> Graph, same meaning, less work: simplify, common subexpressions, dead
 * code.  (A Graph has no constants, so there is nothing to fold.)
 *
 * Every rewriting is exact: no value that is kept changes by a bit, except the sign of a
 * zero.  Names, spans and the table of parameters stay; a row of the layers whose value is
 * not needed by anyone gets value 0. */
#ifndef ARCHC_OPT_OPT_H
#define ARCHC_OPT_OPT_H

#include "ir/graph.h"

Graph *opt_run(const Graph *g, Arena *a);

/* Before gradients are made: moves a pool before what it commutes with, so that less is left
 * to do at every site.
 *
 *     max over sites of LeakyReLU(x)   = LeakyReLU(max over sites of x)      it rises
 *     mean over a window of W x + b    = W (mean over the window of x) + b   it is linear
 *
 * The first is exact, the second but for rounding. */
Graph *opt_reorder(const Graph *g, Arena *a);

/* The gradient of a loss behind a global maximum, from its winners: below the pool nothing
 * is not zero but at one site of each channel, so that the adjoints are made there alone.
 *
 *     dz[o,p] = dy[o] at p = arg[o], else 0       p of all sites     z the field pooled
 *     dw[o,i,k] = dy[o] x[i, arg[o] through k]                       z = w x
 *     dx[i,o]   = w[o,i] dy[o]                    o of all winners   z = w x, 1x1
 *
 * and so on down, by 1x1 convolutions, to the parameters.  The same sums but for rounding, as
 * long as winners are fewer than sites.  Needs: a gradient of a loss that opt_run has made.
 * NULL: there is no such pool, or something below it that looks at other sites too. */
Graph *opt_winners(const Graph *g, Arena *a);

#endif
