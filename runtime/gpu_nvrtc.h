/* gpu_nvrtc.h - libnvrtc, found and opened. */
#ifndef ARCHRT_GPU_NVRTC_H
#define ARCHRT_GPU_NVRTC_H

#include "file.h"
#include "gpu_abi.h"

typedef struct Nvrtc {
    int major, minor; /* of its CUDA */
    char path[FILE_PATH_MAX];
#define NVRTC(field, arguments) nvrtcResult(*field) arguments;
#include "gpu_abi.def"
} Nvrtc;

/* The first NVRTC whose cubins suit the driver (12040: CUDA 12.4; 0: any).  Within a
 * major version of CUDA an older driver takes the cubins of a newer compiler ("minor
 * version compatibility" in CUDA's manual), a newer driver takes all.  Error DEVICE. */
bool nvrtc_open(Nvrtc *n, int driver, ArchError *e);
/* The same, sought by the loader and then in these folders of a toolkit ('*' stands
 * for any name; NULLs are passed over) only. */
bool nvrtc_open_in(Nvrtc *n, int driver, const char *const *toolkit, int toolkits,
                   ArchError *e);

#endif
