#include <inttypes.h>

#include "emit/parts.h"

/* Windows of a pool stay within a part. */
static bool has_halo(const Geometry *g)
{
    return g->kind == NEAR_FORWARD || g->kind == NEAR_BACKWARD;
}

/* The ghost and the halo behind the sites of a field. */
static const char *around(Writer *w, int lattice)
{
    return arena_printf(w->arena, " + 1 + halo%d", lattice);
}

/* ---- struct Frame ---- */

static void frame_buffers(Writer *w, const Program *p)
{
    for (int i = 1; i < p->buffers; i++) {
        const Buffer *b = &p->buffer[i];
        switch (b->space) {
        case SPACE_NONE:
        case SPACE_STACK: break;
        case SPACE_PACKED: w_line(w, "const real *%s;", b->name); break;
        case SPACE_TABLE:
            w_line(w, "int32_t *%s; /* [%" PRId64 "][sites%d] */", b->name, b->count,
                   b->lattice);
            if (has_halo(&p->geometry[b->geometry]))
                w_line(w, "Halo %s_halo;", b->name);
            break;
        case SPACE_WORK:
            w_line(w, "real *%s; /* [sites%d%s][%d][16] */", b->name, b->lattice,
                   b->around ? around(w, b->lattice) : "", b->channels);
            break;
        case SPACE_SUM:
            w_line(w, "real *%s; /* [%" PRId64 "][16] */", b->name, b->count);
            break;
        }
    }
}

void emit_frame(Writer *w, const Program *p)
{
    w_line(
        w,
        "/* What the phases of a kernel share: the call, the block in work, and where the");
    w_line(w, " * values of the network lie. */");
    w_open(w, "typedef struct Frame");
    w_line(w, "const ArchCall *call;");
    w_line(w, "int64_t block;");
    w_line(w, "Parts parts;");
    w_line(w, "const void *x;");
    w_line(w, "const real *target, *dy;");
    w_line(w, "real *y, *dx, *dparams;");
    w_line(w, "double *loss;");
    for (int i = 0; i < p->lattices; i++)
        if (p->lattice[i].tiled)
            w_line(w, "int64_t extent%d[AXES], sites%d; int tiled%d; /* tiles of %d */",
                   i, i, i, p->lattice[i].tiled);
        else if (p->lattice[i].rank)
            w_line(w, "int64_t extent%d[AXES], sites%d, halo%d;", i, i, i);
        else
            w_line(w, "int64_t sites%d, halo%d;", i, i);
    frame_buffers(w, p);
    w_close(w, " Frame;");
    w_blank(w);
}

/* ---- lay_out ---- */

static void extent_line(Writer *w, int lattice, int axis, Extent e)
{
    if (e.axis < 0)
        w_line(w, "f->extent%d[%d] = %" PRId64 ";", lattice, axis, e.add);
    else if (e.add == 0 && e.div == 1)
        w_line(w, "f->extent%d[%d] = extent[%d];", lattice, axis, e.axis);
    else
        w_line(w, "f->extent%d[%d] = (extent[%d] + %" PRId64 ") / %" PRId64 ";",
               lattice, axis, e.axis, e.add, e.div);
}

static void lattice_lines(Writer *w, const Program *p)
{
    for (int i = 0; i < p->lattices; i++) {
        if (p->lattice[i].tiled)
            continue;
        for (int axis = 0; axis < p->lattice[i].rank; axis++)
            extent_line(w, i, axis, p->lattice[i].extent[axis]);
        if (p->lattice[i].rank)
            w_line(w, "f->sites%d = checked_sites(AXES, f->extent%d);", i, i);
        else
            w_line(w, "f->sites%d = 1;", i);
    }
    const char *all = "";
    for (int i = 0; i < p->lattices; i++)
        if (!p->lattice[i].tiled)
            all = arena_printf(w->arena, "%s%s!f->sites%d", all, i ? " || " : "", i);
    w_open(w, "if (%s)", all);
    w_line(w, "return 0;");
    w_close(w, "");
}

static const char *slot_bytes(Writer *w, const Program *p, const Slot *slot)
{
    const Buffer *b = plan_buffer(p, slot->buf[0]);
    if (b->space == SPACE_TABLE)
        return arena_printf(w->arena,
                            "sizeof(int32_t) * %" PRId64 " * (size_t)f->sites%d",
                            b->count, b->lattice);
    if (b->space == SPACE_SUM)
        return arena_printf(w->arena, "sizeof(real) * 16 * %" PRId64, b->count);
    if (slot->around)
        return arena_printf(
            w->arena, "sizeof(real) * 16 * %d * (size_t)(f->sites%d + 1 + f->halo%d)",
            slot->channels, slot->lattice, slot->lattice);
    return arena_printf(w->arena, "sizeof(real) * 16 * %d * (size_t)f->sites%d",
                        slot->channels, slot->lattice);
}

static void slot_lines(Writer *w, const Program *p, const Kernel *k)
{
    for (int i = 0; i < k->slots; i++) {
        const Slot *slot = &k->slot[i];
        const char *all = "";
        for (int j = 0; j < slot->bufs; j++)
            all = arena_printf(w->arena, "%sf->%s = ", all,
                               plan_buffer(p, slot->buf[j])->name);
        w_line(w, "%stake(work, &used, %s);", all, slot_bytes(w, p, slot));
        const Buffer *b = plan_buffer(p, slot->buf[0]);
        if (b->space == SPACE_TABLE && has_halo(&p->geometry[b->geometry]))
            w_line(w, "take_halo(&f->%s_halo, work, &used);", b->name);
    }
}

/* ---- parts ---- */

static const char *numbers(Writer *w, const int *value, int count)
{
    const char *text = "";
    for (int i = 0; i < count; i++)
        text = arena_printf(w->arena, "%s%s%d", text, i ? ", " : "", value[i]);
    return count ? text : "0";
}

/* One window for each pair of lattices it leads from and to. */
static void emit_windows(Writer *w, const Program *p)
{
    if (p->geometries)
        w_line(w, "/* Axes, kernel, stride, sites before, wraps around. */");
    for (int i = 0; i < p->geometries; i++) {
        const Geometry *g = &p->geometry[i];
        int axes = p->lattice[g->in].rank, circular[AXES_MAX];
        for (int axis = 0; axis < axes; axis++)
            circular[axis] = g->window.boundary[axis] == BOUNDARY_CIRCULAR;
        w_line(w, "static const Window window_%s = {%d, {%s}, {%s}, {%s}, {%s}};",
               plan_buffer(p, g->table)->name, axes, numbers(w, g->window.kernel, axes),
               numbers(w, g->window.stride, axes), numbers(w, g->window.before, axes),
               numbers(w, circular, axes));
    }
    if (p->geometries)
        w_blank(w);
}

/* Parts must be whole on every lattice, and what a window makes of a part must be a part. */
static void emit_divides(Writer *w, const Program *p)
{
    bool tiles = false;
    for (int i = 0; i < p->lattices; i++)
        tiles |= p->lattice[i].tiled != 0;
    w_line(
        w,
        "/* Whether each lattice divides into n parts along an axis; 2: and each part into");
    w_line(w, " * tiles. */");
    w_line(w, "static int divides(const Frame *f, int axis, int64_t n)");
    w_brace(w);
    w_line(w, tiles ? "int can = 1, even = 1;" : "int can = 1;");
    for (int i = 0; i < p->lattices; i++)
        if (p->lattice[i].rank && !p->lattice[i].tiled)
            w_line(w, "can &= f->extent%d[axis] %% n == 0;", i);
    for (int i = 0; i < p->geometries; i++) {
        const Geometry *g = &p->geometry[i];
        if (p->lattice[g->out].tiled)
            continue;
        w_line(
            w,
            "can &= f->extent%d[axis] == window_%s.stride[axis] * f->extent%d[axis];",
            g->in, plan_buffer(p, g->table)->name, g->out);
    }
    w_line(w, "can |= n == 1;");
    for (int i = 0; i < p->lattices; i++)
        if (p->lattice[i].tiled)
            w_line(w, "even &= f->extent%d[axis] / n %% 2 == 0;", p->lattice[i].tiled);
    w_line(w, tiles ? "return can + (can && even);" : "return 2 * can;");
    w_close(w, "");
    w_blank(w);
}

static void reach_lines(Writer *w, const Program *p)
{
    for (int i = 0; i < p->geometries; i++) {
        const Geometry *g = &p->geometry[i];
        if (!has_halo(g))
            continue;
        const char *table = plan_buffer(p, g->table)->name;
        bool forward = g->kind == NEAR_FORWARD;
        w_line(w, "reach = reach_%s(&window_%s, &f->parts, f->extent%d, f->extent%d);",
               forward ? "forward" : "backward", table, g->in, g->out);
        w_line(w, "f->%s_halo.sites = halo_sites(&reach);", table);
        int lattice = forward ? g->in : g->out;
        w_open(w, "if (f->halo%d < f->%s_halo.sites)", lattice, table);
        w_line(w, "f->halo%d = f->%s_halo.sites;", lattice, table);
        w_close(w, "");
    }
}

static bool any_halo(const Program *p)
{
    for (int i = 0; i < p->geometries; i++)
        if (has_halo(&p->geometry[i]))
            return true;
    return false;
}

/* Bytes of the fields of a block that is not cut, by kernel. */
static void bytes_lines(Writer *w, const Program *p)
{
    w_line(w, "double sites = 0; /* times channels */");
    w_open(w, "switch (what)");
    for (int what = 0; what < WHAT_COUNT; what++) {
        const Kernel *k = &p->kernel[what];
        int64_t *channels = NEW_ARRAY(w->arena, int64_t, p->lattices);
        for (int i = 0; k->used && i < k->slots; i++)
            channels[k->slot[i].lattice] += k->slot[i].channels;
        const char *sum = "0";
        for (int i = 0; i < p->lattices; i++)
            if (channels[i] && p->lattice[i].rank)
                sum = arena_printf(w->arena, "%s + %" PRId64 " * (double)f->sites%d",
                                   sum, channels[i], i);
        w_line(w, "case %s: sites = %s; break;", emit_what_enum[what], sum);
    }
    w_close(w, "");
}

static void emit_parts(Writer *w, const Program *p)
{
    if (p->graph->rank)
        emit_divides(w, p);
    w_line(
        w,
        "/* Cuts lattices into parts, as `kept` tells if it is there: extents become those");
    w_line(w, " * of a part. */");
    w_line(
        w,
        "static void cut(Frame *f, int64_t batch, ArchWhat what, const Parts *kept)");
    w_brace(w);
    if (!p->graph->rank) {
        w_line(w, "(void)batch, (void)what, (void)kept;");
        w_line(w, "f->parts = (Parts){1, ARCH_LANES, {1, 1, 1, 1}};");
        w_close(w, "");
        w_blank(w);
        return;
    }
    bytes_lines(w, p);
    w_line(w, "const double bytes = sites * ARCH_LANES * sizeof(real);");
    w_line(w, "Divisors can = {{0}};");
    w_line(w, "const int search = !kept && worth_cutting(batch, bytes);");
    w_open(w, "for (int axis = 0; search && axis < AXES; axis++)");
    w_open(w, "for (int64_t n = 1; n <= ARCH_LANES; n++)");
    w_line(w, "can[axis][n] = (unsigned char)divides(f, axis, n);");
    w_close(w, "");
    w_close(w, "");
    w_line(
        w,
        "f->parts = kept ? *kept : choose_parts(AXES, f->extent1, &can, batch, bytes);");
    w_open(w, "for (int axis = 0; axis < AXES; axis++)");
    for (int i = 0; i < p->lattices; i++)
        if (p->lattice[i].rank && !p->lattice[i].tiled)
            w_line(w, "f->extent%d[axis] /= f->parts.grid[axis];", i);
    w_close(w, "");
    for (int i = 0; i < p->lattices; i++)
        if (p->lattice[i].rank && !p->lattice[i].tiled)
            w_line(w, "f->sites%d /= f->parts.count;", i);
    for (int i = 0; i < p->lattices; i++)
        if (p->lattice[i].tiled)
            w_line(
                w,
                "f->tiled%d = cut_into_tiles(f->extent%d, f->extent%d, &f->sites%d) && "
                "f->sites%d >= %d;",
                i, p->lattice[i].tiled, i, i, i, TILES_LEAST);
    if (any_halo(p))
        w_line(w, "Reach reach;");
    reach_lines(w, p);
    w_close(w, "");
    w_blank(w);
}

void emit_layout(Writer *w, const Program *p)
{
    const Graph *g = p->graph;
    emit_windows(w, p);
    emit_parts(w, p);
    w_line(
        w,
        "/* Points the frame into `work` and returns the bytes needed: 0 for a lattice that");
    w_line(w, " * the network cannot take.  With work null it only counts. */");
    w_line(w, "static size_t lay_out(Frame *f, const int64_t *extent, int64_t batch, "
              "ArchWhat what, void *work)");
    w_brace(w);
    w_line(w, "size_t used = 0;");
    if (!g->rank)
        w_line(w, "(void)extent;");
    for (int axis = 0; axis < g->rank; axis++)
        if (g->fixed[axis]) {
            w_open(w, "if (extent[%d] != %" PRId64 ")", axis, g->fixed[axis]);
            w_line(w, "return 0;");
            w_close(w, "");
        }
    lattice_lines(w, p);
    w_line(w, "Parts *kept = (Parts *)take(work, &used, sizeof *kept);");
    w_line(w, "const int known = f->call && f->call->kept;");
    w_line(w, "cut(f, batch, what, known ? kept : NULL);");
    w_open(w, "if (work && !known)");
    w_line(w, "*kept = f->parts;");
    w_close(w, "");
    w_open(w, "switch (what)");
    for (int what = 0; what < WHAT_COUNT; what++) {
        w_line(w, "case %s:", emit_what_enum[what]);
        w->depth++;
        if (p->kernel[what].used)
            slot_lines(w, p, &p->kernel[what]);
        w_line(w, "break;");
        w->depth--;
    }
    w_close(w, "");
    w_line(w, "return used;");
    w_close(w, "");
    w_blank(w);
}

/* ---- tables ---- */

static void table_lines(Writer *w, const Program *p, const Geometry *g)
{
    const char *table = plan_buffer(p, g->table)->name;
    const char *where =
        arena_printf(w->arena, "f->extent%d, f->extent%d", g->in, g->out);
    w_open(w, "if (f->%s)", table);
    switch (g->kind) {
    case NEAR_FORWARD:
    case NEAR_BACKWARD:
        w_line(w, "fill_%s(f->%s, &f->%s_halo, &window_%s, &f->parts, %s);",
               g->kind == NEAR_FORWARD ? "near" : "back", table, table, table, where);
        break;
    case COVER:
        w_line(w, "fill_cover(f->%s, NULL, &window_%s, %s);", table, table, where);
        break;
    case COVER_TAP:
        w_line(w, "fill_cover(NULL, f->%s, &window_%s, %s);", table, table, where);
        break;
    }
    w_close(w, "");
}

void emit_tables(Writer *w, const Program *p)
{
    w_line(w, "static void fill_tables(const Frame *f)");
    w_brace(w);
    if (!p->geometries)
        w_line(w, "(void)f;");
    for (int i = 0; i < p->geometries; i++)
        table_lines(w, p, &p->geometry[i]);
    w_close(w, "");
    w_blank(w);
}
