/* plan.h - a Program: everything decided, nothing printed.
 *
 * The unit of work is a block of 16 samples, one in each vector lane, that walks alone
 * through the phases of a kernel with its activations in near memory:
 *
 *     buffer of a field:   [site][channel][lane]          lane = sample of the block
 *     kernel:  begin        once a call: tables of neighbours, zeroed sums
 *              each block   load, conv1, conv2, ..., loss, dconv2, ...
 *              end          once a call: sums over lanes
 *
 * A phase is a nest of loops over sites, channels and taps (code.h).
 *
 * Sites are numbered row-major over any number of axes.  Where a convolution or pool looks
 * from a site is a table, near[tap][site], made at run time from the extents: periodic
 * wraps, strides and boundaries cost nothing in the kernels and the same code serves every
 * lattice.  A tap that falls outside names the ghost site behind the last one, which holds
 * zeros.
 *
 * Where a batch has few samples, each is cut into equal parts of its lattice, one a lane:
 * then all numbers of sites are those of a part, and the halo behind the ghost site holds
 * the sites of other parts that windows reach. */
#ifndef ARCHC_PLAN_PLAN_H
#define ARCHC_PLAN_PLAN_H

#include "ir/graph.h"
#include "plan/code.h"

enum { LANES = 16, PACK_WIDTH = 8 };

typedef enum Precision { PRECISION_F32, PRECISION_F64 } Precision;

/* What the planner knows of an instruction set. */
typedef struct Target {
    const char *name;   /* avx512, avx2, plain */
    const char *vector; /* the vector type in generated code: vec512 */
    int vector_bytes;
    int registers;
} Target;

typedef struct PlanOptions {
    Precision precision;
    bool direct; /* every convolution as it stands: no sums of inputs before products */
} PlanOptions;

/* ---- buffers ---- */

typedef enum Space {
    SPACE_NONE,
    SPACE_PACKED, /* the packed parameters: one buffer                        */
    SPACE_TABLE,  /* int32, in `work`, filled at the beginning of a call      */
    SPACE_WORK,   /* a field [site][channel][lane] of one block, in `work`    */
    SPACE_SUM,    /* [count][16] numbers, in `work`: summed over the blocks   */
    SPACE_STACK   /* [site of the tile][channel][lane], local to a phase      */
} Space;

typedef struct Buffer {
    const char *name;
    Space space;
    int channels;   /* vectors a site, lower_row                         */
    int lattice;    /* WORK: its sites; TABLE: sites per row             */
    int64_t count;  /* SUM: vectors; TABLE: rows; STACK: sites           */
    bool around;    /* WORK: behind the sites a ghost, and a halo        */
    int geometry;   /* TABLE                                             */
    int pitch;      /* CUDA: numbers from one site to the next           */
    bool zero_site; /* CUDA: behind the sites one of zeros              */
    bool far;       /* CUDA: what one pass makes another reads          */
    bool by_tile;   /* CUDA: far; one site for every tile of `lattice`  */
} Buffer;

/* A set of sites: extents as functions of the input's.  Lattice 0 is a single site,
 * lattice 1 the input's. */
typedef struct Lattice {
    int rank;
    Extent extent[AXES_MAX];
    int tiled; /* its sites are tiles, 2 x 2 x .., of this lattice's; 0: they are not */
    bool winners; /* a list of sites (ir/graph.h), the same in every part */
} Lattice;

/* How a table is filled. */
typedef enum GeometryKind {
    NEAR_FORWARD,  /* [tap][out site]: the input site it sees           */
    NEAR_BACKWARD, /* [tap][in site]: the output site that sees it      */
    COVER,         /* [way][in site]: an output site whose window covers it; ways =
                      product over the axes of ceil(kernel / stride)     */
    COVER_TAP      /* [way][in site]: the tap by which it does          */
} GeometryKind;

typedef struct Geometry {
    GeometryKind kind;
    Window window;
    int in, out; /* lattices */
    int rows;    /* taps or ways */
    BufId table;
} Geometry;

/* ---- phases and kernels ---- */

typedef enum When { WHEN_ALWAYS, WHEN_DX, WHEN_DPARAMS } When;

/* A phase reads every number of `old` before it writes the same of `new`, and never again: both
 * may lie in the same place. */
typedef struct Overwrite {
    BufId old, new;
} Overwrite;

typedef struct Phase {
    const char *name;
    const char *note;    /* what is fused: "conv2 -> leaky_relu2"      */
    const char *formula; /* of the sum it is about, or NULL            */
    Span span;           /* the layer it comes from                    */
    const Stmt *body;
    const char *text; /* as phase_print has it: equal texts are equal phases */
    int vars, regs, ptrs;
    const char **var_name, **reg_name, **ptr_name;
    int lattice; /* the sites it walks                   */
    Overwrite *over;
    int overs;
} Phase;

/* Winners: the gradient by opt_winners, in place of the other where sites are many.
 * Sweep: the forward pass band by band (sweep.h), where lattices leave near memory; and the
 * gradient, forward and back in one. */
typedef enum What {
    WHAT_FORWARD,
    WHAT_GRADIENT,
    WHAT_VJP,
    WHAT_WINNERS,
    WHAT_SWEEP,
    WHAT_SWEEP_BACK,
    WHAT_COUNT
} What;

extern const char *const plan_what_name[WHAT_COUNT]; /* forward, gradient, .. */

/* Whether tiles, a lattice, cut the parts of theirs evenly, and are not fewer than
 * TILES_LEAST: four are worked on at a time. */
enum { TILES_LEAST = 3 };

typedef enum Tiling { TILED_OR_NOT, TILED, UNTILED } Tiling;

/* Which calls a phase is for: all, those whose blocks have one sample, the others. */
typedef enum Samples { SAMPLES_ANY, SAMPLES_ONE, SAMPLES_MORE } Samples;

/* Before the sweep, in it, behind it; the loss, whose derivative is what sums wait for. */
typedef enum Stage {
    STAGE_BEFORE,
    STAGE_SWEPT,
    STAGE_BEHIND,
    STAGE_LOSS,
    STAGES
} Stage;

/* Which bands of a sweep a phase does: `lag` behind the first phase, and beyond those of the
 * part `before` and `after`, which others read (sweep.h). */
typedef struct Bands {
    Stage stage;
    int lag, before, after;
} Bands;

typedef struct PhaseUse {
    int phase;
    When when;
    Tiling tiling;
    int tiles; /* TILED, UNTILED */
    Samples samples;
    Bands bands;
} PhaseUse;

/* Where a buffer of a kernel lies: buffers of one slot share memory, one after the
 * other, or for one phase the one that it reads and the one that it writes in its place. */
typedef struct Slot {
    int lattice, channels;
    bool around;
    BufId *buf;
    int bufs;
} Slot;

/* CUDA: from when to when a buffer is in use. */
typedef struct Lifetime {
    bool used;
    int first, last;
} Lifetime;

/* CUDA: one launch of a kernel whose samples are spread over the grid. */
typedef struct Pass {
    int lattice; /* whose tiles are dealt to the blocks                    */
    When when;   /* when there is anything to do                           */
    bool apart;  /* its threads share nothing: there is no barrier in it   */
} Pass;

/* CUDA: in which order phases run, and what stands between them. */
typedef struct Schedule {
    PhaseUse *use;
    int *pass;  /* [uses] rising                                             */
    int *epoch; /* [uses] rising, through all passes; behind each a barrier  */
    int uses;
    Pass *of_pass;
    int passes;
    Lifetime *life; /* [buffers] in epochs; of far ones in passes                */
} Schedule;

/* CUDA: a sample in one thread block, its values near; or its tiles in all of them. */
typedef enum Spread { SPREAD_BLOCK, SPREAD_GRID, SPREADS } Spread;

typedef struct Kernel {
    What what;
    const Graph *graph;
    PhaseUse *begin, *block, *end;
    int begins, blocks, ends;
    Slot *slot;
    int slots;
    Schedule *spread[SPREADS]; /* CUDA, instead of blocks and slots               */
    int *wide;                 /* CUDA: [lattices] items per tile of sites        */
    double *fma;               /* [lattices] multiply-adds per site               */
    int lattices;
    bool used; /* false: the gradient of a model without loss        */
    int pooled,
        sites_least; /* WINNERS: done where parts of this lattice have more sites */
    int ring;        /* SWEEP, SWEEP_BACK: bands that fields hold; 0: a part      */
} Kernel;

/* One matrix of packed weights: blocks of 8 outputs, [block][tap][in][8], the last block as
 * narrow as the rest; element (out, in, tap) comes from params[offset + out * stride_out + ..]. */
typedef struct Packing {
    int param;
    int64_t offset; /* in the packed parameters */
    int out, in, taps;
    int64_t stride_out, stride_in, stride_tap;
    /* axes > 0: the sums of taps that Winograd's products need (winograd.h), made from the
     * matrix at `from`: [product][block of `width` outputs][in][width], the last block
     * narrower; mirrored: of the mirrored kernel. */
    int axes, width;
    int64_t from;
    bool mirrored;
} Packing;

typedef struct Program {
    const Graph *graph; /* forward */
    Precision precision;
    Target target;
    Buffer *buffer; /* buffer[0] is none */
    int buffers;
    Lattice *lattice;
    int lattices;
    Geometry *geometry;
    int geometries;
    Packing *packing;
    int packings;
    int64_t packed_count;
    bool mma; /* CUDA: phases call tensor cores */
    Phase *phase;
    int phases;
    Kernel kernel[WHAT_COUNT];
} Program;

extern const Target plan_target[]; /* avx512, avx2, plain */
enum { TARGETS = 3 };

/* Program of one model for one instruction set.  Layouts of `work` and of the packed
 * parameters are the same for all of them. */
Program *plan_make(const Graph *g, const Target *target, const PlanOptions *options,
                   Arena *a);

/* Program of one model for a GPU: cuda.h. */
Program *plan_cuda(const Graph *g, const PlanOptions *options, Arena *a);

/* With what phases cost at least on a lattice; NULL: without, as for a GPU. */
void plan_print(const Program *p, const int64_t *extent, FILE *out);
void phase_print(const Program *p, const Phase *phase, FILE *out);

/* Every index and register defined before its use, registers within the target's, loops of
 * straight-line code with constant bounds. */
bool plan_verify(const Program *p, FILE *err);

static inline const Buffer *plan_buffer(const Program *p, BufId b)
{
    return &p->buffer[b.i];
}

/* Whether a lattice has rows. */
static inline bool plan_can_band(const Program *p, int lattice)
{
    return p->lattice[lattice].rank > 0 && !p->lattice[lattice].winners;
}

static inline int plan_width(const Program *p) /* lanes in one vector register */
{
    return p->target.vector_bytes / (p->precision == PRECISION_F64 ? 8 : 4);
}

#endif
