#include "compare.h"

#include "pulls.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "archrt/lattice.h"

bool compare_all(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "all") == 0;
}

CaseName compare_name(const Run *r, const char *what)
{
    CaseName name;
    char lattice[96];
    lattice_text(r->rank, r->extent, lattice);
    snprintf(name.text, sizeof name.text, "%-7s %5g %5g %5g  %s", lattice,
             r->params.eta, r->params.lambda, r->params.mu, what);
    return name;
}

/* Both pulls as one chi^2 of two degrees of freedom, with their correlation c:
 * (a^2 + b^2 - 2 c a b) / (1 - c^2). */
static double joint(double a, double b, double c)
{
    return (a * a + b * b - 2 * c * a * b) / (1 - c * c);
}

bool compare(const Table *t, bool all)
{
    Pulls n = {0}, phi2 = {0};
    double both = 0, spread_n = 0, spread_phi2 = 0;
    bool charged = true;
    printf("  %-38s %11s    %9s  %11s  %5s  error / bound\n",
           "lattice   eta lambda    mu", "measured", "error", "exact", "pull");
    for (int i = 0; i < t->count; i++) {
        Run run = t->cases[i].run;
        if (!all && !t->cases[i].quick)
            continue;
        run.samples *= all ? COMPARE_LONGER : 1;
        const Run *r = &run;
        const Exact e = t->exact(r);
        const Measured m = measure(r, t->seed, (uint32_t)i);
        const double a =
            pulls_add(&n, compare_name(r, "n").text, m.n.mean, m.n.error, e.n);
        const double b = pulls_add(&phi2, compare_name(r, "|phi|^2").text, m.phi2.mean,
                                   m.phi2.error, e.phi2);
        both += joint(a, b, m.correlation);
        spread_n += m.n.spread;
        spread_phi2 += m.phi2.spread;
        charged &= m.charged;
    }
    printf("  %s, seed %llu\n", t->name, (unsigned long long)t->seed);
    const int freedom = n.count * (MEASURE_CHAINS - 1);
    const bool agree = pulls_pass(&n, "n") & pulls_pass(&phi2, "|phi|^2") &
                       chi2_pass(both, 2 * n.count, "both, correlated") &
                       chi2_fair(spread_n, freedom, "n of the chains") &
                       chi2_fair(spread_phi2, freedom, "|phi|^2 of the chains");
    return agree && charged;
}
