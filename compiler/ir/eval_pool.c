#include "ir/eval_impl.h"

/* ---- windows --------------------------------------------------------------------- */

static Sources sources_of(const Step *s, const Field *big, const Field *small)
{
    return window_sources(&s->node->window, big, small, s->scratch);
}

void eval_avg_pool(Step *s)
{
    const Field *x = &s->arg[0], *y = &s->out;
    Sources see = sources_of(s, x, y);
    for (int64_t f = 0; f < y->batch * y->channels; f++)
        for (int64_t p = 0; p < y->sites; p++) {
            double value = 0, magnitude = 0;
            for (int64_t k = 0; k < see.taps; k++) {
                int64_t q = f * x->sites + see.of[k * see.sites + p];
                value += x->value[q];
                magnitude += x->magnitude[q];
            }
            y->value[f * y->sites + p] = value / (double)see.taps;
            y->magnitude[f * y->sites + p] = magnitude / (double)see.taps;
        }
}

void eval_avg_unpool(Step *s)
{
    const Field *dy = &s->arg[0], *dx = &s->out;
    Sources see = sources_of(s, dx, dy);
    for (int64_t f = 0; f < dy->batch * dy->channels; f++)
        for (int64_t p = 0; p < dy->sites; p++)
            for (int64_t k = 0; k < see.taps; k++) {
                int64_t q = f * dx->sites + see.of[k * see.sites + p];
                dx->value[q] += dy->value[f * dy->sites + p] / (double)see.taps;
                dx->magnitude[q] += dy->magnitude[f * dy->sites + p] / (double)see.taps;
            }
}

/* The tap of the largest; of equal ones the first. */
static int64_t largest_tap(const double *x, Sources see, int64_t p)
{
    int64_t best = 0;
    for (int64_t k = 1; k < see.taps; k++)
        if (x[see.of[k * see.sites + p]] > x[see.of[best * see.sites + p]])
            best = k;
    return best;
}

void eval_max_pool(Step *s)
{
    const Field *x = &s->arg[0], *y = &s->out;
    Sources see = sources_of(s, x, y);
    for (int64_t f = 0; f < y->batch * y->channels; f++)
        for (int64_t p = 0; p < y->sites; p++) {
            int64_t k = largest_tap(x->value + f * x->sites, see, p);
            int64_t q = f * x->sites + see.of[k * see.sites + p];
            y->value[f * y->sites + p] = x->value[q];
            y->magnitude[f * y->sites + p] = x->magnitude[q];
        }
}

void eval_max_arg(Step *s)
{
    const Field *x = &s->arg[0], *y = &s->out;
    Sources see = sources_of(s, x, y);
    for (int64_t f = 0; f < y->batch * y->channels; f++)
        for (int64_t p = 0; p < y->sites; p++) {
            int64_t k = largest_tap(x->value + f * x->sites, see, p);
            y->value[f * y->sites + p] = y->magnitude[f * y->sites + p] = (double)k;
        }
}

void eval_max_unpool(Step *s)
{
    const Field *dy = &s->arg[0], *arg = &s->arg[1], *dx = &s->out;
    Sources see = sources_of(s, dx, dy);
    for (int64_t f = 0; f < dy->batch * dy->channels; f++)
        for (int64_t p = 0; p < dy->sites; p++) {
            int64_t k = (int64_t)arg->value[f * dy->sites + p];
            int64_t q = f * dx->sites + see.of[k * see.sites + p];
            dx->value[q] += dy->value[f * dy->sites + p];
            dx->magnitude[q] += dy->magnitude[f * dy->sites + p];
        }
}

/* ---- all sites ------------------------------------------------------------------- */

static void sum_sites(Step *s, double divisor)
{
    const Field *x = &s->arg[0];
    for (int64_t f = 0; f < x->batch * x->channels; f++) {
        long double value = 0, magnitude = 0;
        for (int64_t q = f * x->sites; q < (f + 1) * x->sites; q++) {
            value += x->value[q];
            magnitude += x->magnitude[q];
        }
        s->out.value[f] = (double)(value / divisor);
        s->out.magnitude[f] = (double)(magnitude / divisor);
    }
}

void eval_global_sum(Step *s)
{
    sum_sites(s, 1);
}

void eval_global_avg(Step *s)
{
    sum_sites(s, (double)s->arg[0].sites);
}

static int64_t largest_site(const double *x, int64_t sites)
{
    int64_t best = 0;
    for (int64_t q = 1; q < sites; q++)
        if (x[q] > x[best])
            best = q;
    return best;
}

void eval_global_max(Step *s)
{
    const Field *x = &s->arg[0];
    for (int64_t f = 0; f < x->batch * x->channels; f++) {
        int64_t q = f * x->sites + largest_site(x->value + f * x->sites, x->sites);
        s->out.value[f] = x->value[q];
        s->out.magnitude[f] = x->magnitude[q];
    }
}

void eval_global_arg(Step *s)
{
    const Field *x = &s->arg[0];
    for (int64_t f = 0; f < x->batch * x->channels; f++)
        s->out.value[f] = s->out.magnitude[f] =
            (double)largest_site(x->value + f * x->sites, x->sites);
}

static void spread(Step *s, double divisor)
{
    const Field *dy = &s->arg[0], *dx = &s->out;
    for (int64_t i = 0; i < field_count(dx); i++) {
        dx->value[i] = dy->value[i / dx->sites] / divisor;
        dx->magnitude[i] = dy->magnitude[i / dx->sites] / divisor;
    }
}

void eval_spread(Step *s)
{
    spread(s, 1);
}

void eval_spread_avg(Step *s)
{
    spread(s, (double)s->out.sites);
}

void eval_spread_max(Step *s)
{
    const Field *dy = &s->arg[0], *arg = &s->arg[1], *dx = &s->out;
    for (int64_t f = 0; f < dx->batch * dx->channels; f++) {
        int64_t q = f * dx->sites + (int64_t)arg->value[f];
        dx->value[q] = dy->value[f];
        dx->magnitude[q] = dy->magnitude[f];
    }
}
