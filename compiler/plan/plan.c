#include "plan/plan.h"

#include "grad/grad.h"
#include "opt/opt.h"
#include "plan/lower.h"
#include "plan/memory.h"

static void phase_use(PhaseUse **uses, int *count, int *cap, Arena *a, PhaseUse use)
{
    GROW(a, *uses, *count, *cap);
    (*uses)[(*count)++] = use;
}

static int clear_sums(Lower *l)
{
    Build *b = l->b;
    phase_begin(b, "clear_sums", "clear_sums", 0);
    put_call(b, "clear", 2,
             (CallArg[]){arg_buf(b, lower_sums(l), NULL),
                         arg_int(b, lower_region(l->g, l->g->params))});
    return phase_end(b);
}

/* From the order in which the sums were made to that of the parameters. */
static int order_sums(Lower *l)
{
    Build *b = l->b;
    phase_begin(b, "order_sums", "order_sums", 0);
    for (int i = 0; i < l->g->params; i++) {
        const Param *p = &l->g->param[i];
        int64_t out = p->dim[0], in = p->rank == 1 ? 1 : p->dim[1];
        put_call(b, p->rank == 1 ? "order_bias" : "order_weights", p->rank == 1 ? 4 : 6,
                 (CallArg[]){arg_word("dparams"), arg_int(b, p->offset),
                             arg_buf(b, lower_sums(l), ix(b, lower_region(l->g, i))),
                             arg_int(b, out), arg_int(b, in),
                             arg_int(b, p->count / (out * in))});
    }
    return phase_end(b);
}

/* Multiply-adds per site of each lattice: 2 flop each, counted as if done directly. */
static void count_fma(Build *b, const Graph *g, Kernel *k)
{
    k->fma = NEW_ARRAY(b->arena, double, b->p->lattices + (int)g->nodes);
    for (uint32_t i = 1; i < g->nodes; i++) {
        const Node *n = &g->node[i];
        if (n->op != OP_CONV && n->op != OP_CONV_DX && n->op != OP_CONV_DW)
            continue;
        const Shape *out =
            n->op == OP_CONV ? &n->shape : &graph_node(g, n->arg[0])->shape;
        Val w = n->op == OP_CONV_DW ? (Val){i} : n->arg[1];
        k->fma[build_lattice(b, out)] +=
            (double)g->param[graph_node(g, w)->param].count;
    }
    k->lattices = b->p->lattices;
}

/* What a kernel computes. */
static const Graph *graph_of(const Graph *g, What what, Arena *a)
{
    if (what == WHAT_FORWARD)
        return opt_run(g, a);
    return opt_run(grad_reverse(g, what == WHAT_VJP ? GRAD_VJP : GRAD_LOSS, a), a);
}

/* `direct` is the same as it stands in the model. */
static void make_kernel(Build *b, const Graph *g, const Graph *direct, What what)
{
    Arena *a = b->arena;
    Kernel *k = &b->p->kernel[what];
    *k = (Kernel){.what = what, .graph = g, .used = true};
    const Fusion *f = fuse_graph(g, what, a);
    Lower l = {.b = b, .g = g, .f = f};
    l.ptr = NEW_ARRAY(a, Ptr, g->nodes);
    l.has_ptr = NEW_ARRAY(a, bool, g->nodes);
    int begin_cap = 0, block_cap = 0, end_cap = 0;
    bool sums = what != WHAT_FORWARD && g->params > 0;
    if (sums)
        phase_use(&k->begin, &k->begins, &begin_cap, a,
                  (PhaseUse){clear_sums(&l), WHEN_DPARAMS});
    for (int i = 0; i < f->groups; i++)
        phase_use(&k->block, &k->blocks, &block_cap, a,
                  (PhaseUse){lower_group(&l, &f->group[i]), f->group[i].when});
    if (sums)
        phase_use(&k->end, &k->ends, &end_cap, a,
                  (PhaseUse){order_sums(&l), WHEN_DPARAMS});
    count_fma(b, direct, k);
}

Program *plan_make(const Graph *g, const Target *target, const PlanOptions *options,
                   Arena *a)
{
    Program *p = NEW(a, Program);
    *p = (Program){.graph = g, .precision = options->precision, .target = *target};
    Build b = {.p = p, .arena = a};
    GROW(a, p->buffer, p->buffers, b.buffer_cap);
    p->buffers = 1;
    build_buffer(&b, (Buffer){.name = "packed", .space = SPACE_PACKED});
    build_lattice(&b, &(Shape){.rank = 0});
    build_lattice(&b, &graph_node(g, g->input)->shape);

    for (int what = 0; what < WHAT_COUNT; what++)
        if (what != WHAT_GRADIENT || g->loss != LOSS_NONE)
            make_kernel(&b, graph_of(opt_reorder(g, a), what, a), graph_of(g, what, a),
                        what);
    for (int what = 0; what < WHAT_COUNT; what++) /* halos are known by now */
        if (p->kernel[what].used)
            memory_plan(p, &p->kernel[what], a);
    if (!plan_verify(p,
                     stderr)) /* rather no code than code that computes wrong forces */
        unreachable();
    return p;
}
