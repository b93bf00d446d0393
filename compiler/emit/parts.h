/* parts.h - the pieces of a generated file, in the order in which they stand there. */
#ifndef ARCHC_EMIT_PARTS_H
#define ARCHC_EMIT_PARTS_H

#include "emit/emit.h"
#include "emit/writer.h"

/* banner.c: the comment at the top of both files. */
void emit_banner(Writer *w, const EmitInput *in, const char *suffix);
extern const char *const emit_what_enum[WHAT_COUNT]; /* ARCH_FORWARD .. */
uint64_t emit_hash(const char *text);                /* FNV-1a */

/* Whether parts have a share of a lattice, and tiles are not counted. */
static inline bool emit_is_cut(const Program *p, int lattice)
{
    const Lattice *l = &p->lattice[lattice];
    return l->rank > 0 && !l->tiled && !l->winners;
}

/* Whether walks are over a band of a lattice. */
static inline bool emit_has_bands(const Program *p, int lattice)
{
    return p->kernel[WHAT_SWEEP].used && plan_can_band(p, lattice);
}

/* Windows of a pool stay within a part. */
static inline bool emit_has_halo(const Geometry *g)
{
    return g->kind == NEAR_FORWARD || g->kind == NEAR_BACKWARD;
}

/* Kernels of a program: all that an ArchWhat names, and what else there is. */
static inline int emit_kernel_count(const Program *p)
{
    int count = WHAT_COUNT;
    while (!p->kernel[count - 1].used && count > WHAT_WINNERS)
        count--;
    return count;
}

/* frame.c: the struct Frame, where its buffers lie, the tables. */
void emit_frame(Writer *w, const Program *p);
void emit_layout(Writer *w, const Program *p);
void emit_tables(Writer *w, const Program *p);

/* cut.c: the choice of a kernel, and of the parts into which it cuts lattices. */
void emit_cut(Writer *w, const Program *p);

/* sweep.c: whether lattices are swept in bands, and the band that is walked. */
void emit_sweep_choice(Writer *w, const Program *p);
void emit_bands_lines(Writer *w, const Program *p); /* of `cut` */
void emit_take_band(Writer *w, const Program *p);

/* kernel.c: the kernels of one instruction set, and the choice between them. */
void emit_kernels(Writer *w, const EmitInput *in, const Program *p);
void emit_choice(Writer *w, const EmitInput *in);

/* bound.c: how fast a call can be. */
void emit_bound(Writer *w, const EmitInput *in);

/* entries.c: what the caller sees; the sites of a part, of which a sweep holds a few bands. */
const char *emit_part_sites(Writer *w, const Program *p, int lattice, const char *f);
void emit_entries(Writer *w, const EmitInput *in);
void emit_model(Writer *w, const EmitInput *in);

/* Fixed text, embedded from prelude/ at build time. */
extern const char prelude_arch_model[], prelude_entries[], prelude_entries_loss[],
    prelude_parts[], prelude_tables[], prelude_bound[], prelude_lanes[], prelude_join[],
    prelude_sweep[], prelude_winners[], prelude_sums[], prelude_loss[], prelude_pack[],
    prelude_vec512[], prelude_vec256[], prelude_vec128[], prelude_vec_any[],
    prelude_vec_exp[];

static inline const Node *emit_output(const EmitInput *in)
{
    return graph_node(in->graph, in->graph->output);
}

#endif
