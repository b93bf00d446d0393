/* compare.h - a table of runs against their exact answers.
 *
 * A test program measures the cases marked quick, or, if its argument is `all`, all of
 * them with four times the samples.  It prints a line for n and one for |phi|^2 of each
 * case, and fails unless
 *
 *     every pull is below 4, every error at most max(0.3 %, 0.002);
 *     chi^2 of all n, of all |phi|^2, and of both with their correlations has p > 1e-3;
 *     chi^2 of the means of single chains about theirs has 1e-3 < p < 1 - 1e-3, for n
 *     and for |phi|^2: the errors are what they claim to be;
 *     n = Q / (spatial sites) in every sample.
 *
 * False alarms, over all seeds, for N cases: less than 1.3e-4 N + 7e-3. */
#ifndef COMPARE_H
#define COMPARE_H

#include "exact.h"
#include "measure.h"

enum { COMPARE_LONGER = 4 };

typedef struct Case {
    Run run;
    bool quick;
} Case;

typedef struct Table {
    const char *name;
    const Case *cases;
    int count;
    uint64_t seed;
    Exact (*exact)(const Run *r);
} Table;

/* Whether the program's argument asks for all cases. */
bool compare_all(int argc, char **argv);

bool compare(const Table *t, bool all);

/* "60x4  4.25 1 0.5  n": lattice, eta, lambda, mu. */
typedef struct CaseName {
    char text[192];
} CaseName;
CaseName compare_name(const Run *r, const char *what);

#endif
