#include "radial.h"

#include <math.h>

/* The trapezoidal rule in v = log u, where the integrand is exp(g),
 *     g(v) = (p+1) v - eta e^v - lambda e^{2v},
 * with one maximum at the positive root of p + 1 = eta u + 2 lambda u^2.  Analytic and
 * small for |Im v| < pi/4, it leaves an error of order e^{-pi^2 / (2 step)}, and of
 * e^{-2 pi^2 width^2 / step^2} for a peak of width (eta u + 4 lambda u^2)^{-1/2}; both
 * lie below the rounding of a long double. */
long double radial_ratio(double eta, double lambda, int p)
{
    const long double n = (long double)p + 1, e = eta, l = lambda;
    const long double root = sqrtl(e * e + 8 * l * n);
    const long double peak = eta > 0 ? 2 * n / (e + root) : (root - e) / (4 * l);
    const long double middle = logl(peak), top = n * middle - peak * (e + l * peak);
    const long double width = 1 / sqrtl(peak * (e + 4 * l * peak));
    const long double step = fminl(1.0L / 64, width / 4);
    long double lower = 0, upper = 0;
    for (int side = -1; side <= 1; side += 2)
        for (int i = side > 0;; i++) {
            const long double v = middle + side * i * step, u = expl(v);
            const long double g = n * v - u * (e + l * u) - top;
            if (g < -60)
                break;
            lower += expl(g);
            upper += expl(g) * u;
        }
    return upper / lower;
}

void radial_weights(double eta, double lambda, int size, double *w)
{
    w[0] = 1;
    for (int p = 0; p + 1 < size; p++)
        w[p + 1] = (double)(w[p] * radial_ratio(eta, lambda, p));
}
