#include "plan/lower.h"
#include "plan/value.h"

/* What the loops of one convolution need to know. */
typedef struct Conv {
    const Node *node;
    const Step *step;
    Val x; /* the value read                                         */
    int out, in, taps;
    BufId table;     /* near[tap][site], or none for a 1x1 convolution         */
    int64_t weights; /* offset in the packed parameters                        */
    int64_t bias;    /* likewise, -1: none                                     */
} Conv;

int64_t lower_pack_products(Lower *l, const Node *n, int axes, int width)
{
    Packing p = value_packing(l->g, n);
    p.from = build_packing(l->b, p);
    p.axes = axes;
    p.width = width;
    p.mirrored = n->op == OP_CONV_DX;
    return build_packing(l->b, p);
}

static Conv conv_of(Lower *l, const Step *step)
{
    const Node *n = graph_node(l->g, step->root);
    Conv c = {.node = n, .step = step, .x = n->arg[0]};
    c.out = n->shape.channels;
    c.in = graph_node(l->g, c.x)->shape.channels;
    c.taps = lower_taps(n);
    if (!fuse_same_site(n))
        c.table = lower_table(l, n->op == OP_CONV ? NEAR_FORWARD : NEAR_BACKWARD, n,
                              c.x, step->root);
    c.weights = build_packing(l->b, value_packing(l->g, n));
    c.bias = value_pack_bias(l->b, l->g, n);
    return c;
}

static void begin_sums(Lower *l, const Conv *c, const Made *m)
{
    Build *b = l->b;
    Ptr bias = {0};
    if (c->bias >= 0) {
        bias = ptr_new(b, "bias");
        put_point(b, bias, NULL, build_packed(l->b),
                  ix_add(b, ix(b, c->bias), m->channel));
    }
    Var i = put_unroll(b, "i", m->channels);
    Var s = put_unroll(b, "s", m->sites);
    const Vx *start = c->bias >= 0 ? vx_broadcast(b, bias, ix_var(b, i)) : vx_zero(b);
    put_hold(b, m->y, ix_element(ix_var(b, i), m->channels),
             ix_element(ix_var(b, s), m->sites), start);
    put_end(b);
    put_end(b);
}

/* x_s: where tap k of site s looks. */
static void point_at_taps(Lower *l, const Conv *c, const Made *m, Ptr x, Var tap)
{
    Build *b = l->b;
    Var s = put_unroll(b, "s", m->sites);
    const Ix *site = ix_add(b, m->site, ix_var(b, s));
    if (c->table.i) {
        const Ix *row =
            ix_mul(b, ix_var(b, tap), ix_sites(b, lower_lattice(l, c->step->root)));
        site = ix_table(b, c->table, ix_add(b, row, lower_site(l, site)));
    } else if (l->f->place[c->x.i] == PLACE_WORK) {
        site = lower_site(l, site);
    }
    put_point(b, x, ix_element(ix_var(b, s), m->sites), lower_buffer(l, c->x),
              lower_index(l, c->x, site, ix(b, 0), m->lane));
    put_end(b);
}

/* y[i][s] += w[tap][c][i] x_s[c] for `count` input channels from c on. */
static void multiply_add(Lower *l, const Made *m, Ptr x, Ptr w, const Ix *c,
                         const Ix *w_at, int width, int count)
{
    Build *b = l->b;
    Reg v = reg_new(b, "v"), u = reg_new(b, "u");
    Var k = put_unroll(b, "k", count);
    const Ix *at_k = ix_element(ix_var(b, k), count);
    Var s = put_unroll(b, "s", m->sites);
    put_hold(b, v, at_k, ix_element(ix_var(b, s), m->sites),
             vx_load(b, x, ix_element(ix_var(b, s), m->sites),
                     ix_scale(b, ix_add(b, c, ix_var(b, k)), LANES)));
    put_end(b);
    Var i = put_unroll(b, "i", m->channels);
    const Ix *at_i = ix_element(ix_var(b, i), m->channels);
    const Ix *from = ix_add(b, w_at, ix_scale(b, ix_var(b, k), width));
    put_declare(b, u, at_k, at_i, vx_broadcast(b, w, ix_add(b, from, ix_var(b, i))));
    s = put_unroll(b, "s", m->sites);
    const Ix *at_s = ix_element(ix_var(b, s), m->sites);
    put_set(b, m->y, at_i, at_s,
            vx_op3(b, VX_FMA, vx_reg(b, u, at_k, at_i), vx_reg(b, v, at_k, at_s),
                   vx_reg(b, m->y, at_i, at_s)));
    put_end(b);
    put_end(b);
    put_end(b);
}

/* Input channels in one turn of the inner loop: short loops cost more than they do.  Single
 * sites are the rest of a row, and narrow vectors take long anyway: not worth the code. */
static int channels_at_once(const Target *target, int in, int sites)
{
    if (target->vector_bytes < 64 || sites == 1 || in % 2)
        return 1;
    return in % 4 ? 2 : 4;
}

void lower_products(Lower *l, const Made *m, Ptr x, Ptr w, int in, int width,
                    const Ix *row)
{
    Build *b = l->b;
    int count = channels_at_once(&b->p->target, in, m->sites);
    Var c = put_for(b, "c", ix(b, 0), ix(b, in), count);
    const Ix *at = row ? ix_add(b, row, ix_var(b, c)) : ix_var(b, c);
    multiply_add(l, m, x, w, ix_var(b, c), ix_scale(b, at, width), width, count);
    put_end(b);
}

/* `channels` outputs from `first` on, which lie in a block of `width` packed outputs. */
static void lower_register_tile(Lower *l, const Conv *c, const Ix *block, int width,
                                const Ix *in_block, int channels)
{
    Build *b = l->b;
    Made m = {.channels = channels, .sites = l->tile.sites, .site = ix(b, 0)};
    Var lane = put_lanes(b);
    m.lane = ix_var(b, lane);
    m.channel = ix_add(b, ix_scale(b, block, PACK_WIDTH), in_block);
    m.y = reg_new(b, "y");
    begin_sums(l, c, &m);

    int64_t block_size = (int64_t)PACK_WIDTH * c->taps * c->in;
    Ptr w = ptr_new(b, "w"), x = ptr_new(b, "x");
    put_point(b, w, NULL, build_packed(l->b),
              ix_add(b, ix(b, c->weights),
                     ix_add(b, ix_scale(b, block, block_size), in_block)));
    Var tap = put_for(b, "tap", ix(b, 0), ix(b, c->taps), 1);
    point_at_taps(l, c, &m, x, tap);
    lower_products(l, &m, x, w, c->in, width, ix_scale(b, ix_var(b, tap), c->in));
    put_end(b);
    lower_chain(l, c->step, &m);
    put_end(b);
}

/* One block of packed outputs, in register tiles. */
static void lower_block(Lower *l, const Conv *c, const Ix *block, int width)
{
    Build *b = l->b;
    int channels = l->tile.channels < width ? l->tile.channels : width;
    int full = width / channels * channels;
    if (full == channels) {
        lower_register_tile(l, c, block, width, ix(b, 0), channels);
    } else {
        Var o = put_for(b, "o", ix(b, 0), ix(b, full), channels);
        lower_register_tile(l, c, block, width, ix_var(b, o), channels);
        put_end(b);
    }
    if (full < width)
        lower_register_tile(l, c, block, width, ix(b, full), width - full);
}

void lower_conv(Lower *l, const Step *step)
{
    Build *b = l->b;
    Conv c = conv_of(l, step);
    int full = c.out / PACK_WIDTH, rest = c.out % PACK_WIDTH;
    if (full) {
        Var block = put_for(b, "block", ix(b, 0), ix(b, full), 1);
        lower_block(l, &c, ix_var(b, block), PACK_WIDTH);
        put_end(b);
    }
    if (rest)
        lower_block(l, &c, ix(b, full), rest);
}

/* ---- of one sample: outputs in the lanes ---- */

/* Where the value is read from outside, each of its numbers has a vector of its own. */
static void lay_into_lanes(Lower *l, Val v)
{
    if (l->f->place[v.i] == PLACE_WORK)
        put_call(l->b, "outputs_to_lanes", 2,
                 (CallArg[]){arg_buf(l->b, lower_buffer(l, v), NULL),
                             arg_int(l->b, graph_node(l->g, v)->shape.channels)});
}

/* Inputs, as the steps before have left them or other phases. */
static BufId call_outputs(Lower *l, const Conv *c)
{
    Build *b = l->b;
    const char *name = value_name(l->g, c->step->root, b->arena);
    BufId sums = lower_near(l, arena_printf(b->arena, "%s_of_one", name),
                            lower_vectors(c->out), 1);
    CallArg bias =
        c->bias < 0 ? arg_word("none") : arg_buf(b, build_packed(b), ix(b, c->bias));
    int64_t pitch = lower_is_dense(l, c->x) ? 1 : LANES;
    put_call(b, "vec_outputs_of_one", 7,
             (CallArg[]){arg_buf(b, build_packed(b), ix(b, c->weights)), bias,
                         arg_buf(b, lower_buffer(l, c->x), NULL), arg_int(b, pitch),
                         arg_buf(b, sums, NULL), arg_int(b, c->out),
                         arg_int(b, c->in)});
    return sums;
}

/* Sums by a call of the prelude; then vector by vector what follows. */
void lower_linear(Lower *l, const Step *step)
{
    Build *b = l->b;
    Conv c = conv_of(l, step);
    BufId sums = call_outputs(l, &c);
    Ptr from = ptr_new(b, "sums");
    Var row = put_for(b, "row", ix(b, 0), ix(b, lower_vectors(c.out)), 1);
    put_point(b, from, NULL, sums, ix(b, 0));
    Var lane = put_lanes(b);
    Made m = {.channels = 1,
              .sites = 1,
              .channel = ix_var(b, row),
              .site = ix(b, 0),
              .lane = ix_var(b, lane),
              .y = reg_new(b, "y")};
    put_declare(
        b, m.y, NULL, NULL,
        vx_load(b, from, NULL, ix_add(b, ix_scale(b, ix_var(b, row), LANES), m.lane)));
    lower_chain(l, step, &m);
    put_end(b);
    put_end(b);
    lay_into_lanes(l, step->root);
    for (int i = 0; i < step->chains; i++)
        lay_into_lanes(l, step->chain[i]);
}
