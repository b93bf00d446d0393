#include "pulls.h"

#include <math.h>
#include <stdio.h>

void pulls_add(Pulls *p, const char *what, double measured, double error, double exact)
{
    const double pull = (measured - exact) / error;
    printf("    %-28s %11.7f +- %.7f, exact %11.7f, pull %+.2f\n", what, measured,
           error, exact, pull);
    p->count++;
    p->chi2 += pull * pull;
    p->worst = fmax(p->worst, isfinite(pull) ? fabs(pull) : INFINITY);
}

/* (chi^2 / k)^(1/3) is nearly normal with mean 1 - 2/(9k) and variance 2/(9k) (Wilson
 * and Hilferty, PNAS 17 (1931) 684); p = 1e-3 lies at 3.09 sigma. */
bool pulls_pass(const Pulls *p, const char *what)
{
    const double v = 2.0 / (9 * p->count);
    const double z = (cbrt(p->chi2 / p->count) - (1 - v)) / sqrt(v);
    printf("    %s: chi^2 = %.1f of %d (%+.2f sigma), worst pull %.2f\n", what, p->chi2,
           p->count, z, p->worst);
    return p->worst < 4 && z < 3.09;
}
