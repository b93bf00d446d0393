/* pulls.h - measured against exact values, all of a test together.
 *
 * A pull is (measured - exact) / error.  With correct errors each is normal of variance
 * 1, so one beyond 4 has probability 6.3e-5, and the sum of their squares is beyond its
 * p = 1e-3 quantile once in a thousand seeds; the seeds of the tests are fixed.
 *
 * An error has to be at most max(0.3 % of the exact value, 0.002): large errors make
 * small pulls. */
#ifndef PULLS_H
#define PULLS_H

#include <stdbool.h>

enum { PULLS_WORST = 4 };
extern const double pulls_least_p; /* 1e-3 */

typedef struct Pulls {
    int count;
    double chi2;
    double worst;   /* |pull|                                       */
    double largest; /* error, in units of what an error may be      */
} Pulls;

/* The probability that chi^2 of `freedom` >= 1 degrees of freedom is larger:
 * Q(freedom / 2, chi2 / 2), the incomplete gamma function. */
double chi2_probability(double chi2, int freedom);

/* Adds one, prints it and returns the pull. */
double pulls_add(Pulls *p, const char *what, double measured, double error,
                 double exact);

/* Whether all lie within 4 sigma, all errors within their bound, and chi^2 has
 * p > 1e-3; prints all three. */
bool pulls_pass(const Pulls *p, const char *what);

/* Whether chi^2 has p > 1e-3; prints it. */
bool chi2_pass(double chi2, int freedom, const char *what);

/* The same, and p < 1 - 1e-3: errors that are too large fail as well. */
bool chi2_fair(double chi2, int freedom, const char *what);

#endif
