#include "emit/cuda.h"

/* Bytes that a kernel may have as argument, and what is in a Frame besides tables and
 * fields. */
enum { ARGUMENT_BYTES = 4096, FRAME_BYTES = 256, LATTICE_BYTES = 4 * (AXES_MAX + 1) };

bool emit_cuda_fits(const Program *p)
{
    int bytes = FRAME_BYTES + LATTICE_BYTES * p->lattices;
    for (int i = 1; i < p->buffers; i++)
        bytes += p->buffer[i].space == SPACE_TABLE ? 8 : 4;
    return bytes <= ARGUMENT_BYTES;
}

static void fields(Writer *w, const Program *p)
{
    for (int i = 1; i < p->buffers; i++) {
        const Buffer *b = &p->buffer[i];
        if (b->space == SPACE_WORK)
            w_line(w, "int %s; /* [%s%d%s][%d], %d apart%s */", b->name,
                   b->by_tile ? "tiles" : "sites", b->lattice,
                   b->zero_site ? " + 1" : "", b->channels, b->pitch,
                   b->far ? ", far" : "");
    }
}

void emit_cuda_frame(Writer *w, const Program *p, bool host)
{
    const char *wide = host ? "int64_t" : "int64";
    if (host)
        w_line(w, "/* The argument of every kernel, as in NAME.cu. */");
    else
        w_line(w,
               "/* The argument of every kernel: arrays, the lattice, its tables, and "
               "where in a block's");
    if (!host)
        w_line(w, " * memory the values of the network lie. */");
    w_open(w, "typedef struct %s", host ? "CudaFrame" : "Frame");
    w_line(w, "const void *x;");
    w_line(w, "const %s *index;", wide);
    w_line(w, "const real *params, *target, *dy;");
    w_line(w, "real *packed, *y, *dx, *dparams, *sums, *work;");
    w_line(w, "double *losses, *loss, terms;");
    w_line(w, "%s batch, blocks, index_stride, x_stride[%d];", wide, 2 + AXES_MAX);
    w_line(w,
           "%s first, round, room, fields; /* samples of this launch, of any; numbers "
           "of each */",
           wide);
    for (int i = 1; i < p->buffers; i++)
        if (p->buffer[i].space == SPACE_TABLE)
            w_line(w, "int *%s; /* [%d][sites%d] */", p->buffer[i].name,
                   (int)p->buffer[i].count, p->buffer[i].lattice);
    w_line(w, "int tile, x_type, extent[%d];", AXES_MAX);
    for (int i = 0; i < p->lattices; i++)
        w_line(w, "int extent%d[%d], sites%d;", i, AXES_MAX, i);
    fields(w, p);
    w_close(w, host ? " CudaFrame;" : " Frame;");
    w_blank(w);
}
