/* gpu_text.h - CUDA text of the runtime itself, embedded when it is built. */
#ifndef ARCHRT_GPU_TEXT_H
#define ARCHRT_GPU_TEXT_H

extern const char gpu_text_train[]; /* train_kernels.h, train_kernels.cu */
extern const char gpu_text_flux[];  /* flux_kernels.h, flux_kernels.cu   */

#endif
