#include <string.h>

#include "plan/build.h"

static bool lattice_equal(const Lattice *a, const Lattice *b)
{
    if (a->rank != b->rank || a->tiled != b->tiled || a->winners != b->winners)
        return false;
    for (int k = 0; k < a->rank; k++)
        if (!extent_equal(a->extent[k], b->extent[k]))
            return false;
    return true;
}

static int add_lattice(Build *b, const Lattice *l)
{
    Program *p = b->p;
    for (int i = 0; i < p->lattices; i++)
        if (lattice_equal(&p->lattice[i], l))
            return i;
    GROW(b->arena, p->lattice, p->lattices, b->lattice_cap);
    p->lattice[p->lattices] = *l;
    return p->lattices++;
}

int build_lattice(Build *b, const Shape *shape)
{
    Lattice l = {.rank = shape->rank, .winners = shape->winners};
    memcpy(l.extent, shape->extent, sizeof l.extent);
    return add_lattice(b, &l);
}

int build_tiles(Build *b, int lattice)
{
    Lattice l = b->p->lattice[lattice];
    l.tiled = lattice;
    return add_lattice(b, &l);
}

static bool buffer_equal(const Buffer *a, const Buffer *b)
{
    return !strcmp(a->name, b->name) && a->space == b->space &&
           a->channels == b->channels && a->lattice == b->lattice &&
           a->count == b->count && a->geometry == b->geometry && a->far == b->far;
}

BufId build_buffer(Build *b, Buffer buffer)
{
    Program *p = b->p;
    const char *name = buffer.name;
    int namesakes = 1;
    for (int i = 1; i < p->buffers; i++) {
        if (buffer_equal(&p->buffer[i], &buffer)) {
            p->buffer[i].around |= buffer.around;
            return (BufId){i};
        }
        if (strcmp(p->buffer[i].name, buffer.name))
            continue;
        buffer.name = arena_printf(b->arena, "%s_%d", name, ++namesakes);
        i = 0;
    }
    GROW(b->arena, p->buffer, p->buffers, b->buffer_cap);
    p->buffer[p->buffers] = buffer;
    return (BufId){p->buffers++};
}

BufId build_packed(Build *b)
{
    return build_buffer(b, (Buffer){.name = "packed", .space = SPACE_PACKED});
}

static int geometry_rows(GeometryKind kind, const Window *w, int rank)
{
    int rows = 1;
    for (int k = 0; k < rank; k++) {
        bool by_tap = kind == NEAR_FORWARD || kind == NEAR_BACKWARD;
        rows *=
            by_tap ? w->kernel[k] : (w->kernel[k] + w->stride[k] - 1) / w->stride[k];
    }
    return rows;
}

static bool window_equal(const Window *a, const Window *b, int rank)
{
    for (int k = 0; k < rank; k++)
        if (a->kernel[k] != b->kernel[k] || a->stride[k] != b->stride[k] ||
            a->before[k] != b->before[k] || a->boundary[k] != b->boundary[k])
            return false;
    return true;
}

BufId build_table(Build *b, GeometryKind kind, const Window *w, int in, int out)
{
    static const char *const prefix[] = {"near", "back", "cover", "cover_tap"};
    Program *p = b->p;
    int rank = p->lattice[in].rank;
    int twin = p->geometries; /* tables of one window share its number */
    for (int i = p->geometries; i-- > 0;) {
        const Geometry *g = &p->geometry[i];
        if (g->in != in || g->out != out || !window_equal(&g->window, w, rank))
            continue;
        if (g->kind == kind)
            return g->table;
        twin = i;
    }
    GROW(b->arena, p->geometry, p->geometries, b->geometry_cap);
    int n = p->geometries++;
    int rows = geometry_rows(kind, w, rank);
    BufId table = build_buffer(
        b, (Buffer){.name = arena_printf(b->arena, "%s%d", prefix[kind], twin + 1),
                    .space = SPACE_TABLE,
                    .lattice = kind == NEAR_FORWARD ? out : in,
                    .count = rows,
                    .geometry = n});
    p->geometry[n] = (Geometry){kind, *w, in, out, rows, table};
    return table;
}

static bool packing_equal(const Packing *a, const Packing *b)
{
    return a->param == b->param && a->out == b->out && a->in == b->in &&
           a->taps == b->taps && a->stride_out == b->stride_out &&
           a->stride_in == b->stride_in && a->stride_tap == b->stride_tap &&
           a->axes == b->axes && a->width == b->width && a->mirrored == b->mirrored;
}

int64_t build_packing(Build *b, Packing packing)
{
    Program *p = b->p;
    for (int i = 0; i < p->packings; i++)
        if (packing_equal(&p->packing[i], &packing))
            return p->packing[i].offset;
    GROW(b->arena, p->packing, p->packings, b->packing_cap);
    packing.offset = p->packed_count;
    p->packing[p->packings++] = packing;
    int64_t count = (int64_t)packing.out * packing.in * packing.taps;
    for (int axis = 0; axis < packing.axes; axis++)
        count = count / 2 * 3;
    p->packed_count += (count + LANES - 1) / LANES * LANES;
    return packing.offset;
}
