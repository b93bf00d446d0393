#include "plan/outer.h"
#include "plan/value.h"

typedef struct Site {
    Val field;
    const Ix *at;
} Site;

static void transpose(Lower *l, const Outer *o, const Turn *turn, void *context)
{
    Build *b = l->b;
    const Site *site = context;
    const Ix *from = lower_index(l, site->field, site->at, turn->channel, ix(b, 0));
    put_call(b, "vec_transpose", 3,
             (CallArg[]){arg_buf(b, lower_buffer(l, site->field), from),
                         arg_buf(b, o->panels, turn->to), arg_int(b, turn->next)});
}

void outer_weight(Lower *l, Val v)
{
    Build *b = l->b;
    const Node *n = graph_node(l->g, v);
    bool turned_dy = outer_form(l->g, n->param) == OUTER_DY;
    Val turned = n->arg[turned_dy ? 0 : 1], other = n->arg[turned_dy ? 1 : 0];
    Node window = *n;
    window.shape = graph_node(l->g, n->arg[0])->shape;
    Outer o = {.rows = graph_node(l->g, other)->shape.channels,
               .columns = graph_node(l->g, turned)->shape.channels,
               .products = lower_taps(&window),
               .turned_dy = turned_dy,
               .strip = graph_node(l->g, turned)->shape.rank ? OUTER_SITES : 1,
               .row = lower_buffer(l, other),
               .row_size = lower_row(graph_node(l->g, other)),
               .region = lower_region(l, n->param)};
    int lattice = lower_lattice(l, turned);
    if (!fuse_same_site(&window)) {
        GeometryKind kind = turned_dy ? NEAR_FORWARD : NEAR_BACKWARD;
        o.table = lower_table(l, kind, &window, other, turned);
        o.table_row = ix_sites(b, lattice);
        lower_surround(l, kind, &window, other, turned);
    }
    o.panels = outer_panels(l, &o, turned);
    const Ix *to;
    Var from = lower_strips(l, lattice, o.strip, &to);
    o.row_first = ix_var(b, from);
    o.sites = ix_add(b, to, ix_scale(b, ix_var(b, from), -1));
    Var at = put_for(b, "at", ix(b, 0), o.sites, 1);
    Site site = {turned, ix_add(b, ix_var(b, from), ix_var(b, at))};
    outer_turn(l, &o, ix_var(b, at), transpose, &site);
    put_end(b);
    outer_sums(l, &o);
    put_end(b);
}
