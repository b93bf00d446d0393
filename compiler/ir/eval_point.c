#include <float.h>
#include <math.h>

#include "ir/eval_impl.h"

static double max2(double a, double b)
{
    return a > b ? a : b;
}

/* Without overflow on either side. */
static double sigmoid(double x)
{
    double e = exp(-fabs(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}

static double softplus(double x)
{
    return max2(x, 0) + log1p(exp(-fabs(x)));
}

/* Rounding may take x to the other side of 0, so the larger slope counts. */
Num point_leaky_relu(Num x, Num none, double slope)
{
    (void)none;
    return (Num){x.v > 0 ? x.v : slope * x.v, max2(1, slope) * x.m};
}

Num point_leaky_relu_dx(Num dy, Num y, double slope)
{
    double factor = y.v > 0 ? 1 : slope;
    return (Num){factor * dy.v, factor * dy.m};
}

/* |x| |f'(x)|, what an error of x makes, and |f(x)|, the rounding of the result.  A float that
 * would not be normal is 0: that is an error of FLT_MIN, in units of epsilon. */
Num point_sigmoid(Num x, Num none, double slope)
{
    (void)none, (void)slope;
    double y = sigmoid(x.v);
    return (Num){y, x.m * y * sigmoid(-x.v) + y + (double)FLT_MIN / (double)FLT_EPSILON};
}

Num point_sigmoid_dx(Num dy, Num y, double slope)
{
    (void)slope;
    return (Num){dy.v * y.v * (1 - y.v), dy.m * y.m * (1 + y.m)};
}

Num point_tanh(Num x, Num none, double slope)
{
    (void)none, (void)slope;
    double y = tanh(x.v), c = cosh(x.v);
    return (Num){y, x.m / (c * c) + fabs(y)};
}

Num point_tanh_dx(Num dy, Num y, double slope)
{
    (void)slope;
    return (Num){dy.v * (1 - y.v * y.v), dy.m * (1 + y.m * y.m)};
}

Num point_add(Num a, Num b, double slope)
{
    (void)slope;
    return (Num){a.v + b.v, a.m + b.m};
}

Num point_sub(Num a, Num b, double slope)
{
    (void)slope;
    return (Num){a.v - b.v, a.m + b.m};
}

Num point_mul(Num a, Num b, double slope)
{
    (void)slope;
    return (Num){a.v * b.v, a.m * b.m};
}

Num point_copy(Num a, Num none, double slope)
{
    (void)none, (void)slope;
    return a;
}

Num point_mse(Num y, Num t, double slope)
{
    (void)slope;
    double d = y.v - t.v, m = y.m + t.m;
    return (Num){d * d, m * m};
}

Num point_mse_dx(Num y, Num t, double slope)
{
    (void)slope;
    return (Num){2 * (y.v - t.v), 2 * (y.m + t.m)};
}

/* -t ln p - (1 - t) ln(1 - p) with p = sigmoid(s). */
Num point_bce(Num s, Num t, double slope)
{
    (void)slope;
    double f = softplus(s.v);
    return (Num){f - t.v * s.v, s.m * sigmoid(s.v) + f + t.m * s.m};
}

Num point_bce_dx(Num s, Num t, double slope)
{
    Num p = point_sigmoid(s, t, slope);
    return (Num){p.v - t.v, p.m + t.m};
}

static Num num_at(const Field *f, int64_t i)
{
    return f->value ? (Num){f->value[i], f->magnitude[i]} : (Num){0, 0};
}

void eval_point(Step *s, Point *f)
{
    for (int64_t i = 0; i < field_count(&s->out); i++) {
        Num y = f(num_at(&s->arg[0], i), num_at(&s->arg[1], i), s->node->slope);
        s->out.value[i] = y.v;
        s->out.magnitude[i] = y.m;
    }
}

void eval_loss(Step *s, Point *f)
{
    int64_t outputs = s->arg[0].channels * s->arg[0].sites;
    for (int64_t n = 0; n < s->out.batch; n++)
        for (int64_t i = n * outputs; i < (n + 1) * outputs; i++) {
            Num y = f(num_at(&s->arg[0], i), num_at(&s->arg[1], i), 0);
            s->out.value[n] += y.v;
            s->out.magnitude[n] += y.m;
        }
}
