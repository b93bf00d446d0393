/* eval_impl.h - what the files of the oracle share: a field in memory, one step.
 *
 * Each eval_* function computes values and magnitudes of one node, s->out, from its
 * operands, s->arg.  All arrays of a result are zero when it begins. */
#ifndef ARCHC_IR_EVAL_IMPL_H
#define ARCHC_IR_EVAL_IMPL_H

#include "ir/eval.h"

/* (batch, channels, sites), sites row-major.  A tensor of parameters, or its gradient, is
 * one field of one channel with as many sites as it has elements. */
typedef struct Field {
    int64_t batch, channels, sites;
    int rank;
    int64_t extent[AXES_MAX];
    double *value, *magnitude;
} Field;

static inline int64_t field_count(const Field *f)
{
    return f->batch * f->channels * f->sites;
}

typedef struct Step {
    const Node *node;
    Field out, arg[OPERANDS_MAX];
    Arena *scratch;
} Step;

/* A number with its accumulated magnitude. */
typedef struct Num {
    double v, m;
} Num;

typedef Num Point(Num a, Num b, double slope);

/* eval_point.c */
Point point_leaky_relu, point_leaky_relu_dx, point_sigmoid, point_sigmoid_dx,
    point_tanh, point_tanh_dx, point_add, point_sub, point_mul, point_copy, point_mse,
    point_mse_dx, point_bce, point_bce_dx;
void eval_point(Step *s, Point *f); /* out[i] = f(arg0[i], arg1[i])                 */
void eval_loss(Step *s, Point *f);  /* out[n] = sum over outputs of f(arg0, arg1)   */

/* eval_conv.c */
void eval_conv(Step *s);
void eval_conv_dx(Step *s);
void eval_conv_dw(Step *s);
void eval_conv_db(Step *s);

/* eval_pick.c */
void eval_pick(Step *s);
void eval_pick_dy(Step *s);
void eval_pick_dx(Step *s);
void eval_pick_dw(Step *s);

/* eval_pool.c */
void eval_avg_pool(Step *s);
void eval_max_pool(Step *s);
void eval_max_arg(Step *s);
void eval_avg_unpool(Step *s);
void eval_max_unpool(Step *s);
void eval_global_sum(Step *s);
void eval_global_avg(Step *s);
void eval_global_max(Step *s);
void eval_global_arg(Step *s);
void eval_spread(Step *s);
void eval_spread_avg(Step *s);
void eval_spread_max(Step *s);

/* For each tap of a window, and each site p of the small lattice, the row-major number of
 * the site of the big one that it sees, or -1 where that is outside: of[tap * sites + p]. */
typedef struct Sources {
    int64_t taps, sites;
    const int64_t *of;
} Sources;

Sources window_sources(const Window *w, const Field *big, const Field *small, Arena *a);

#endif
