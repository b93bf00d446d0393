#include <inttypes.h>

#include "emit/parts.h"

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
            if (emit_has_halo(&p->geometry[b->geometry]))
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
    if (emit_kernel_count(p) > WHAT_WINNERS) {
        w_line(w, "/* Kernels in place of others. */");
        w_line(w, "enum { OF_WINNERS = ARCH_VJP + 1, OF_SWEEP, OF_SWEEP_BACK };");
        w_blank(w);
    }
    w_line(
        w,
        "/* What the phases of a kernel share: the call, the block in work, and where the");
    w_line(w, " * values of the network lie. */");
    w_open(w, "typedef struct Frame");
    w_line(w, "const ArchCall *call;");
    w_line(w, "int64_t block;");
    w_line(w, "Parts parts;");
    w_line(w, "int which; /* kernel: an ArchWhat%s%s */",
           p->kernel[WHAT_WINNERS].used ? ", or OF_WINNERS" : "",
           p->kernel[WHAT_SWEEP].used ? ", or OF_SWEEP" : "");
    if (p->kernel[WHAT_SWEEP].used)
        w_line(
            w,
            "int opens, closes, inside; /* whether a band is the first of a part, the "
            "last, one of it */");
    w_line(w, "int single; /* blocks have one sample */");
    w_line(w, "const void *x;");
    w_line(w, "const real *target, *dy;");
    w_line(w, "real *y, *dx, *dparams;");
    w_line(w, "double *loss;");
    for (int i = 0; i < p->lattices; i++)
        if (p->lattice[i].tiled)
            w_line(w, "int64_t extent%d[AXES], sites%d; int tiled%d; /* tiles of %d */",
                   i, i, i, p->lattice[i].tiled);
        else if (emit_is_cut(p, i))
            w_line(w, "int64_t extent%d[AXES], sites%d, halo%d;", i, i, i);
        else
            w_line(w, "int64_t sites%d, halo%d;", i, i);
    for (int i = 0; i < p->lattices; i++)
        if (emit_has_bands(p, i))
            w_line(w, "int64_t first%d, end%d; /* the band that is walked */", i, i);
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
        const Lattice *l = &p->lattice[i];
        if (!emit_is_cut(p, i)) {
            w_line(w, "f->sites%d = %" PRId64 ";", i,
                   l->winners ? l->extent[0].add : 1);
            continue;
        }
        for (int axis = 0; axis < l->rank; axis++)
            extent_line(w, i, axis, l->extent[axis]);
        w_line(w, "f->sites%d = checked_sites(AXES, f->extent%d);", i, i);
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
        if (b->space == SPACE_TABLE && emit_has_halo(&p->geometry[b->geometry]))
            w_line(w, "take_halo(&f->%s_halo, work, &used);", b->name);
    }
}

void emit_layout(Writer *w, const Program *p)
{
    const Graph *g = p->graph;
    emit_cut(w, p);
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
    w_line(w, "take(work, &used, sizeof *f);");
    w_line(w, "cut(f, batch, what);");
    w_open(w, "switch (f->which)");
    for (int what = 0; what < WHAT_COUNT; what++) {
        if (!p->kernel[what].used)
            continue;
        w_line(w, "case %s:", emit_what_enum[what]);
        w->depth++;
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
