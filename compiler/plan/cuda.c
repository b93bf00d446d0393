#include "plan/cuda.h"

#include "grad/grad.h"
#include "opt/opt.h"

const Target plan_cuda_target = {.name = "cuda", .vector = "real", .registers = 255};

typedef struct Uses {
    CudaUse *use;
    int uses, cap;
    Arena *arena;
} Uses;

static void add_use(void *to, CudaUse use)
{
    Uses *all = to;
    GROW(all->arena, all->use, all->uses, all->cap);
    all->use[all->uses++] = use;
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

/* Its phases; in which order they run is found when all buffers are known. */
static void make_kernel(Build *b, const Graph *g, Cuda *z, Uses *uses, What what)
{
    Kernel *k = &b->p->kernel[what];
    *k = (Kernel){.what = what, .graph = g, .used = true};
    const CudaSteps *f = cuda_steps(g, what, b->arena);
    *z = (Cuda){.b = b, .g = g, .steps = f};
    z->passes = cuda_passes(z, b->arena);
    *uses = (Uses){.arena = b->arena};
    for (int i = 0; i < f->steps; i++)
        cuda_phases(z, &f->step[i], add_use, uses);
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
    const Graph *graph[WHAT_COUNT] = {moved};
    if (g->loss != LOSS_NONE)
        graph[WHAT_GRADIENT] = grad_reverse(moved, GRAD_LOSS, a);
    graph[WHAT_VJP] = grad_reverse(moved, GRAD_VJP, a);
    Cuda z[WHAT_COUNT];
    Uses uses[WHAT_COUNT];
    for (int what = 0; what < WHAT_COUNT; what++)
        if (graph[what])
            make_kernel(&b, opt_run(graph[what], a), &z[what], &uses[what], (What)what);
    for (int what = 0; what < WHAT_COUNT; what++)
        for (Spread to = SPREAD_BLOCK; graph[what] && to < SPREADS; to++)
            p->kernel[what].spread[to] = cuda_schedule(
                p, uses[what].use, uses[what].uses, to, z[what].passes, a);
    if (!plan_verify(p, stderr))
        unreachable();
    return p;
}
