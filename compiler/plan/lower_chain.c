#include "plan/lower.h"
#include "plan/value.h"

/* ---- one pointwise operator ---- */

/* Where channel i at site s of what is made has its place in the field v. */
typedef struct Spot {
    const Ix *ptr, *at; /* which pointer, if there is one for every site */
} Spot;

static Spot spot_of(Lower *l, Val v, const Made *m, Var i, Var s)
{
    Build *b = l->b;
    const Ix *channel = ix_add(b, m->channel, ix_var(b, i));
    if (lower_is_scattered(l, v))
        return (Spot){ix_var(b, s), lower_index(l, v, NULL, channel, m->lane)};
    const Ix *site = ix_add(b, m->site, ix_var(b, s));
    return (Spot){NULL, lower_index(l, v, site, channel, m->lane)};
}

/* y[i][s] = op(y[i][s], ..) for the whole tile; other operands are loaded. */
static void apply(Lower *l, Val v, Val current, const Made *m)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, v);
    Var i = put_unroll(b, "i", m->channels);
    Var s = put_unroll(b, "s", m->sites);
    const Ix *at_i = ix_element(ix_var(b, i), m->channels),
             *at_s = ix_element(ix_var(b, s), m->sites);
    const Vx *x[2] = {NULL, NULL};
    for (int k = 0; k < op_info[n->op].operands; k++) {
        Spot there = spot_of(l, n->arg[k], m, i, s);
        x[k] = n->arg[k].i == current.i
                   ? vx_reg(b, m->y, at_i, at_s)
                   : vx_load(b, l->ptr[n->arg[k].i], there.ptr, there.at);
    }
    put_set(b, m->y, at_i, at_s, value_point(b, n, x));
    put_end(b);
    put_end(b);
}

static void store(Lower *l, Val v, const Made *m)
{
    Build *b = l->b;
    if (l->f->place[v.i] < PLACE_STACK)
        return;
    Var i = put_unroll(b, "i", m->channels);
    Var s = put_unroll(b, "s", m->sites);
    Spot to = spot_of(l, v, m, i, s);
    put_store(b, l->ptr[v.i], to.ptr, to.at,
              vx_reg(b, m->y, ix_element(ix_var(b, i), m->channels),
                     ix_element(ix_var(b, s), m->sites)));
    put_end(b);
    put_end(b);
}

/* ---- global pools ---- */

/* y[i][from] + .. in a tree. */
static const Vx *sum_of_sites(Lower *l, const Made *m, Var i, int from, int sites)
{
    Build *b = l->b;
    if (sites == 1)
        return vx_reg(b, m->y, ix_element(ix_var(b, i), m->channels),
                      ix_element(ix(b, from), m->sites));
    return vx_op(b, VX_ADD, sum_of_sites(l, m, i, from, sites / 2),
                 sum_of_sites(l, m, i, from + sites / 2, sites - sites / 2));
}

static void add_up(Lower *l, Val pool, const Made *m)
{
    Build *b = l->b;
    Var i = put_unroll(b, "i", m->channels);
    const Ix *at =
        lower_index(l, pool, NULL, ix_add(b, m->channel, ix_var(b, i)), m->lane);
    const Vx *sum = sum_of_sites(l, m, i, 0, m->sites);
    put_store(b, l->ptr[pool.i], NULL, at,
              vx_op(b, VX_ADD, vx_load(b, l->ptr[pool.i], NULL, at), sum));
    put_end(b);
}

/* The first largest site wins: later ones must be greater. */
static void keep_largest(Lower *l, Val pool, const Made *m)
{
    Build *b = l->b;
    Val arg = l->f->arg_of[pool.i];
    const char *name = plan_buffer(b->p, lower_buffer(l, pool))->name;
    Reg max = reg_new(b, arena_printf(b->arena, "%s_max", name));
    Reg where = reg_new(b, arena_printf(b->arena, "%s_site", name));
    Var i = put_unroll(b, "i", m->channels);
    const Ix *at_i = ix_element(ix_var(b, i), m->channels);
    const Ix *at =
        lower_index(l, pool, NULL, ix_add(b, m->channel, ix_var(b, i)), m->lane);
    put_declare(b, max, at_i, NULL, vx_load(b, l->ptr[pool.i], NULL, at));
    if (arg.i)
        put_declare(b, where, at_i, NULL, vx_load(b, l->ptr[arg.i], NULL, at));
    for (int s = 0; s < m->sites; s++) {
        const Vx *y = vx_reg(b, m->y, ix_element(ix_var(b, i), m->channels),
                             ix_element(ix(b, s), m->sites));
        const Vx *old = vx_reg(b, max, at_i, NULL);
        const Ix *site = ix_add(b, l->site, ix_add(b, m->site, ix(b, s)));
        if (arg.i)
            put_set(b, where, at_i, NULL,
                    vx_op4(b, VX_GT, y, old, vx_index(b, site),
                           vx_reg(b, where, at_i, NULL)));
        put_set(b, max, at_i, NULL, vx_op(b, VX_MAX, y, old));
    }
    put_store(b, l->ptr[pool.i], NULL, at, vx_reg(b, max, at_i, NULL));
    if (arg.i)
        put_store(b, l->ptr[arg.i], NULL, at, vx_reg(b, where, at_i, NULL));
    put_end(b);
}

static void sinks_of(Lower *l, const Step *step, Val current, const Made *m)
{
    for (int k = 0; k < step->sinks; k++) {
        const Node *pool = graph_node(l->g, step->sink[k]);
        if (pool->arg[0].i != current.i)
            continue;
        if (pool->op == OP_GLOBAL_MAX)
            keep_largest(l, step->sink[k], m);
        else
            add_up(l, step->sink[k], m);
    }
}

void lower_chain(Lower *l, const Step *step, const Made *made)
{
    Val current = step->root;
    if (!step->load)
        store(l, current, made);
    sinks_of(l, step, current, made);
    for (int c = 0; c < step->chains; c++) {
        apply(l, step->chain[c], current, made);
        current = step->chain[c];
        store(l, current, made);
        sinks_of(l, step, current, made);
    }
    if (step->pool)
        lower_pool(l, step->pool, made);
}

static int channels_of(Lower *l, Val sink)
{
    const Node *n = graph_node(l->g, sink);
    return n->op == OP_CONV_DB ? (int)l->g->param[n->param].count : n->shape.channels;
}

static void call_on(Lower *l, const char *function, Val v, BufId buf)
{
    Build *b = l->b;
    int64_t size = (int64_t)channels_of(l, v) * LANES;
    put_call(b, function, 2, (CallArg[]){arg_buf(b, buf, NULL), arg_int(b, size)});
}

/* The gradient of a bias goes from strips to the sums of all blocks, the rest to a pool. */
static bool is_pool(Lower *l, Val sink)
{
    return graph_node(l->g, sink)->op != OP_CONV_DB;
}

static bool is_sum(Lower *l, Val sink)
{
    return graph_node(l->g, sink)->op != OP_GLOBAL_MAX;
}

/* The sum over one strip. */
static BufId strip_buffer(Lower *l, Val sink)
{
    const char *name = value_name(l->g, sink, l->b->arena);
    return lower_near(l, arena_printf(l->b->arena, "%s_strip", name),
                      channels_of(l, sink), 1);
}

/* Calls f on every sink of the group. */
static void each_sink(Lower *l, const Group *group, void (*f)(Lower *, Val))
{
    for (int s = 0; s < group->steps; s++)
        for (int k = 0; k < group->step[s].sinks; k++)
            f(l, group->step[s].sink[k]);
}

static bool has_pools(Lower *l, const Group *group)
{
    bool pools = false;
    for (int s = 0; s < group->steps; s++)
        for (int k = 0; k < group->step[s].sinks; k++)
            pools |= is_pool(l, group->step[s].sink[k]);
    return pools;
}

/* What is not done with every band. */
static void each_sink_if(Lower *l, const Group *group, const char *band,
                         void (*f)(Lower *, Val))
{
    Build *b = l->b;
    bool bands = build_has_bands(b, l->walked);
    if (bands)
        put_if(b, ix(b, 0), ix_word(b, band));
    each_sink(l, group, f);
    if (bands)
        put_end(b);
}

bool lower_has_sums(Lower *l, const Group *group)
{
    bool sums = false;
    for (int s = 0; s < group->steps; s++)
        for (int k = 0; k < group->step[s].sinks; k++)
            sums |= is_sum(l, group->step[s].sink[k]);
    return sums;
}

void lower_point_at_sink(Lower *l, Val pool)
{
    if (!is_sum(l, pool)) {
        lower_point_at(l, pool);
        return;
    }
    Build *b = l->b;
    BufId strip = strip_buffer(l, pool);
    l->ptr[pool.i] = ptr_new(b, value_name(l->g, pool, b->arena));
    l->has_ptr[pool.i] = true;
    put_point(b, l->ptr[pool.i], NULL, strip, ix(b, 0));
}

static void begin(Lower *l, Val pool)
{
    if (!is_pool(l, pool))
        return;
    call_on(l, is_sum(l, pool) ? "clear" : "lowest", pool, lower_buffer(l, pool));
    Val arg = l->f->arg_of[pool.i];
    if (arg.i)
        call_on(l, "clear", arg, lower_buffer(l, arg));
}

void lower_sinks_begin(Lower *l, const Group *group)
{
    if (has_pools(l, group))
        each_sink_if(l, group, "f->opens", begin);
}

static void strip_begin(Lower *l, Val pool)
{
    if (is_sum(l, pool))
        call_on(l, "clear", pool, strip_buffer(l, pool));
}

void lower_strip_begin(Lower *l, const Group *group)
{
    each_sink(l, group, strip_begin);
}

static void strip_end(Lower *l, Val pool)
{
    if (!is_sum(l, pool))
        return;
    if (!is_pool(l, pool)) {
        lower_bias_of_strip(l, pool, strip_buffer(l, pool));
        return;
    }
    Build *b = l->b;
    const Buffer *whole = plan_buffer(b->p, lower_buffer(l, pool));
    Ptr strip = ptr_new(b, "strip"), p = ptr_new(b, whole->name);
    Var c = put_for(b, "c", ix(b, 0), ix(b, whole->channels), 1);
    /* In the loop, whose scope they have: the walk may have other pools. */
    put_point(b, strip, NULL, strip_buffer(l, pool), ix_scale(b, ix_var(b, c), LANES));
    put_point(b, p, NULL, lower_buffer(l, pool), ix_scale(b, ix_var(b, c), LANES));
    Var lane = put_lanes(b);
    const Ix *at = ix_var(b, lane);
    put_store(b, p, NULL, at,
              vx_op(b, VX_ADD, vx_load(b, p, NULL, at), vx_load(b, strip, NULL, at)));
    put_end(b);
    put_end(b);
}

/* Bands beyond the part are those of another. */
void lower_strip_end(Lower *l, const Group *group)
{
    each_sink_if(l, group, "f->inside", strip_end);
}

/* What the parts of a sample have found; a mean is divided once. */
static void end(Lower *l, Val pool)
{
    if (!is_pool(l, pool))
        return;
    Build *b = l->b;
    const Node *n = graph_node(l->g, pool);
    Val arg = l->f->arg_of[pool.i];
    int lattice = lower_lattice(l, n->arg[0]);
    CallArg y = arg_buf(b, lower_buffer(l, pool), NULL),
            channels = arg_int(b, n->shape.channels);
    if (n->op == OP_GLOBAL_SUM)
        put_call(b, "join_sum", 3, (CallArg[]){arg_parts(), y, channels});
    else if (n->op == OP_GLOBAL_AVG)
        put_call(b, "join_mean", 4,
                 (CallArg[]){arg_parts(), y, channels, arg_ix(ix_sites(b, lattice))});
    else if (arg.i)
        put_call(b, "join_max", 5,
                 (CallArg[]){arg_parts(), arg_extent(lattice), y,
                             arg_buf(b, lower_buffer(l, arg), NULL), channels});
    else
        put_call(b, "join_largest", 3, (CallArg[]){arg_parts(), y, channels});
}

void lower_sinks_end(Lower *l, const Group *group)
{
    if (has_pools(l, group))
        each_sink_if(l, group, "f->closes", end);
}
