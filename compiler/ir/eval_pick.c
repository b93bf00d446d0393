#include "ir/eval_impl.h"

/* ---- on the winners of a global maximum: one site for each pooled channel ---------- */

/* The lattice that was pooled, of which x is what a window sees. */
static Field pooled_of(const Field *x, const Window *w)
{
    Field f = {.rank = x->rank, .sites = 1};
    for (int d = 0; d < x->rank; d++) {
        int64_t reach = w->boundary[d] == BOUNDARY_NONE ? w->kernel[d] : 1;
        f.extent[d] = (x->extent[d] - reach) / w->stride[d] + 1;
        f.sites *= f.extent[d];
    }
    return f;
}

void eval_pick(Step *s)
{
    const Field *x = &s->arg[0], *arg = &s->arg[1], *y = &s->out;
    Field pooled = pooled_of(x, &s->node->window);
    Sources see = window_sources(&s->node->window, x, &pooled, s->scratch);
    for (int64_t f = 0; f < y->batch * y->channels; f++)
        for (int64_t p = 0; p < y->sites; p++) {
            int64_t n = f / y->channels, tap = f % see.taps;
            int64_t site = (int64_t)arg->value[n * y->sites + p];
            int64_t q = see.of[tap * see.sites + site];
            if (q < 0)
                continue;
            y->value[f * y->sites + p] = x->value[f / see.taps * x->sites + q];
            y->magnitude[f * y->sites + p] = x->magnitude[f / see.taps * x->sites + q];
        }
}

/* (batch, channels) and (batch, 1, winners) are the same in memory. */
void eval_pick_dy(Step *s)
{
    for (int64_t i = 0; i < field_count(&s->out); i++) {
        s->out.value[i] = s->arg[0].value[i];
        s->out.magnitude[i] = s->arg[0].magnitude[i];
    }
}

void eval_pick_dx(Step *s)
{
    const Field *dy = &s->arg[0], *w = &s->arg[1], *dx = &s->out;
    for (int64_t f = 0; f < dx->batch * dx->channels; f++)
        for (int64_t p = 0; p < dx->sites; p++) {
            int64_t n = f / dx->channels, i = f % dx->channels;
            int64_t from = p * dx->channels + i, to = f * dx->sites + p;
            dx->value[to] = w->value[from] * dy->value[n * dx->sites + p];
            dx->magnitude[to] = w->magnitude[from] * dy->magnitude[n * dx->sites + p];
        }
}

void eval_pick_dw(Step *s)
{
    const Field *dy = &s->arg[0], *x = &s->arg[1], *dw = &s->out;
    for (int64_t f = 0; f < x->batch * x->channels; f++)
        for (int64_t p = 0; p < x->sites; p++) {
            int64_t n = f / x->channels, i = f % x->channels;
            int64_t from = n * x->sites + p, at = f * x->sites + p;
            dw->value[p * x->channels + i] += dy->value[from] * x->value[at];
            dw->magnitude[p * x->channels + i] +=
                dy->magnitude[from] * x->magnitude[at];
        }
}
