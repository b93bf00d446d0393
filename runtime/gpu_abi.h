/* gpu_abi.h - what of CUDA's binary interface is used here, so that no header of
 * CUDA is needed to build.  The functions and numbers are in gpu_abi.def. */
#ifndef ARCHRT_GPU_ABI_H
#define ARCHRT_GPU_ABI_H

#include <stddef.h>

/* Named as in cuda.h and nvrtc.h; enumerations are passed as int. */
typedef int CUresult;
typedef int CUdevice;
typedef int CUdevice_attribute;
typedef int CUfunction_attribute;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUevent_st *CUevent;
typedef struct CUstream_st *CUstream;
typedef int nvrtcResult;
typedef struct _nvrtcProgram *nvrtcProgram;

enum {
#define NUMBER(name, value) name = value,
#include "gpu_abi.def"
};

/* Where the address of a library's function goes. */
typedef struct GpuSymbol {
    const char *name;
    size_t offset; /* of the pointer, in the caller's struct */
} GpuSymbol;

/* Fills the pointers of `table`.  NULL, or the first name that the library lacks. */
const char *gpu_resolve(void *library, const GpuSymbol *symbol, int symbols,
                        void *table);

#endif
