/* A CUDA driver without a device: memory is malloc's, the one kernel, "twice", doubles n
 * floats. */
#include <stdlib.h>
#include <string.h>

#include "fake_device.h"

static struct CUmod_st {
    int unused;
} module;
static struct CUfunc_st {
    int shared;
} twice;

CUresult cuModuleLoadData(CUmodule *m, const void *image)
{
    *m = &module;
    return image ? holds("cuModuleLoadData", 1) : 1;
}

CUresult cuModuleUnload(CUmodule m)
{
    return m == &module ? holds("cuModuleUnload", -1) : 1;
}

CUresult cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name)
{
    *f = &twice;
    twice.shared = 48 << 10;
    return m == &module && strcmp(name, "twice") == 0 ? fate("cuModuleGetFunction")
                                                      : CUDA_ERROR_NOT_FOUND;
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute which, CUfunction f)
{
    *value = which == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 512
             : which == CU_FUNC_ATTRIBUTE_NUM_REGS            ? 40
                                                              : 1024;
    return f == &twice ? fate("cuFuncGetAttribute") : 1;
}

CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute which, int value)
{
    if (f != &twice || which != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
        return 1;
    f->shared = value;
    return fate("cuFuncSetAttribute");
}

CUresult cuLaunchKernel(CUfunction f, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z,
                        unsigned shared, CUstream stream, void **arguments,
                        void **extra)
{
    CUdeviceptr address;
    int n, threads = (int)(grid_x * grid_y * grid_z * block_x * block_y * block_z);
    if (f != &twice || (int)shared > f->shared || stream || extra)
        return 1;
    memcpy(&address, arguments[0], sizeof address);
    memcpy(&n, arguments[1], sizeof n);
    float *x = (float *)(size_t)address;
    for (int i = 0; i < n && i < threads; i++)
        x[i] *= 2;
    return fate("cuLaunchKernel");
}

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes)
{
    CUresult r = holds("cuMemAlloc_v2", 1);
    if (r == CUDA_SUCCESS)
        *address = (CUdeviceptr)(size_t)malloc(bytes);
    return r;
}

CUresult cuMemFree_v2(CUdeviceptr address)
{
    free((void *)(size_t)address);
    return holds("cuMemFree_v2", -1);
}

CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes)
{
    memcpy((void *)(size_t)to, from, bytes);
    return fate("cuMemcpyHtoD_v2");
}

CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes)
{
    memcpy(to, (void *)(size_t)from, bytes);
    return fate("cuMemcpyDtoH_v2");
}

CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    memcpy((void *)(size_t)to, (void *)(size_t)from, bytes);
    return fate("cuMemcpyDtoD_v2");
}

CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t bytes)
{
    memset((void *)(size_t)to, value, bytes);
    return fate("cuMemsetD8_v2");
}
