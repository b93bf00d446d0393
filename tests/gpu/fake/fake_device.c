#include "fake_device.h"

#include <stdlib.h>
#include <string.h>

int fake_cuda_held;

static struct CUctx_st {
    int unused;
} context;
struct CUevent_st {
    int time;
};
static int clock_now;

int setting(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

CUresult fate(const char *name)
{
    static char last[100];
    static int calls;
    const char *text = getenv("FAKE_CUDA_FAIL"), *first;
    size_t n = strlen(name);
    if (!text || strncmp(text, name, n) != 0 || text[n] != '=')
        return CUDA_SUCCESS;
    if (strncmp(text, last, sizeof last - 1) != 0) { /* counts anew */
        strncpy(last, text, sizeof last - 1);
        calls = 0;
    }
    first = strchr(text, '@');
    return ++calls >= (first ? atoi(first + 1) : 1) ? atoi(text + n + 1) : CUDA_SUCCESS;
}

CUresult holds(const char *name, int more)
{
    CUresult r = fate(name);
    fake_cuda_held += r == CUDA_SUCCESS ? more : 0;
    return r;
}

static const struct {
    int code;
    const char *name, *text;
} error[] = {
    {1,   "CUDA_ERROR_INVALID_VALUE",           "invalid argument"                        },
    {2,   "CUDA_ERROR_OUT_OF_MEMORY",           "out of memory"                           },
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE",       "uncorrectable ECC error encountered"     },
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS",         "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"                                            },
    {719, "CUDA_ERROR_LAUNCH_FAILED",           "unspecified launch failure"              },
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
     "system has unsupported display driver / cuda driver combination"                    },
};

CUresult cuGetErrorName(CUresult code, const char **text)
{
    for (size_t i = 0; i < sizeof error / sizeof *error; i++)
        if (error[i].code == code) {
            *text = error[i].name;
            return CUDA_SUCCESS;
        }
    *text = NULL;
    return 1;
}

CUresult cuGetErrorString(CUresult code, const char **text)
{
    for (size_t i = 0; i < sizeof error / sizeof *error; i++)
        if (error[i].code == code) {
            *text = error[i].text;
            return CUDA_SUCCESS;
        }
    *text = NULL;
    return 1;
}

CUresult cuDriverGetVersion(int *version)
{
    *version = setting("FAKE_CUDA_DRIVER", 13000);
    return fate("cuDriverGetVersion");
}

CUresult cuInit(unsigned flags)
{
    return flags ? 1 : fate("cuInit");
}

CUresult cuDeviceGetCount(int *count)
{
    *count = setting("FAKE_CUDA_DEVICES", 1);
    return fate("cuDeviceGetCount");
}

CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
    *device = 40 + ordinal; /* a handle need not be the ordinal */
    return fate("cuDeviceGet");
}

CUresult cuDeviceGetName(char *name, int length, CUdevice device)
{
    const char text[] = "Fake 0";
    if (length < (int)sizeof text)
        return 1;
    memcpy(name, text, sizeof text);
    name[5] = (char)('0' + device - 40);
    return fate("cuDeviceGetName");
}

#define ATTRIBUTE(name, value)            \
    {                                     \
        CU_DEVICE_ATTRIBUTE_##name, value \
    }

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice device)
{
    static const int table[][2] = {
        ATTRIBUTE(COMPUTE_CAPABILITY_MAJOR, 9),
        ATTRIBUTE(COMPUTE_CAPABILITY_MINOR, 0),
        ATTRIBUTE(MULTIPROCESSOR_COUNT, 132),
        ATTRIBUTE(CLOCK_RATE, 1980000),
        ATTRIBUTE(MAX_THREADS_PER_BLOCK, 1024),
        ATTRIBUTE(MAX_GRID_DIM_Y, 65535),
        ATTRIBUTE(MAX_THREADS_PER_MULTIPROCESSOR, 2048),
        ATTRIBUTE(MAX_REGISTERS_PER_MULTIPROCESSOR, 65536),
        ATTRIBUTE(MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 232448),
        ATTRIBUTE(MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 233472),
        ATTRIBUTE(L2_CACHE_SIZE, 1 << 25),
        ATTRIBUTE(MEMORY_CLOCK_RATE, 2000000),
        ATTRIBUTE(GLOBAL_MEMORY_BUS_WIDTH, 4096),
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (device >= 40 && table[i][0] == which) {
            *value = table[i][1];
            if (which == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
                *value = setting("FAKE_CUDA_SMS", *value);
            if (which == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
                *value = setting("FAKE_CUDA_MAJOR", *value);
            if (which == CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y)
                *value = setting("FAKE_CUDA_GRID_Y", *value);
            return fate("cuDeviceGetAttribute");
        }
    return 1;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device)
{
    *bytes = (size_t)1 << 36;
    return device < 40 ? 1 : fate("cuDeviceTotalMem_v2");
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice device)
{
    *c = &context;
    return device < 40 ? 1 : holds("cuDevicePrimaryCtxRetain", 1);
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
    return device < 40 ? 1 : holds("cuDevicePrimaryCtxRelease_v2", -1);
}

CUresult cuCtxSetCurrent(CUcontext c)
{
    return c == &context ? fate("cuCtxSetCurrent") : 1;
}

CUresult cuCtxSynchronize(void)
{
    return fate("cuCtxSynchronize");
}

CUresult cuMemGetInfo_v2(size_t *unused, size_t *total)
{
    *unused = 123456789;
    *total = (size_t)1 << 36;
    return fate("cuMemGetInfo_v2");
}

CUresult cuEventCreate(CUevent *event, unsigned flags)
{
    CUresult r = flags ? 1 : holds("cuEventCreate", 1);
    *event = r == CUDA_SUCCESS ? calloc(1, sizeof **event) : NULL;
    return r;
}

CUresult cuEventDestroy_v2(CUevent event)
{
    free(event);
    return holds("cuEventDestroy_v2", -1);
}

CUresult cuEventRecord(CUevent event, CUstream stream)
{
    event->time = clock_now += 250;
    return stream ? 1 : fate("cuEventRecord");
}

CUresult cuEventSynchronize(CUevent event)
{
    return event->time ? fate("cuEventSynchronize") : 1;
}

CUresult cuEventElapsedTime(float *ms, CUevent begin, CUevent end)
{
    *ms = (float)(end->time - begin->time);
    return fate("cuEventElapsedTime");
}
