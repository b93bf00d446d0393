/* The promise `params N`, and what may be meant where it does not hold. */
#include <inttypes.h>

#include "sema/sema_impl.h"

static int64_t biases_used(const Weighted *w)
{
    return w->has_bias ? w->biases : 0;
}

/* Networks with more layers than this get no suggestion: it would take pairs of
 * them. */
enum { LAYERS_PAIRED_MAX = 1000 };

/* A star moved from one layer to another: of the pairs that fit, the first of one
 * kind of layer, else the first. */
static bool moved_star(const Weighted *all, int64_t missing, const Weighted **from,
                       const Weighted **to)
{
    bool found = false;
    for (const Weighted *f = all; f; f = f->next)
        for (const Weighted *t = all; t; t = t->next) {
            bool fits = !f->has_bias && t->has_bias && f->biases - t->biases == missing;
            if (!fits || (found && f->layer != t->layer))
                continue;
            *from = f;
            *to = t;
            if (f->layer == t->layer)
                return true;
            found = true;
        }
    return found;
}

/* The single layer whose bias, switched, makes up for what is missing. */
static const Weighted *switched(const Weighted *all, int64_t missing)
{
    for (const Weighted *w = all; w; w = w->next)
        if ((w->has_bias ? -w->biases : w->biases) == missing)
            return w;
    return NULL;
}

static void suggest(Sema *s, int64_t stated, int64_t counted)
{
    const Weighted *from, *to, *one = switched(s->weighted, stated - counted);
    int64_t weights = 0, biases = 0;
    int layers = 0;
    for (const Weighted *w = s->weighted; w; w = w->next) {
        layers++;
        weights += w->weights;
        biases += w->biases;
    }
    if (stated == weights)
        diag_hint(s->diag, "no bias anywhere gives %" PRId64 ": write 'bias off'",
                  stated);
    else if (stated == weights + biases)
        diag_hint(s->diag, "a bias in every layer gives %" PRId64, stated);
    else if (one)
        diag_hint(s->diag, "%s %s gives %" PRId64,
                  one->has_bias ? "no bias in" : "a bias in", one->text, stated);
    else if (layers <= LAYERS_PAIRED_MAX &&
             moved_star(s->weighted, stated - counted, &from, &to))
        diag_hint(s->diag, "moving the star from %s to %s gives %" PRId64, from->text,
                  to->text, stated);
}

/* Reports a `params` that differs from the count, layer by layer. */
void params_check(Sema *s)
{
    if (!s->params || s->params->integer == s->b.g.param_count)
        return;
    diag_error(s->diag, s->params->span,
               "the network has %" PRId64 " parameters, not %" PRId64,
               s->b.g.param_count, s->params->integer);
    for (const Weighted *w = s->weighted; w; w = w->next)
        diag_note(s->diag, w->span,
                  "%" PRId64 " parameters: %" PRId64 " weights and %" PRId64 " biases",
                  w->weights + biases_used(w), w->weights, biases_used(w));
    suggest(s, s->params->integer, s->b.g.param_count);
}
