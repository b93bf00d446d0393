#include "plan/sweep.h"

#include <inttypes.h>

#include "emit/parts.h"
#include "plan/cost.h"

/* Whether windows lead to another lattice, and are the first that do. */
static bool leads_elsewhere(const Program *p, int geometry)
{
    const Geometry *g = &p->geometry[geometry];
    bool first = g->in != g->out && !p->lattice[g->out].tiled;
    for (int i = 0; i < geometry; i++)
        first &= p->geometry[i].in != g->in || p->geometry[i].out != g->out;
    return first;
}

/* The numbers of bands into which all lattices divide, each band holding what windows reach
 * beyond another, and if it can be whole tiles. */
static void rows_lines(Writer *w, const Program *p)
{
    w_line(w, "int64_t rows = 0, most = f->extent1[0];");
    for (int i = 0; i < p->lattices; i++)
        if (emit_is_cut(p, i))
            w_line(w, "rows = common_divisor(rows, f->extent%d[0]);", i);
    for (int i = 0; i < p->lattices; i++)
        if (p->lattice[i].tiled) {
            int of = p->lattice[i].tiled;
            w_line(w,
                   "rows = common_divisor(rows, f->extent%d[0] %% 2 ? rows : "
                   "f->extent%d[0] / 2);",
                   of, of);
        }
    for (int i = 0; i < p->geometries; i++)
        if (leads_elsewhere(p, i)) {
            const Geometry *g = &p->geometry[i];
            w_open(w, "if (f->extent%d[0] != %d * f->extent%d[0])", g->in,
                   g->window.stride[0], g->out);
            w_line(
                w,
                "return 0; /* the rows that are left over would be others in bands */");
            w_close(w, "");
        }
    for (int i = 0; i < p->geometries; i++) {
        const Geometry *g = &p->geometry[i];
        int reach = sweep_reach(&g->window);
        if (reach > 1 && g->kind == NEAR_FORWARD) {
            w_open(w, "if (most > f->extent%d[0] / %d)", g->in, reach);
            w_line(w, "most = f->extent%d[0] / %d;", g->in, reach);
            w_close(w, "");
        }
    }
}

/* Ring, whether a block must have one sample, and what decides. */
static void sweep_row(Writer *w, const Program *p, What what)
{
    const Kernel *k = &p->kernel[what];
    if (!k->used) {
        w_line(w, "{0, 0, 0, 0, 0},");
        return;
    }
    const CostSweep cost = cost_sweep(p, k);
    w_line(w, "{%d, %d, %.3g, %.3g, %.3g},", k->ring, what == WHAT_SWEEP_BACK,
           cost.more, cost.far, cost.begin);
}

void emit_sweep_choice(Writer *w, const Program *p)
{
    w_line(
        w,
        "/* Whether a kernel sweeps in bands in place of another, and then into which "
        "parts it has");
    w_line(w, " * lattices cut. */");
    w_line(w, "static int sweeps(const Frame *f, int64_t batch, int which, int whole, "
              "Parts *parts)");
    w_brace(w);
    w_open(w, "static const SweepKernel of_kernel[] =");
    sweep_row(w, p, WHAT_SWEEP);
    sweep_row(w, p, WHAT_SWEEP_BACK);
    w_close(w, ";");
    w_line(w, "const double bytes = bytes_of_fields(f, whole);");
    w_open(w, "if (!worth_sweeping(bytes, parts))");
    w_line(w, "return 0;");
    w_close(w, "");
    rows_lines(w, p);
    w_line(w, "const Sweep s = {of_kernel[which - OF_SWEEP], rows, most,");
    w_line(w, "bytes_of_fields(f, which), bytes};");
    w_line(w, "Divisors can = {{0}};");
    w_line(w, "divisors(f, can);");
    w_line(w, "return choose_sweep(&s, AXES, f->extent1, &can, batch, parts);");
    w_close(w, "");
    w_blank(w);
}

void emit_bands_lines(Writer *w, const Program *p)
{
    for (int i = 0; i < p->lattices; i++)
        if (emit_has_bands(p, i))
            w_line(w, "f->first%d = 0, f->end%d = f->sites%d;", i, i, i);
    w_line(w, "f->opens = f->closes = f->inside = 1;");
}

void emit_take_band(Writer *w, const Program *p)
{
    w_line(
        w,
        "/* Goes to a band, if it is one of the part's or among so many before or behind "
        "them. */");
    w_line(
        w,
        "static int take_band(Frame *f, int64_t band, int64_t before, int64_t after)");
    w_brace(w);
    w_line(
        w,
        "const int64_t ring = f->parts.ring, place = (band %% ring + ring) %% ring;");
    w_open(w, "if (band < -before || band >= f->parts.bands + after)");
    w_line(w, "return 0;");
    w_close(w, "");
    w_line(w, "f->parts.band = band;");
    w_line(w, "f->opens = band == 0, f->closes = band == f->parts.bands - 1;");
    w_line(w, "f->inside = band >= 0 && band < f->parts.bands;");
    for (int i = 0; i < p->lattices; i++)
        if (emit_has_bands(p, i)) {
            w_line(w, "f->first%d = f->sites%d / ring * place;", i, i);
            w_line(w, "f->end%d = f->first%d + f->sites%d / ring;", i, i, i);
        }
    w_line(w, "return 1;");
    w_close(w, "");
    w_blank(w);
}
