#include "plan/lower.h"

const Target plan_target[TARGETS] = {
    {.name = "avx512", .vector = "vec512", .vector_bytes = 64, .registers = 32},
    {.name = "avx2",   .vector = "vec256", .vector_bytes = 32, .registers = 16},
    {.name = "plain",  .vector = "vec128", .vector_bytes = 16, .registers = 16},
};

static int narrowest_conv(const Graph *g, const Group *group)
{
    int narrowest = 0;
    for (int s = 0; s < group->steps; s++) {
        const Node *n = graph_node(g, group->step[s].root);
        if (group->step[s].load || !fuse_is_conv(n))
            continue;
        if (!narrowest || n->shape.channels < narrowest)
            narrowest = n->shape.channels;
    }
    return narrowest;
}

/* One step of the inner loop loads `sites` vectors, broadcasts `channels` weights and does
 * channels x sites multiply-adds.  The accumulators must outnumber latency x throughput of
 * the multiply-add (8) and leave registers for the operands; the fewer loads for one
 * product, the better, in particular where another thread shares the core.  Four sites leave
 * no rest where parts have a power of two of them, down to the 2x2 of one 8x8 lattice. */
static Tile tile_of_width(const Target *target, int width)
{
    bool many = target->registers >= 32;
    if (many && width >= 3)
        return (Tile){width >= 4 ? 4 : 3, 4};
    if (width >= 8)
        return (Tile){4, 3};
    if (width >= 3)
        return (Tile){width >= 4 ? 4 : 3, 2};
    if (width == 2)
        return (Tile){2, 4};
    return (Tile){1, 8};
}

/* A window, and as many channels as leave registers for the operands. */
static Tile tile_of_window(const Target *target, int sites)
{
    int most = (target->registers >= 32 ? 16 : 8) / sites, channels = 1;
    while (2 * channels <= most)
        channels *= 2;
    return (Tile){channels, sites};
}

Tile tile_of_group(const Target *target, const Graph *g, const Group *group)
{
    int width = narrowest_conv(g, group);
    if (group->window.i)
        return tile_of_window(target, lower_taps(graph_node(g, group->window)));
    bool single_site = graph_node(g, group->step[0].root)->shape.rank == 0;
    if (!width)
        return (Tile){1, 1};
    if (single_site)
        return (Tile){PACK_WIDTH, 1};
    return tile_of_width(target, width);
}

Tile tile_of_fewer(Tile whole, int sites)
{
    int sums = whole.channels * whole.sites, channels = whole.channels;
    while (2 * channels * sites <= sums && 2 * channels <= PACK_WIDTH)
        channels *= 2;
    return (Tile){channels, sites};
}

Tile tile_of_weight(const Target *target)
{
    return target->registers >= 32 ? (Tile){4, 4} : (Tile){4, 2};
}
