#include "plan/plan.h"

#include <assert.h>

#include "grad/grad.h"
#include "opt/opt.h"
#include "plan/memory.h"
#include "plan/outer.h"
#include "plan/sweep.h"
#include "plan/winograd.h"

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
                         arg_int(b, lower_region(l, l->g->params))});
    return phase_end(b);
}

/* From the order in which the sums of one parameter were made to its own. */
static void put_order(Lower *l, int param)
{
    Build *b = l->b;
    const Param *p = &l->g->param[param];
    CallArg to = arg_word("dparams"), at = arg_int(b, p->offset);
    CallArg sums = arg_buf(b, lower_sums(l), ix(b, lower_region(l, param)));
    OuterForm form = outer_form(l->g, param);
    if (p->rank == 1 || (form == OUTER_X && p->rank == 2)) {
        put_call(b, "order_numbers", 4,
                 (CallArg[]){to, at, sums, arg_int(b, p->count)});
        return;
    }
    Matrices m = lower_matrices(l, param);
    if (form) {
        bool turned_dy = form == OUTER_DY;
        put_call(b, "order_matrices", 8,
                 (CallArg[]){to, at, sums, arg_int(b, m.out), arg_int(b, m.in),
                             arg_int(b, m.taps), arg_int(b, turned_dy ? 1 : m.in),
                             arg_int(b, turned_dy ? m.out : 1)});
        return;
    }
    put_call(b, "order_weights", 7,
             (CallArg[]){to, at, sums, arg_int(b, m.out), arg_int(b, m.in),
                         arg_int(b, m.taps),
                         arg_int(b, lower_taps_at_once(m.out, m.taps))});
}

/* All but those that have been made by tiles or not, as the lattice had it. */
static int order_sums(Lower *l)
{
    phase_begin(l->b, "order_sums", "order_sums", 0);
    for (int i = 0; i < l->g->params; i++)
        if (!winograd_region(l, i))
            put_order(l, i);
    return phase_end(l->b);
}

static int order_weights(Lower *l, int param)
{
    Build *b = l->b;
    phase_begin(b, arena_printf(b->arena, "order_weights%d", param),
                l->g->param[param].name, 0);
    put_order(l, param);
    return phase_end(b);
}

/* ... if the sums are those of products. */
static int order_products(Lower *l, int param)
{
    Build *b = l->b;
    const Param *p = &l->g->param[param];
    const char *name = arena_printf(b->arena, "order_products%d", param);
    phase_begin(b, name, p->name, 0);
    bool turned_dy = winograd_turns_dy(p);
    put_call(b, "order_products", 7,
             (CallArg[]){arg_word("dparams"), arg_int(b, p->offset),
                         arg_buf(b, lower_sums(l), ix(b, lower_region(l, param))),
                         arg_int(b, p->dim[0]), arg_int(b, p->dim[1]),
                         arg_int(b, p->rank - 2), arg_int(b, turned_dy)});
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

/* What a kernel computes; NULL: it has no use for this network. */
static const Graph *graph_of(const Graph *g, What what, Arena *a)
{
    bool loss = what == WHAT_GRADIENT || what == WHAT_WINNERS;
    if (what == WHAT_FORWARD)
        return opt_run(g, a);
    if (loss && g->loss == LOSS_NONE)
        return NULL;
    const Graph *gradient = opt_run(grad_reverse(g, loss ? GRAD_LOSS : GRAD_VJP, a), a);
    return what == WHAT_WINNERS ? opt_winners(gradient, a) : gradient;
}

/* Where the phases of a kernel go. */
typedef struct Uses {
    Kernel *k;
    int begin_cap, block_cap, end_cap;
} Uses;

/* One walk, or two of which the lattice chooses one. */
static void block_uses(Lower *l, const Group *group, Uses *u)
{
    Arena *a = l->b->arena;
    Kernel *k = u->k;
    PhaseUse use = {.phase = lower_group(l, group), .when = group->when};
    if (l->bands)
        use.bands = l->bands[group - l->f->group];
    if (k->what == WHAT_FORWARD && lower_has_one(l, group)) {
        use.samples = SAMPLES_MORE;
        phase_use(&k->block, &k->blocks, &u->block_cap, a, use);
        use.samples = SAMPLES_ONE;
        use.phase = lower_group_of_one(l, group);
    }
    if (!winograd_can(l, group)) {
        phase_use(&k->block, &k->blocks, &u->block_cap, a, use);
        return;
    }
    use.tiles = winograd_tiles(l, group);
    use.tiling = UNTILED;
    phase_use(&k->block, &k->blocks, &u->block_cap, a, use);
    use.tiling = TILED;
    use.phase = lower_group_tiles(l, group);
    phase_use(&k->block, &k->blocks, &u->block_cap, a, use);
    if (group->kind != GROUP_WEIGHT)
        return;
    int param = graph_node(l->g, group->value)->param;
    use.when = WHEN_DPARAMS;
    use.phase = order_products(l, param);
    phase_use(&k->end, &k->ends, &u->end_cap, a, use);
    use.tiling = UNTILED;
    use.phase = order_weights(l, param);
    phase_use(&k->end, &k->ends, &u->end_cap, a, use);
}

/* `direct` is the same as it stands in the model. */
static void make_kernel(Lower *l, const Graph *direct, What what)
{
    Build *b = l->b;
    Kernel *k = &b->p->kernel[what];
    *k = (Kernel){.what = what, .graph = l->g, .used = true};
    Uses u = {.k = k};
    bool sums = what != WHAT_FORWARD && l->g->params > 0;
    if (sums) {
        phase_use(&k->begin, &k->begins, &u.begin_cap, b->arena,
                  (PhaseUse){.phase = clear_sums(l), .when = WHEN_DPARAMS});
        phase_use(&k->end, &k->ends, &u.end_cap, b->arena,
                  (PhaseUse){.phase = order_sums(l), .when = WHEN_DPARAMS});
    }
    for (int i = 0; i < l->f->groups; i++)
        block_uses(l, &l->f->group[i], &u);
    count_fma(b, direct, k);
}

/* A winner costs less than a site, for which everything is done: measured on detect_eq. */
static void choose_winners(Lower *l, Kernel *k)
{
    const Node *arg = l->g->node;
    while (arg->op != OP_GLOBAL_ARG)
        arg++;
    k->pooled = lower_lattice(l, arg->arg[0]);
    k->sites_least = arg->shape.channels * 5 / 8;
}

/* Where all extents are given, a lattice is as small as its maker could wish. */
static bool is_free(const Graph *g)
{
    bool any = false;
    for (int axis = 0; axis < g->rank; axis++)
        any |= !g->fixed[axis];
    return any;
}

/* The same phases in other memory, in the order of their stages. */
static Kernel *plan_sweep(Build *b, What what, const Sweep *sweep)
{
    const Kernel *whole = &b->p->kernel[what];
    Kernel *k = &b->p->kernel[what == WHAT_FORWARD ? WHAT_SWEEP : WHAT_SWEEP_BACK];
    *k = *whole;
    k->what = what == WHAT_FORWARD ? WHAT_SWEEP : WHAT_SWEEP_BACK;
    k->ring = sweep->ring;
    k->block = NEW_ARRAY(b->arena, PhaseUse, k->blocks);
    int n = 0;
    for (Stage stage = STAGE_BEFORE; stage < STAGES; stage++)
        for (int i = 0; i < k->blocks; i++)
            if (whole->block[i].bands.stage == stage)
                k->block[n++] = whole->block[i];
    return k;
}

static int one_call(Build *b, const char *name, const char *function, int args,
                    const CallArg *arg)
{
    phase_begin(b, name, name, 0);
    put_call(b, function, args, arg);
    return phase_end(b);
}

/* Puts a phase before, or behind, so many others. */
static void add_use(Build *b, PhaseUse **use, int *uses, int at, int phase)
{
    PhaseUse *more = NEW_ARRAY(b->arena, PhaseUse, *uses + 1);
    for (int i = 0; i < *uses; i++)
        more[i + (i >= at)] = (*use)[i];
    more[at] = (PhaseUse){.phase = phase};
    *use = more;
    ++*uses;
}

/* Sums for dL/dy = 1 of one sample, which then go to those of all (sweep.h). */
static void scale_sums(Lower *l, Kernel *k, Val slope)
{
    Build *b = l->b;
    int64_t count = lower_region(l, l->g->params);
    BufId all = build_buffer(
        b, (Buffer){.name = "all_sums", .space = SPACE_SUM, .count = count / LANES});
    CallArg dy = arg_buf(b, lower_buffer(l, slope), NULL),
            own = arg_buf(b, lower_sums(l), NULL), of_all = arg_buf(b, all, NULL),
            size = arg_int(b, count);
    assert(k->begins == 1);
    int clear_own = k->begin[0].phase;
    k->begins = 0;
    add_use(b, &k->begin, &k->begins, 0,
            one_call(b, "clear_all_sums", "clear", 2, (CallArg[]){of_all, size}));
    add_use(b, &k->end, &k->ends, 0,
            one_call(b, "take_all_sums", "order_numbers", 4,
                     (CallArg[]){own, arg_int(b, 0), of_all, size}));
    add_use(b, &k->block, &k->blocks, 0, one_call(b, "set_slope", "set_slope", 1, &dy));
    add_use(b, &k->block, &k->blocks, 0, clear_own);
    add_use(
        b, &k->block, &k->blocks, k->blocks,
        one_call(b, "scale_sums", "add_scaled", 4, (CallArg[]){of_all, own, dy, size}));
}

static void plan_kernel(Build *b, const Graph *g, What what, bool direct)
{
    Arena *a = b->arena;
    const Graph *reordered = graph_of(opt_reorder(g, a), what, a);
    if (!reordered)
        return;
    Lower l = {.b = b, .g = reordered, .direct = direct};
    l.f = fuse_graph(l.g, what, direct, a);
    l.ptr = NEW_ARRAY(a, Ptr, l.g->nodes);
    l.has_ptr = NEW_ARRAY(a, bool, l.g->nodes);
    Sweep sweep;
    bool may = what == WHAT_FORWARD ? is_free(g) : what == WHAT_GRADIENT && b->by_bands;
    if (may && sweep_of(l.f, &sweep, a)) {
        l.bands = sweep.bands;
        b->by_bands = true;
    }
    make_kernel(&l, graph_of(g, what == WHAT_WINNERS ? WHAT_GRADIENT : what, a), what);
    if (what == WHAT_WINNERS)
        choose_winners(&l, &b->p->kernel[what]);
    Kernel *swept = l.bands ? plan_sweep(b, what, &sweep) : NULL;
    if (swept && what == WHAT_GRADIENT)
        scale_sums(&l, swept, sweep.slope);
}

Program *plan_make(const Graph *g, const Target *target, const PlanOptions *options,
                   Arena *a)
{
    Program *p = NEW(a, Program);
    *p = (Program){.graph = g, .precision = options->precision, .target = *target};
    Build b = {.p = p, .arena = a};
    GROW(a, p->buffer, p->buffers, b.buffer_cap);
    p->buffers = 1;
    build_packed(&b);
    build_lattice(&b, &(Shape){.rank = 0});
    build_lattice(&b, &graph_node(g, g->input)->shape);

    for (int what = 0; what < WHAT_SWEEP; what++)
        plan_kernel(&b, g, what, options->direct);
    for (int what = 0; what < WHAT_COUNT; what++) /* halos are known by now */
        if (p->kernel[what].used)
            memory_plan(p, &p->kernel[what], a);
    if (!plan_verify(p,
                     stderr)) /* rather no code than code that computes wrong forces */
        unreachable();
    return p;
}
