#include "gpu_driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define LIBRARY "libcuda.so.1"

static const GpuSymbol symbol_table[] = {
#define DRIVER(field, symbol, arguments) {#symbol, offsetof(Driver, field)},
#include "gpu_abi.def"
};

const char *driver_reason(const Driver *d, CUresult r, char to[DRIVER_REASON_MAX])
{
    const char *name = NULL, *text = NULL;
    d->cuGetErrorName(r, &name);
    d->cuGetErrorString(r, &text);
    if (name && text)
        snprintf(to, DRIVER_REASON_MAX, "%s (%s)", text, name);
    else
        snprintf(to, DRIVER_REASON_MAX, "error %d of the CUDA driver", r);
    return to;
}

static bool no_device(ArchError *e)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    if (visible)
        return error_set(e, ARCH_EXIT_DEVICE,
                         "the CUDA driver sees no device: CUDA_VISIBLE_DEVICES is "
                         "'%.60s', unset it or name one that is there",
                         visible);
    return error_set(
        e, ARCH_EXIT_DEVICE,
        "the CUDA driver sees no device: nvidia-smi should list one, and in "
        "a container it must be passed in (--gpus all)");
}

static bool start_driver(Driver *d, ArchError *e)
{
    char reason[DRIVER_REASON_MAX];
    CUresult r = d->cuInit(0);
    if (r == CUDA_SUCCESS)
        r = d->cuDeviceGetCount(&d->devices);
    if (r == CUDA_ERROR_NO_DEVICE || (r == CUDA_SUCCESS && d->devices == 0))
        return no_device(e);
    if (r == CUDA_ERROR_STUB_LIBRARY)
        return error_set(e, ARCH_EXIT_DEVICE,
                         LIBRARY " is the toolkit's stand-in, no driver: take its "
                                 "folder 'stubs' out of LD_LIBRARY_PATH");
    if (r != CUDA_SUCCESS)
        return error_set(e, ARCH_EXIT_DEVICE,
                         "the CUDA driver does not start: %s; nvidia-smi may say more",
                         driver_reason(d, r, reason));
    return true;
}

bool driver_open(Driver *d, ArchError *e)
{
    *d = (Driver){0};
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return error_set(e, ARCH_EXIT_DEVICE,
                         "no CUDA driver (%.200s): install NVIDIA's driver, or add its "
                         "folder to LD_LIBRARY_PATH",
                         dlerror());
    const char *missing = gpu_resolve(library, symbol_table,
                                      sizeof symbol_table / sizeof *symbol_table, d);
    if (missing)
        return error_set(
            e, ARCH_EXIT_DEVICE,
            "the CUDA driver is too old, it has no %s: install one for CUDA "
            "11.2 or later",
            missing);
    d->cuDriverGetVersion(&d->version);
    return start_driver(d, e);
}

typedef struct Attribute {
    CUdevice_attribute which;
    int *value;
} Attribute;

#define ATTRIBUTE(name, value)            \
    {                                     \
        CU_DEVICE_ATTRIBUTE_##name, value \
    }

static CUresult get_attributes(const Driver *d, CUdevice device, GpuInfo *info)
{
    int major, minor, memory_khz, memory_bits;
    const Attribute attribute[] = {
        ATTRIBUTE(COMPUTE_CAPABILITY_MAJOR, &major),
        ATTRIBUTE(COMPUTE_CAPABILITY_MINOR, &minor),
        ATTRIBUTE(MULTIPROCESSOR_COUNT, &info->sms),
        ATTRIBUTE(CLOCK_RATE, &info->clock_khz),
        ATTRIBUTE(MAX_THREADS_PER_BLOCK, &info->threads_per_block),
        ATTRIBUTE(MAX_GRID_DIM_Y, &info->grid_y),
        ATTRIBUTE(MAX_THREADS_PER_MULTIPROCESSOR, &info->threads_per_sm),
        ATTRIBUTE(MAX_REGISTERS_PER_MULTIPROCESSOR, &info->registers_per_sm),
        ATTRIBUTE(MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, &info->shared_per_block),
        ATTRIBUTE(MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, &info->shared_per_sm),
        ATTRIBUTE(L2_CACHE_SIZE, &info->l2_bytes),
        ATTRIBUTE(MEMORY_CLOCK_RATE, &memory_khz),
        ATTRIBUTE(GLOBAL_MEMORY_BUS_WIDTH, &memory_bits),
    };
    for (size_t i = 0; i < sizeof attribute / sizeof *attribute; i++) {
        CUresult r =
            d->cuDeviceGetAttribute(attribute[i].value, attribute[i].which, device);
        if (r != CUDA_SUCCESS)
            return r;
    }
    info->arch = 10 * major + minor;
    info->memory_rate = 2 * 1e3 * memory_khz * memory_bits / 8; /* twice a cycle */
    return CUDA_SUCCESS;
}

bool driver_info(const Driver *d, int device, GpuInfo *info, ArchError *e)
{
    char reason[DRIVER_REASON_MAX];
    CUdevice handle;
    *info = (GpuInfo){.driver = d->version};
    CUresult r = d->cuDeviceGet(&handle, device);
    if (r == CUDA_SUCCESS)
        r = d->cuDeviceGetName(info->name, sizeof info->name, handle);
    if (r == CUDA_SUCCESS)
        r = d->cuDeviceTotalMem(&info->memory_bytes, handle);
    if (r == CUDA_SUCCESS)
        r = get_attributes(d, handle, info);
    if (r == CUDA_SUCCESS)
        return true;
    return error_set(e, ARCH_EXIT_DEVICE,
                     "the CUDA driver does not say what device %d is: %s", device,
                     driver_reason(d, r, reason));
}
