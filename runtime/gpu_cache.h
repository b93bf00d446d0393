/* gpu_cache.h - compiled kernels on disk.
 *
 * An entry of cache.h, KEY.cubin: the key and the length of the log, 8 bytes each,
 * the log, the cubin. */
#ifndef ARCHRT_GPU_CACHE_H
#define ARCHRT_GPU_CACHE_H

#include "archrt/gpu.h"
#include "gpu_nvrtc.h"

/* What a cubin depends on. */
uint64_t gpu_cache_key(const GpuSource *s, int arch, const Nvrtc *n, int driver);

/* Fills cubin, bytes and log.  False if there is no such entry, or a damaged one. */
bool gpu_cache_read(uint64_t key, GpuCode *code);
/* Whether or not it can be kept. */
void gpu_cache_write(uint64_t key, const GpuCode *code);

#endif
