/* A driver of which nothing is known but its version. */
#include "gpu_abi.h"

CUresult cuDriverGetVersion(int *version);

CUresult cuDriverGetVersion(int *version)
{
    *version = 6050;
    return CUDA_SUCCESS;
}
