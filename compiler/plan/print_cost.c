#include "plan/print.h"

static void print_count(double count, const char *what, FILE *out)
{
    if (count > 0)
        fprintf(out, " %.1f %s,", count, what);
}

/* Of each site and 16 lanes. */
void print_phase_cost(const Program *p, const Phase *phase, const int64_t *sites,
                      FILE *out)
{
    Cost c = cost_phase(p, phase, &(CostSites){.sites = sites});
    double n = (double)sites[phase->lattice];
    CostPort port = cost_busiest(p, &c);
    fprintf(out, "  # at least %.1f cycles%s, for %s:", cost_cycles(p, &c, port) / n,
            p->lattice[phase->lattice].rank ? " a site" : "", cost_port_name[port]);
    print_count(c.fma / n, "multiply-adds", out);
    print_count(c.other / n, "other", out);
    print_count(c.shuffle / n, "shuffles", out);
    print_count(c.load / n, "loads", out);
    print_count(c.store / n, "stores", out);
    fprintf(out, " %.0f bytes\n", c.bytes / n);
}

void print_kernel_cost(const Program *p, const Kernel *k, const int64_t *extent,
                       const int64_t *sites, FILE *out)
{
    Cost sum;
    double fma = 0, near = cost_block(p, k, &(CostSites){.sites = sites}, &sum);
    for (int i = 0; i < k->lattices; i++)
        fma += k->fma[i] * (double)sites[i];
    double least = fma * LANES / cost_peak(p),
           far = near + sum.bytes / FAR_BYTES_A_CYCLE;
    fprintf(out, "  a block");
    for (int axis = 0; axis < p->graph->rank; axis++)
        fprintf(out, "%s%lld", axis ? "x" : " of ", (long long)extent[axis]);
    fprintf(out,
            ": at least %.0f cycles, at most %.1f %% of the peak; out of the third "
            "cache %.1f %%\n",
            near, 100 * least / near, 100 * least / far);
}
