/* cost.h - what a phase of a CPU's Program takes at least, counted.
 *
 * Statements are walked as often as they would run, and what they would execute is added
 * up: vector instructions for a block of 16 lanes, each as wide as the target's registers.
 * Cycles follow from the ports that execute them, and are those of the busiest port:
 * nothing waits for a result, no instruction is missing in time, integers cost nothing.
 * So the time is a lower bound, and its share of the multiply-add peak an upper one.
 *
 *                 AVX-512                           AVX2             plain C
 *     arithmetic  2 a cycle, shuffles among them    2 a cycle        2 a cycle
 *     multiply-add  one operation                   one              two
 *     shuffles    1 a cycle                         1                1
 *     loads       2 a cycle                         2                2
 *     stores      1 a cycle                         1                1
 *
 * (Intel 64 and IA-32 Architectures Optimization Reference Manual, the microarchitectures
 * from Haswell on; AMD's have at least as many.)  What does not fit the second cache comes
 * from the third. */
#ifndef ARCHC_PLAN_COST_H
#define ARCHC_PLAN_COST_H

#include "plan/plan.h"

/* What a cycle gets from the third cache: one core of an Ice Lake was measured to read 12. */
enum { FAR_BYTES_A_CYCLE = 16 };

typedef struct Cost {
    double fma, other, shuffle, load, store; /* instructions of a block      */
    double bytes; /* of the fields in `work` that it touches */
} Cost;

/* What the counts are made for. */
typedef struct CostSites {
    const int64_t *sites; /* [lattices], of a part               */
    const int64_t *halo;  /* [geometries], of their halos; NULL: there are none */
} CostSites;

typedef enum CostPort {
    PORT_ARITHMETIC,
    PORT_SHUFFLE,
    PORT_LOAD,
    PORT_STORE,
    PORTS
} CostPort;

extern const char *const cost_port_name[PORTS];

Cost cost_phase(const Program *p, const Phase *phase, const CostSites *at);
/* All phases of a block, each limited by its own port: cycles, and the sum of counts. */
double cost_block(const Program *p, const Kernel *k, const CostSites *at, Cost *sum);
/* Cycles of one port; the busiest one. */
double cost_cycles(const Program *p, const Cost *c, CostPort port);
CostPort cost_busiest(const Program *p, const Cost *c);
/* Multiply-adds of one lane that a cycle can do at most, in all lanes. */
double cost_peak(const Program *p);

/* Sites of each lattice; false if one of them has none. */
bool cost_sites(const Program *p, const int64_t *extent, int64_t *sites);

/* The kernel that does it on lattices with so many sites. */
What cost_kernel(const Program *p, What asked, const int64_t *sites);

/* Whether lattices with so many sites are cut into tiles, or not, as the use of a phase asks. */
bool cost_runs(const Program *p, const PhaseUse *use, const int64_t *sites);

/* Cycles of a block, and bytes of the fields it touches, as a function of sites:
 *
 *     once + sum over lattices (site sites + strip ceil(sites / 64)) + sum over tables halo
 *
 * Exact for whole tiles and strips, if the same port is busiest as at 96 sites; else still a
 * lower bound.  Lattices that the model leaves free count as even ones. */
typedef struct CostLine {
    double once, one;     /* one: more, where a block has but one sample */
    double *site, *strip; /* [lattices]   */
    double *halo;         /* [geometries] */
    double *bytes;        /* [lattices]   */
} CostLine;

CostLine cost_line(const Program *p, const Kernel *k, Arena *a);

/* How much longer a kernel takes where all of its fields come from far memory. */
double cost_far(const Program *p, const Kernel *k);

/* How a sweep compares with a kernel that walks whole parts: work beyond the part, in
 * bands; how much longer it takes where all fields come from far memory; sites' work that goes
 * into beginning a band. */
typedef struct CostSweep {
    double more, far, begin;
} CostSweep;

CostSweep cost_sweep(const Program *p, const Kernel *sweep);

/* Whether a call of the prelude is known (calls.def); else it counts nothing. */
bool cost_knows(const char *function);

#endif
