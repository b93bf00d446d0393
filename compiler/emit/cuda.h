/* cuda.h - the CUDA half of a model: NAME.cu, and in NAME.c what launches it.
 *
 * The text of NAME.cu is embedded in NAME.c as well, for programs that compile it when they
 * run.  Host and device share one struct, Frame, the argument of every kernel. */
#ifndef ARCHC_EMIT_CUDA_H
#define ARCHC_EMIT_CUDA_H

#include "emit/parts.h"

/* cuda_host.c: in NAME.c. */
void emit_cuda_host(Writer *w, const EmitInput *in);

/* cuda_frame.c: for the device Frame, for the host CudaFrame. */
void emit_cuda_frame(Writer *w, const Program *p, bool host);
bool emit_cuda_fits(const Program *p);

/* Fixed text, embedded from prelude/ at build time. */
extern const char prelude_cuda[], prelude_cuda_block[], prelude_cuda_loss[],
    prelude_cuda_tables[], prelude_cuda_mma[], prelude_cuda_place[],
    prelude_cuda_launch[];

#endif
