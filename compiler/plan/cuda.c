#include "plan/cuda.h"

#include "grad/grad.h"
#include "opt/opt.h"
#include "plan/memory.h"

const Target plan_cuda_target = {.name = "cuda", .vector = "real", .registers = 255};

typedef struct Uses {
    Kernel *kernel;
    Arena *arena;
    int cap;
} Uses;

static void use_phase(void *to, int phase, When when)
{
    Uses *uses = to;
    Kernel *k = uses->kernel;
    GROW(uses->arena, k->block, k->blocks, uses->cap);
    k->block[k->blocks++] = (PhaseUse){.phase = phase, .when = when};
}

/* ---- epochs: phases between two barriers ---- */

/* What a phase reads is made by the phase that touches it first; to the gradient of a
 * parameter several may add. */
static int epoch_of(const Program *p, const Kernel *k, bool **touched, int phase)
{
    int epoch = 0;
    for (int i = 1; i < p->buffers; i++) {
        Space space = p->buffer[i].space;
        if (!touched[phase][i] || (space != SPACE_WORK && space != SPACE_SUM))
            continue;
        int first = 0;
        while (!touched[first][i])
            first++;
        for (int other = first; other < phase; other++)
            if (touched[other][i] && (other == first || space == SPACE_SUM) &&
                k->epoch[other] >= epoch)
                epoch = k->epoch[other] + 1;
    }
    return epoch;
}

static void sort_by_epoch(Kernel *k, Arena *a)
{
    PhaseUse *block = NEW_ARRAY(a, PhaseUse, k->blocks + 1);
    int *epochs = NEW_ARRAY(a, int, k->blocks + 1), count = 0;
    for (int epoch = 0; count < k->blocks; epoch++)
        for (int i = 0; i < k->blocks; i++)
            if (k->epoch[i] == epoch) {
                epochs[count] = epoch;
                block[count++] = k->block[i];
            }
    k->block = block;
    k->epoch = epochs;
}

/* Each phase as early as what it reads allows, and from which epoch to which a field must
 * keep its place. */
static void find_epochs(const Program *p, Kernel *k, Arena *a)
{
    bool **touched = NEW_ARRAY(a, bool *, k->blocks + 1);
    k->epoch = NEW_ARRAY(a, int, k->blocks + 1);
    k->life = NEW_ARRAY(a, Lifetime, p->buffers);
    for (int i = 0; i < k->blocks; i++) {
        touched[i] = NEW_ARRAY(a, bool, p->buffers);
        memory_touched(&p->phase[k->block[i].phase], touched[i]);
        int epoch = k->epoch[i] = epoch_of(p, k, touched, i);
        for (int buf = 1; buf < p->buffers; buf++) {
            Lifetime *life = &k->life[buf];
            if (!touched[i][buf])
                continue;
            if (!life->used)
                *life = (Lifetime){true, epoch, epoch};
            if (life->last < epoch)
                life->last = epoch;
        }
    }
    sort_by_epoch(k, a);
}

/* Multiply-adds per site of each lattice, and for how many threads there is work. */
static void count_fma(Build *b, const CudaSteps *f, Kernel *k)
{
    const Graph *g = f->g;
    k->lattices = b->p->lattices;
    k->fma = NEW_ARRAY(b->arena, double, k->lattices);
    k->wide = NEW_ARRAY(b->arena, int, k->lattices);
    for (int i = 0; i < f->steps; i++) {
        const CudaStep *step = &f->step[i];
        const Node *n = graph_node(g, step->value);
        if (step->load || step->kind == CUDA_WRITE ||
            (n->op != OP_CONV && n->op != OP_CONV_DX && n->op != OP_CONV_DW))
            continue;
        const Shape *at =
            n->op == OP_CONV ? &n->shape : &graph_node(g, n->arg[0])->shape;
        int param = n->op == OP_CONV_DW ? n->param : graph_node(g, n->arg[1])->param;
        int lattice = build_lattice(b, at);
        k->fma[lattice] += (double)g->param[param].count;
        int blocks = (n->shape.channels + PACK_WIDTH - 1) / PACK_WIDTH;
        if (n->op != OP_CONV_DW && k->wide[lattice] < blocks)
            k->wide[lattice] = blocks;
    }
}

static void make_kernel(Build *b, const Graph *g, What what)
{
    Kernel *k = &b->p->kernel[what];
    *k = (Kernel){.what = what, .graph = g, .used = true};
    const CudaSteps *f = cuda_steps(g, what, b->arena);
    Cuda z = {.b = b, .g = g, .steps = f};
    Uses uses = {.kernel = k, .arena = b->arena};
    for (int i = 0; i < f->steps; i++)
        cuda_phases(&z, &f->step[i], use_phase, &uses);
    count_fma(b, f, k);
}

Program *plan_cuda(const Graph *g, const PlanOptions *options, Arena *a)
{
    Program *p = NEW(a, Program);
    *p = (Program){
        .graph = g, .precision = options->precision, .target = plan_cuda_target};
    Build b = {.p = p, .arena = a};
    GROW(a, p->buffer, p->buffers, b.buffer_cap);
    p->buffers = 1;
    build_lattice(&b, &(Shape){.rank = 0});
    build_lattice(&b, &graph_node(g, g->input)->shape);
    const Graph *moved = opt_reorder(g, a);
    make_kernel(&b, opt_run(moved, a), WHAT_FORWARD);
    if (g->loss != LOSS_NONE)
        make_kernel(&b, opt_run(grad_reverse(moved, GRAD_LOSS, a), a), WHAT_GRADIENT);
    make_kernel(&b, opt_run(grad_reverse(moved, GRAD_VJP, a), a), WHAT_VJP);
    for (int what = 0; what < WHAT_COUNT; what++)
        if (p->kernel[what].used)
            find_epochs(p, &p->kernel[what], a);
    if (!plan_verify(p, stderr))
        unreachable();
    return p;
}
