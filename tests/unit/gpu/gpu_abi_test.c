/* gpu_abi.def against the headers of a toolkit: it compiles only if they agree. */
#define __CUDA_API_VERSION_INTERNAL /* declares the symbols themselves, of all versions */
#include <cuda.h>
#include <nvrtc.h>

#define AGREES(result, symbol, arguments)                                              \
    _Static_assert(__builtin_types_compatible_p(__typeof__(symbol), result arguments), \
                   #symbol);
#define DRIVER(field, symbol, arguments) AGREES(CUresult, symbol, arguments)
#define NVRTC(field, arguments)          AGREES(nvrtcResult, field, arguments)
#define NUMBER(name, value)              _Static_assert((int)name == value, #name);
#include "gpu_abi.def"

/* What gpu_abi.h passes as int. */
_Static_assert(sizeof(CUresult) == sizeof(int), "CUresult");
_Static_assert(sizeof(nvrtcResult) == sizeof(int), "nvrtcResult");
_Static_assert(sizeof(CUdevice_attribute) == sizeof(int), "CUdevice_attribute");
_Static_assert(sizeof(CUfunction_attribute) == sizeof(int), "CUfunction_attribute");
_Static_assert(__builtin_types_compatible_p(CUdevice, int), "CUdevice");
_Static_assert(__builtin_types_compatible_p(CUdeviceptr, unsigned long long),
               "CUdeviceptr");

int main(void)
{
    return 0;
}
