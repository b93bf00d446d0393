/* gpu_driver.h - libcuda, opened; what it says of devices and of errors. */
#ifndef ARCHRT_GPU_DRIVER_H
#define ARCHRT_GPU_DRIVER_H

#include "archrt/gpu.h"
#include "gpu_abi.h"

typedef struct Driver {
    int version; /* 12040: CUDA 12.4; 0 if there is no driver */
    int devices;
#define DRIVER(field, symbol, arguments) CUresult(*field) arguments;
#include "gpu_abi.def"
} Driver;

/* Opens libcuda.so.1 and starts it.  Errors DEVICE: no driver, one that is too old
 * or does not start, no device; `version` is filled if it is known.  A driver stays
 * open until the process ends, for its threads do. */
bool driver_open(Driver *d, ArchError *e);

bool driver_info(const Driver *d, int device, GpuInfo *info, ArchError *e);

#define DRIVER_REASON_MAX 200
/* "an illegal memory access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS)"; returns
 * `to`. */
const char *driver_reason(const Driver *d, CUresult r, char to[DRIVER_REASON_MAX]);

#endif
