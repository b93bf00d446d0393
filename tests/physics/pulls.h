/* pulls.h - measured against exact values, all of a test together.
 *
 * A pull is (measured - exact) / error.  With correct errors each is normal of variance
 * 1, so one beyond 4 has probability 6e-5, and chi^2 = sum of their squares is beyond
 * its p = 1e-3 quantile once in a thousand seeds; the seeds of the tests are fixed. */
#ifndef PULLS_H
#define PULLS_H

#include <stdbool.h>

typedef struct Pulls {
    int count;
    double chi2, worst;
} Pulls;

/* Adds one and prints it. */
void pulls_add(Pulls *p, const char *what, double measured, double error, double exact);

/* Whether all lie within 4 sigma and chi^2 has p > 1e-3; prints both. */
bool pulls_pass(const Pulls *p, const char *what);

#endif
