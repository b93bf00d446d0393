#include <inttypes.h>

#include "emit/parts.h"

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
            break;
        case SPACE_WORK:
            w_line(w, "real *%s; /* [sites%d%s][%d][16] */", b->name, b->lattice,
                   b->ghost ? " + 1" : "", b->channels);
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
    w_line(w, "const void *x;");
    w_line(w, "const real *target, *dy;");
    w_line(w, "real *y, *dx, *dparams;");
    w_line(w, "double *loss;");
    for (int i = 0; i < p->lattices; i++)
        if (p->lattice[i].rank)
            w_line(w, "int64_t extent%d[AXES], sites%d;", i, i);
        else
            w_line(w, "int64_t sites%d;", i);
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
        for (int axis = 0; axis < p->lattice[i].rank; axis++)
            extent_line(w, i, axis, p->lattice[i].extent[axis]);
        if (p->lattice[i].rank)
            w_line(w, "f->sites%d = checked_sites(AXES, f->extent%d);", i, i);
        else
            w_line(w, "f->sites%d = 1;", i);
    }
    const char *all = "";
    for (int i = 0; i < p->lattices; i++)
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
    return arena_printf(w->arena, "sizeof(real) * 16 * %d * (size_t)%s%s%d%s",
                        slot->channels, slot->ghost ? "(" : "", "f->sites",
                        slot->lattice, slot->ghost ? " + 1)" : "");
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
    }
}

void emit_layout(Writer *w, const Program *p)
{
    const Graph *g = p->graph;
    w_line(
        w,
        "/* Points the frame into `work` and returns the bytes needed: 0 for a lattice that");
    w_line(w, " * the network cannot take.  With work null it only counts. */");
    w_line(
        w,
        "static size_t lay_out(Frame *f, const int64_t *extent, ArchWhat what, void *work)");
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

static const char *numbers(Writer *w, const int *value, int count)
{
    const char *text = "";
    for (int i = 0; i < count; i++)
        text = arena_printf(w->arena, "%s%s%d", text, i ? ", " : "", value[i]);
    return text;
}

static void table_lines(Writer *w, const Program *p, const Geometry *g, int number)
{
    int axes = p->lattice[g->in].rank, circular[AXES_MAX];
    for (int axis = 0; axis < axes; axis++)
        circular[axis] = g->window.boundary[axis] == BOUNDARY_CIRCULAR;
    const char *table = plan_buffer(p, g->table)->name;
    w_open(w, "if (f->%s)", table);
    w_line(w, "static const Window w%d = {%d, {%s}, {%s}, {%s}, {%s}};", number, axes,
           numbers(w, g->window.kernel, axes), numbers(w, g->window.stride, axes),
           numbers(w, g->window.before, axes), numbers(w, circular, axes));
    const char *lattices =
        arena_printf(w->arena, "&w%d, f->extent%d, f->extent%d", number, g->in, g->out);
    switch (g->kind) {
    case NEAR_FORWARD: w_line(w, "fill_near(f->%s, %s);", table, lattices); break;
    case NEAR_BACKWARD: w_line(w, "fill_back(f->%s, %s);", table, lattices); break;
    case COVER: w_line(w, "fill_cover(f->%s, NULL, %s);", table, lattices); break;
    case COVER_TAP: w_line(w, "fill_cover(NULL, f->%s, %s);", table, lattices); break;
    }
    w_close(w, "");
}

void emit_tables(Writer *w, const Program *p)
{
    w_line(w, "/* Windows: axes, kernel, stride, sites before, wraps around. */");
    w_line(w, "static void fill_tables(const Frame *f)");
    w_brace(w);
    if (!p->geometries)
        w_line(w, "(void)f;");
    for (int i = 0; i < p->geometries; i++)
        table_lines(w, p, &p->geometry[i], i);
    w_close(w, "");
    w_blank(w);
}
