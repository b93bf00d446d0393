#include "pulls.h"

#include <math.h>
#include <stdio.h>

const double pulls_least_p = 1e-3;

/* Half-integer orders have a finite sum, Abramowitz and Stegun 26.4.4 and 26.4.5:
 *     Q(a, x) = Q(a_0, x) + e^-x sum_{b = a_0, a_0 + 1 .. a - 1} x^b / Gamma(b + 1),
 *     Q(1/2, x) = erfc(sqrt x),  Q(0, x) = 0. */
double chi2_probability(double chi2, int freedom)
{
    const double x = chi2 / 2;
    double sum = freedom % 2 == 1 ? erfc(sqrt(x)) : 0;
    if (x <= 0)
        return 1;
    for (double b = freedom % 2 / 2.0; b < freedom / 2.0; b++)
        sum += exp(b * log(x) - x - lgamma(b + 1));
    return sum;
}

double pulls_add(Pulls *p, const char *what, double measured, double error,
                 double exact)
{
    const double pull = (measured - exact) / error;
    const double bound = fmax(0.003 * fabs(exact), 0.002);
    printf("  %-38s %11.7f +- %.7f  %11.7f  %+5.2f  %.2f\n", what, measured, error,
           exact, pull, error / bound);
    p->count++;
    p->chi2 += pull * pull;
    p->worst = fmax(p->worst, isfinite(pull) ? fabs(pull) : INFINITY);
    p->largest = fmax(p->largest, error / bound);
    return pull;
}

bool chi2_pass(double chi2, int freedom, const char *what)
{
    const double p = chi2_probability(chi2, freedom);
    printf("  %s: chi^2 = %.1f of %d, p = %.3f\n", what, chi2, freedom, p);
    return p > pulls_least_p;
}

bool chi2_fair(double chi2, int freedom, const char *what)
{
    return chi2_pass(chi2, freedom, what) &&
           chi2_probability(chi2, freedom) < 1 - pulls_least_p;
}

bool pulls_pass(const Pulls *p, const char *what)
{
    const bool likely = chi2_pass(p->chi2, p->count, what);
    printf("  %s: worst pull %.2f, largest error / bound %.2f\n", what, p->worst,
           p->largest);
    return likely && p->worst < PULLS_WORST && p->largest <= 1;
}
