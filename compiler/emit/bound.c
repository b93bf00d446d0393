#include "emit/parts.h"
#include "plan/cost.h"

static const char *const isa[TARGETS] = {"ARCH_ISA_AVX512", "ARCH_ISA_AVX2",
                                         "ARCH_ISA_PLAIN"};

/* What a number of cycles, or of bytes, is multiplied with. */
typedef enum TermKind {
    TERM_ONCE,
    TERM_ONE,
    TERM_SITE,
    TERM_STRIP,
    TERM_HALO,
    TERM_BYTES
} TermKind;

typedef struct Term {
    TermKind kind;
    int i; /* lattice, or geometry */
} Term;

/* Those that are not 0 everywhere. */
typedef struct Terms {
    const Program *p; /* lattices and tables are the same for all instruction sets */
    CostLine line[TARGETS][WHAT_COUNT];
    Term *term;
    int count;
} Terms;

static double value_of(const Terms *t, Term k, int target, int what)
{
    const CostLine *line = &t->line[target][what];
    if (!t->p->kernel[what].used)
        return 0;
    switch (k.kind) {
    case TERM_ONCE: return line->once;
    case TERM_ONE: return line->one;
    case TERM_SITE: return line->site[k.i];
    case TERM_STRIP: return line->strip[k.i];
    case TERM_HALO: return line->halo[k.i];
    case TERM_BYTES: return line->bytes[k.i];
    }
    unreachable();
}

static void add_term(Terms *t, TermKind kind, int i)
{
    const Term term = {kind, i};
    bool any = false;
    for (int target = 0; target < TARGETS; target++)
        for (int what = 0; what < WHAT_COUNT; what++)
            any |= value_of(t, term, target, what) != 0;
    if (any)
        t->term[t->count++] = term;
}

static Terms terms_of(const EmitInput *in, Arena *a)
{
    const Program *p = in->program[0];
    Terms t = {.p = p, .term = NEW_ARRAY(a, Term, 2 + 3 * p->lattices + p->geometries)};
    for (int target = 0; target < TARGETS; target++)
        for (int what = 0; what < WHAT_COUNT; what++)
            if (p->kernel[what].used)
                t.line[target][what] = cost_line(in->program[target],
                                                 &in->program[target]->kernel[what], a);
    add_term(&t, TERM_ONCE, 0);
    add_term(&t, TERM_ONE, 0);
    for (int i = 0; i < p->lattices; i++)
        add_term(&t, TERM_SITE, i);
    for (int i = 0; i < p->lattices; i++)
        add_term(&t, TERM_STRIP, i);
    for (int i = 0; i < p->geometries; i++)
        add_term(&t, TERM_HALO, i);
    for (int i = 0; i < p->lattices; i++)
        add_term(&t, TERM_BYTES, i);
    return t;
}

/* A member of the struct Least. */
static const char *member(Writer *w, const Terms *t, Term k)
{
    switch (k.kind) {
    case TERM_ONCE: return "once";
    case TERM_ONE: return "one";
    case TERM_SITE: return arena_printf(w->arena, "site%d", k.i);
    case TERM_STRIP: return arena_printf(w->arena, "strip%d", k.i);
    case TERM_HALO:
        return arena_printf(w->arena, "%s_halo",
                            plan_buffer(t->p, t->p->geometry[k.i].table)->name);
    case TERM_BYTES: return arena_printf(w->arena, "bytes%d", k.i);
    }
    unreachable();
}

static const char *product(Writer *w, const Terms *t, Term k)
{
    const char *name = member(w, t, k);
    switch (k.kind) {
    case TERM_ONCE: return "l->once";
    case TERM_ONE: return "l->one * f.single";
    case TERM_SITE:
    case TERM_BYTES:
        return arena_printf(w->arena, "l->%s * (double)%s", name,
                            emit_part_sites(w, t->p, k.i, "f."));
    case TERM_STRIP:
        return arena_printf(w->arena, "l->%s * strips(%s)", name,
                            emit_part_sites(w, t->p, k.i, "f."));
    case TERM_HALO:
        return arena_printf(w->arena, "l->%s * (double)f.%s.sites", name, name);
    }
    unreachable();
}

static void add_terms(Writer *w, const Terms *t, const char *to, bool bytes)
{
    for (int i = 0; i < t->count; i++)
        if ((t->term[i].kind == TERM_BYTES) == bytes)
            w_line(w, "%s += %s;", to, product(w, t, t->term[i]));
}

static const char *row(Writer *w, const Terms *t, int target, int what)
{
    const char *text = "";
    for (int i = 0; i < t->count; i++) {
        double value = value_of(t, t->term[i], target, what);
        text = arena_printf(w->arena, "%s%s%.6g", text, i ? ", " : "", value);
    }
    return text;
}

static void emit_least(Writer *w, const Terms *t)
{
    const char *names = "";
    for (int i = 0; i < t->count; i++)
        names = arena_printf(w->arena, "%s%s%s", names, i ? ", " : "",
                             member(w, t, t->term[i]));
    w_line(w,
           "/* Cycles that a block takes at least, as the plan counts them: once, and "
           "for each site,");
    w_line(w, " * strip of sites and site of a halo; and bytes of fields it touches, a "
              "site. */");
    w_open(w, "typedef struct Least");
    w_wrapped(w, arena_printf(w->arena, "double %s;", names));
    w_close(w, " Least;");
    w_blank(w);
    w_open(w, "static const Least least[][%d] =", emit_kernel_count(t->p));
    for (int target = 0; target < TARGETS; target++) {
        w_open(w, "[%s] =", isa[target]);
        for (int what = 0; what < emit_kernel_count(t->p); what++)
            w_wrapped(w, arena_printf(w->arena, "{%s},", row(w, t, target, what)));
        w_close(w, ",");
    }
    w_close(w, ";");
    w_blank(w);
}

static void emit_peak(Writer *w, const EmitInput *in)
{
    w_line(w, "/* multiply-adds a cycle */");
    w_open(w, "static const double peak[] =");
    for (int target = 0; target < TARGETS; target++)
        w_line(w, "[%s] = %g,", isa[target], cost_peak(in->program[target]));
    w_close(w, ";");
}

void emit_bound(Writer *w, const EmitInput *in)
{
    const Terms t = terms_of(in, w->arena);
    emit_least(w, &t);
    w_line(w,
           "static double bound(const int64_t *extent, int64_t batch, ArchWhat what, "
           "ArchIsa asked)");
    w_brace(w);
    emit_peak(w, in);
    w_line(w, "const ArchIsa isa = usable_isa(asked);");
    w_line(w, "Frame f = {0};");
    w_line(w, "const double work = (double)lay_out(&f, extent, batch, what, NULL);");
    w_line(w, "const Least *l = &least[isa][f.which];");
    w_line(w, "double cycles = 0, bytes = 0;");
    add_terms(w, &t, "cycles", false);
    add_terms(w, &t, "bytes", true);
    w_line(w, "cycles += bytes * far_part(work) / %d; /* from the third cache */",
           FAR_BYTES_A_CYCLE);
    w_open(w, "if (batch < 1 || work == 0 || cycles == 0)");
    w_line(w, "return 0;");
    w_close(w, "");
    w_line(w,
           "const int64_t blocks = (batch + f.parts.samples - 1) / f.parts.samples;");
    w_line(w, "return flops(extent, what) * (double)batch / "
              "(2 * peak[isa] * cycles * (double)blocks);");
    w_close(w, "");
    w_blank(w);
}
