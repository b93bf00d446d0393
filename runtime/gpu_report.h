/* gpu_report.h - what ptxas says of the kernels it has made.
 *
 * Asked by --ptxas-options=-v, it writes into the log of NVRTC:
 *
 *     ptxas info    : Compiling entry function 'step' for 'sm_90'
 *     ptxas info    : Function properties for step
 *     ptxas  .  72 bytes stack frame, 68 bytes spill stores, 68 bytes spill loads
 *     ptxas info    : Used 32 registers, used 1 barriers, 512 bytes smem
 *
 * and then the properties of functions that this kernel calls.  Older ones write the
 * third line without "ptxas .". */
#ifndef ARCHRT_GPU_REPORT_H
#define ARCHRT_GPU_REPORT_H

#include "archrt/gpu.h"

/* Fills usage and kernels from the log. */
void gpu_report(GpuCode *code);

#endif
