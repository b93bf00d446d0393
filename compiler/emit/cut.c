#include <inttypes.h>

#include "emit/parts.h"
#include "plan/cost.h"

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
        if (emit_is_cut(p, i))
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
        if (!emit_has_halo(g))
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
        if (emit_has_halo(&p->geometry[i]))
            return true;
    return false;
}

/* Bytes of the fields of a block that is not cut, by kernel. */
static void emit_bytes(Writer *w, const Program *p)
{
    w_line(w, "/* Bytes of the fields that a kernel has, if nothing is cut. */");
    w_line(w, "static double bytes_of_fields(const Frame *f, int which)");
    w_brace(w);
    w_line(w, "double sites = 0; /* times channels */");
    w_open(w, "switch (which)");
    for (int what = 0; what < WHAT_COUNT; what++) {
        const Kernel *k = &p->kernel[what];
        int64_t *channels = NEW_ARRAY(w->arena, int64_t, p->lattices);
        if (!k->used)
            continue;
        for (int i = 0; i < k->slots; i++)
            channels[k->slot[i].lattice] += k->slot[i].channels;
        const char *sum = "0";
        for (int i = 0; i < p->lattices; i++)
            if (channels[i] && p->lattice[i].rank && !p->lattice[i].winners)
                sum = arena_printf(w->arena, "%s + %" PRId64 " * (double)f->sites%d",
                                   sum, channels[i], i);
        w_line(w, "case %s: sites = %s; break;", emit_what_enum[what], sum);
    }
    w_close(w, "");
    w_line(w, "return sites * ARCH_LANES * sizeof(real);");
    w_close(w, "");
    w_blank(w);
}

static void emit_divisors(Writer *w)
{
    w_line(w, "static void divisors(const Frame *f, Divisors can)");
    w_brace(w);
    w_open(w, "for (int axis = 0; axis < AXES; axis++)");
    w_open(w, "for (int64_t n = 1; n <= ARCH_LANES; n++)");
    w_line(w, "can[axis][n] = (unsigned char)divides(f, axis, n);");
    w_close(w, "");
    w_close(w, "");
    w_close(w, "");
    w_blank(w);
}

/* Of each kernel. */
static const char *far_numbers(Writer *w, const Program *p)
{
    const char *text = "";
    for (int what = 0; what < emit_kernel_count(p); what++) {
        const Kernel *k = &p->kernel[what];
        text = arena_printf(w->arena, "%s%s%.3g", text, what ? ", " : "",
                            k->used ? cost_far(p, k) : 0);
    }
    return text;
}

/* How a kernel would have its lattices cut. */
static void emit_parts(Writer *w, const Program *p)
{
    w_line(w, "/* How a kernel wants the lattices cut. */");
    w_line(w, "static Parts parts_of(const Frame *f, int64_t batch, int which)");
    w_brace(w);
    w_line(w, "/* longer, if all fields came from far memory */");
    w_line(w, "static const double far[] = {%s};", far_numbers(w, p));
    w_line(w, "const double bytes = bytes_of_fields(f, which);");
    w_line(w, "Divisors can = {{0}};");
    w_open(w, "if (worth_cutting(batch, bytes))");
    w_line(w, "divisors(f, can);");
    w_close(w, "");
    w_line(w, "return choose_parts(AXES, f->extent1, &can, batch, bytes, far[which]);");
    w_close(w, "");
    w_blank(w);
    if (p->kernel[WHAT_SWEEP].used)
        emit_sweep_choice(w, p);
}

static void sweep_lines(Writer *w, const char *whole, const char *sweep)
{
    w_open(w, "if (what == %s && sweeps(f, batch, %s, %s, &f->parts))", whole, sweep,
           whole);
    w_line(w, "f->which = %s;", sweep);
    w_close(w, "");
}

/* The gradient has two kernels, one of winners where a part has sites enough. */
static void choice_lines(Writer *w, const Program *p)
{
    const Kernel *k = &p->kernel[WHAT_WINNERS];
    w_line(w, "f->which = what;");
    if (k->used) {
        w_open(w, "if (what == ARCH_GRADIENT)");
        w_line(w, "f->which = OF_WINNERS;");
        w_close(w, "");
    }
    w_line(w, "f->parts = parts_of(f, batch, f->which);");
    if (p->kernel[WHAT_SWEEP].used) {
        sweep_lines(w, "ARCH_FORWARD", "OF_SWEEP");
        if (p->kernel[WHAT_SWEEP_BACK].used)
            sweep_lines(w, "ARCH_GRADIENT", "OF_SWEEP_BACK");
    }
    if (!k->used)
        return;
    w_open(w, "if (f->which == OF_WINNERS && f->sites%d / f->parts.count <= %d)",
           k->pooled, k->sites_least);
    w_line(w, "f->which = what;");
    w_line(w, "f->parts = parts_of(f, batch, what);");
    w_close(w, "");
}

/* In a sweep lattices have the rows of a ring. */
static void ring_lines(Writer *w, const Program *p)
{
    w_open(w, "if (f->parts.bands)");
    for (int i = 0; i < p->lattices; i++)
        if (emit_is_cut(p, i)) {
            w_line(w,
                   "f->extent%d[0] = f->extent%d[0] / f->parts.bands * f->parts.ring;",
                   i, i);
            w_line(w, "f->sites%d = f->sites%d / f->parts.bands * f->parts.ring;", i,
                   i);
        }
    w_close(w, "");
}

/* Tiles must not reach from one band into the next. */
static const char *in_whole_bands(Writer *w, const Program *p, int lattice)
{
    return p->kernel[WHAT_SWEEP].used
               ? arena_printf(w->arena,
                              " && band_rows(&f->parts, f->extent%d[0]) %% 2 == 0",
                              lattice)
               : "";
}

static void cut_lines(Writer *w, const Program *p)
{
    w_line(
        w,
        "/* Chooses the kernel and cuts lattices into parts: extents become those of a "
        "part. */");
    w_line(w, "static void cut(Frame *f, int64_t batch, ArchWhat what)");
    w_brace(w);
    if (!p->graph->rank) {
        w_line(w, "f->single = batch == 1;");
        w_line(w, "f->which = what;");
        w_line(w, "f->parts = (Parts){1, ARCH_LANES, {1, 1, 1, 1}, 0, 0, 0};");
        w_close(w, "");
        w_blank(w);
        return;
    }
    choice_lines(w, p);
    w_line(w, "f->single = batch == 1 || f->parts.samples == 1;");
    w_open(w, "for (int axis = 0; axis < AXES; axis++)");
    for (int i = 0; i < p->lattices; i++)
        if (emit_is_cut(p, i))
            w_line(w, "f->extent%d[axis] /= f->parts.grid[axis];", i);
    w_close(w, "");
    for (int i = 0; i < p->lattices; i++)
        if (emit_is_cut(p, i))
            w_line(w, "f->sites%d /= f->parts.count;", i);
    if (p->kernel[WHAT_SWEEP].used)
        ring_lines(w, p);
    for (int i = 0; i < p->lattices; i++)
        if (p->lattice[i].tiled)
            w_line(
                w,
                "f->tiled%d = cut_into_tiles(f->extent%d, f->extent%d, &f->sites%d) && "
                "f->sites%d >= %d%s;",
                i, p->lattice[i].tiled, i, i, i, TILES_LEAST,
                in_whole_bands(w, p, p->lattice[i].tiled));
    if (p->kernel[WHAT_SWEEP].used)
        emit_bands_lines(w, p);
    if (any_halo(p))
        w_line(w, "Reach reach;");
    reach_lines(w, p);
    w_close(w, "");
    w_blank(w);
}

void emit_cut(Writer *w, const Program *p)
{
    emit_windows(w, p);
    if (p->graph->rank) {
        emit_divides(w, p);
        emit_divisors(w);
        emit_bytes(w, p);
        emit_parts(w, p);
    }
    cut_lines(w, p);
}
