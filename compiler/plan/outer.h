/* outer.h - gradients of weights as products of matrices.
 *
 *     dw[o][c][k] += sum over sites s and samples q of dy[s][o][q] x[near[k][s]][c][q]
 *
 * With samples in the lanes every sum ends in one over lanes.  Where the channels are many, or
 * the sites few, it is cheaper to turn one of the fields around, once for each strip of its
 * sites, so that its channels lie in the lanes: then a number of the other field is one for
 * all lanes, and sums are whole when the strip is.
 *
 *     panels:  [product][column / width][site][q][width]     the field turned around
 *     sums:    [product][row][column]
 *
 * Columns are the channels of the field turned around, rows those of the other.  Sites are
 * those of the field turned around; where taps look from there is a table: near[k][s] where
 * it is dy, back[k][s], the site that looks at s, where it is x. */
#ifndef ARCHC_PLAN_OUTER_H
#define ARCHC_PLAN_OUTER_H

#include "plan/lower.h"

/* Sites of a strip: what its products read lies in near memory. */
enum { OUTER_SITES = 16 };

typedef struct Outer {
    int rows, columns, products; /* products: Winograd's, or taps        */
    bool turned_dy;              /* else x                               */
    int strip;                   /* at most so many sites                */
    BufId panels;
    BufId row;                     /* [product][site][row]                 */
    int64_t row_size, row_product; /* vectors from one to the next         */
    const Ix *row_first;           /* the site with which the strip begins */
    BufId table;                   /* [product][site]: where rows are read */
    const Ix *table_row;           /* numbers of one product               */
    const Ix *sites;               /* of this strip                        */
    int64_t region;                /* of the sums                          */
} Outer;

/* Whether the gradient of a parameter is made so from the fields as they are, and which of
 * them is turned around. */
typedef enum OuterForm { OUTER_NOT, OUTER_X, OUTER_DY } OuterForm;

OuterForm outer_form(const Graph *g, int param);
void outer_weight(Lower *l, Val v);

/* 16 channels of a site, from `channel` on, turned around: one vector for each sample, in the
 * panels from `to` on and `next` numbers apart; `to` is of the first product. */
typedef struct Turn {
    const Ix *channel, *to;
    int64_t next;
} Turn;
typedef void OuterTurn(Lower *l, const Outer *o, const Turn *turn, void *context);

/* The steps: the buffer of panels of a field, and numbers from one product's to the next; the
 * loop over the channels of a site of the strip, 16 in each turn; all sums of a strip. */
BufId outer_panels(Lower *l, const Outer *o, Val x);
int64_t outer_panel_product(const Outer *o);
void outer_turn(Lower *l, const Outer *o, const Ix *site, OuterTurn *turn,
                void *context);
void outer_sums(Lower *l, const Outer *o);

/* Tiles of a strip, for panels of so many columns. */
int outer_tiles(const Program *p, int columns);

#endif
