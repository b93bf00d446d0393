#include "archrt/gpu.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "gpu_driver.h"
#include "stop.h"

struct Gpu {
    Driver driver;
    GpuInfo info;
    CUdevice device;
    char last[128]; /* the kernel that was launched last */
};

const GpuInfo *gpu_info(const Gpu *gpu)
{
    return &gpu->info;
}

/* A kernel's fault, which any later call reports. */
static bool is_fault_of_kernel(CUresult r)
{
    return r == CUDA_ERROR_ILLEGAL_ADDRESS || r == CUDA_ERROR_LAUNCH_TIMEOUT ||
           r == CUDA_ERROR_ASSERT ||
           (r >= CUDA_ERROR_HARDWARE_STACK_ERROR && r <= CUDA_ERROR_LAUNCH_FAILED);
}

/* True if r is success; else `what`, a gerund, failed. */
static bool check(const Gpu *gpu, CUresult r, const char *what, ArchError *e)
{
    char reason[DRIVER_REASON_MAX];
    if (r == CUDA_SUCCESS)
        return true;
    driver_reason(&gpu->driver, r, reason);
    if (is_fault_of_kernel(r) && *gpu->last)
        return error_set(e, ARCH_EXIT_DEVICE,
                         "a kernel failed on %s, the last one started was %s: %s; "
                         "compute-sanitizer finds the place",
                         gpu->info.name, gpu->last, reason);
    return error_set(e, ARCH_EXIT_DEVICE, "%s failed on %s: %s", what, gpu->info.name,
                     reason);
}

static bool open_device(Gpu *gpu, int index, ArchError *e)
{
    const Driver *d = &gpu->driver;
    CUcontext context;
    if (!driver_open(&gpu->driver, e))
        return false;
    if (index < 0 || index >= d->devices)
        return error_set(
            e, ARCH_EXIT_DEVICE,
            "there is no device %d: the CUDA driver sees %d, counted from 0", index,
            d->devices);
    if (!driver_info(d, index, &gpu->info, e) ||
        !check(gpu, d->cuDeviceGet(&gpu->device, index), "opening the device", e) ||
        !check(gpu, d->cuDevicePrimaryCtxRetain(&context, gpu->device),
               "opening the device", e))
        return false;
    if (check(gpu, d->cuCtxSetCurrent(context), "opening the device", e))
        return true;
    d->cuDevicePrimaryCtxRelease(gpu->device);
    return false;
}

/* The threads that a driver makes block the signals by which work is stopped: else one of
 * them would take what the work waits for, and end the program. */
bool gpu_open(Gpu **gpu, int index, ArchError *e)
{
    Gpu *g = memory_new(sizeof *g);
    *g = (Gpu){0};
    const sigset_t before = stop_hold();
    bool ok = open_device(g, index, e);
    stop_release(&before);
    if (!ok)
        free(g);
    *gpu = ok ? g : NULL;
    return ok;
}

void gpu_close(Gpu *gpu)
{
    if (!gpu)
        return;
    gpu->driver.cuDevicePrimaryCtxRelease(gpu->device);
    free(gpu);
}

bool gpu_load(Gpu *gpu, const GpuCode *code, GpuModule *module, ArchError *e)
{
    CUmodule handle = NULL;
    CUresult r = gpu->driver.cuModuleLoadData(&handle, code->cubin);
    module->handle = r == CUDA_SUCCESS ? handle : NULL;
    if (r == CUDA_ERROR_INVALID_IMAGE || r == CUDA_ERROR_NO_BINARY_FOR_GPU)
        return error_set(e, ARCH_EXIT_DEVICE,
                         "%s (sm_%d) does not take code for sm_%d from this NVRTC, its "
                         "driver knows CUDA %d.%d: take an NVRTC of that CUDA, or a "
                         "newer driver",
                         gpu->info.name, gpu->info.arch, code->arch,
                         gpu->info.driver / 1000, gpu->info.driver % 1000 / 10);
    return check(gpu, r, "loading the kernels", e);
}

void gpu_unload(Gpu *gpu, GpuModule *module)
{
    if (module->handle)
        gpu->driver.cuModuleUnload(module->handle);
    module->handle = NULL;
}

bool gpu_kernel(Gpu *gpu, GpuModule module, const char *name, GpuKernel *kernel,
                ArchError *e)
{
    const Driver *d = &gpu->driver;
    CUfunction f = NULL;
    *kernel = (GpuKernel){0};
    CUresult r = d->cuModuleGetFunction(&f, module.handle, name);
    if (r == CUDA_ERROR_NOT_FOUND)
        return error_set(e, ARCH_EXIT_FILE, "there is no kernel '%.100s'", name);
    kernel->handle = f;
    snprintf(kernel->name, sizeof kernel->name, "%s", name);
    if (r == CUDA_SUCCESS)
        r = d->cuFuncGetAttribute(&kernel->threads,
                                  CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, f);
    if (r == CUDA_SUCCESS)
        r = d->cuFuncGetAttribute(&kernel->registers, CU_FUNC_ATTRIBUTE_NUM_REGS, f);
    if (r == CUDA_SUCCESS)
        r = d->cuFuncGetAttribute(&kernel->shared, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES,
                                  f);
    return check(gpu, r, "looking up a kernel", e);
}

bool gpu_allow_shared(Gpu *gpu, const GpuKernel *kernel, unsigned bytes, ArchError *e)
{
    int64_t most = (int64_t)gpu->info.shared_per_block - kernel->shared;
    if (bytes > most)
        return error_set(e, ARCH_EXIT_DEVICE,
                         "%s needs %" PRId64
                         " bytes of shared memory in a block, %s has "
                         "%d: take a smaller lattice, or another device",
                         kernel->name, (int64_t)bytes + kernel->shared, gpu->info.name,
                         gpu->info.shared_per_block);
    return check(gpu,
                 gpu->driver.cuFuncSetAttribute(
                     kernel->handle, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                     (int)bytes),
                 "reserving shared memory", e);
}

static bool launch_error(const Gpu *gpu, const GpuKernel *k, const GpuShape *s,
                         CUresult r, ArchError *e)
{
    char reason[DRIVER_REASON_MAX];
    return error_set(
        e, ARCH_EXIT_DEVICE,
        "%s does not start on %s, grid %ux%ux%u, block %ux%ux%u (at most %d "
        "threads), %" PRId64 " bytes of shared memory: %s",
        k->name, gpu->info.name, s->grid[0], s->grid[1], s->grid[2], s->block[0],
        s->block[1], s->block[2], k->threads, (int64_t)s->shared + k->shared,
        driver_reason(&gpu->driver, r, reason));
}

bool gpu_launch(Gpu *gpu, const GpuKernel *kernel, GpuShape shape, void **argument,
                ArchError *e)
{
    unsigned *g = shape.grid, *b = shape.block;
    for (int i = 0; i < 3; i++) {
        g[i] = g[i] ? g[i] : 1;
        b[i] = b[i] ? b[i] : 1;
    }
    CUresult r =
        gpu->driver.cuLaunchKernel(kernel->handle, g[0], g[1], g[2], b[0], b[1], b[2],
                                   shape.shared, NULL, argument, NULL);
    if (is_fault_of_kernel(r))
        return check(gpu, r, "launching a kernel", e);
    if (r != CUDA_SUCCESS)
        return launch_error(gpu, kernel, &shape, r, e);
    memcpy(gpu->last, kernel->name, sizeof gpu->last);
    return true;
}

bool gpu_synchronize(Gpu *gpu, ArchError *e)
{
    return check(gpu, gpu->driver.cuCtxSynchronize(), "waiting", e);
}

static bool out_of_memory(const Gpu *gpu, size_t bytes, ArchError *e)
{
    size_t unused = 0, total = 0;
    gpu->driver.cuMemGetInfo(&unused, &total);
    return error_set(
        e, ARCH_EXIT_DEVICE,
        "out of memory on %s: %zu bytes asked for, %zu of %zu are free: take "
        "a smaller batch or lattice",
        gpu->info.name, bytes, unused, total);
}

bool gpu_alloc(Gpu *gpu, size_t bytes, GpuMemory *memory, ArchError *e)
{
    CUdeviceptr address = 0;
    *memory = (GpuMemory){0};
    CUresult r = gpu->driver.cuMemAlloc(&address, bytes ? bytes : 1);
    if (r == CUDA_ERROR_OUT_OF_MEMORY)
        return out_of_memory(gpu, bytes, e);
    if (!check(gpu, r, "reserving memory", e))
        return false;
    *memory = (GpuMemory){address, bytes};
    return true;
}

void gpu_free(Gpu *gpu, GpuMemory *memory)
{
    if (memory->address)
        gpu->driver.cuMemFree(memory->address);
    *memory = (GpuMemory){0};
}

bool gpu_fill(Gpu *gpu, GpuMemory memory, unsigned char value, ArchError *e)
{
    return check(gpu, gpu->driver.cuMemsetD8(memory.address, value, memory.bytes),
                 "filling memory", e);
}

bool gpu_upload(Gpu *gpu, GpuMemory to, const void *from, size_t bytes, ArchError *e)
{
    assert(bytes <= to.bytes);
    return check(gpu, gpu->driver.cuMemcpyHtoD(to.address, from, bytes),
                 "copying to the device", e);
}

bool gpu_upload_new(Gpu *gpu, GpuMemory *memory, const void *from, size_t bytes,
                    ArchError *e)
{
    return gpu_alloc(gpu, bytes, memory, e) &&
           (bytes == 0 || gpu_upload(gpu, *memory, from, bytes, e));
}

bool gpu_download(Gpu *gpu, void *to, GpuMemory from, size_t bytes, ArchError *e)
{
    assert(bytes <= from.bytes);
    return check(gpu, gpu->driver.cuMemcpyDtoH(to, from.address, bytes),
                 "copying from the device", e);
}

bool gpu_copy(Gpu *gpu, GpuMemory to, GpuMemory from, size_t bytes, ArchError *e)
{
    assert(bytes <= to.bytes && bytes <= from.bytes);
    return check(gpu, gpu->driver.cuMemcpyDtoD(to.address, from.address, bytes),
                 "copying on the device", e);
}

GpuMemory gpu_part(GpuMemory whole, size_t offset, size_t bytes)
{
    assert(offset <= whole.bytes && bytes <= whole.bytes - offset);
    return (GpuMemory){whole.address + offset, bytes};
}

bool gpu_event_init(Gpu *gpu, GpuEvent *event, ArchError *e)
{
    CUevent handle = NULL;
    CUresult r = gpu->driver.cuEventCreate(&handle, 0);
    event->handle = r == CUDA_SUCCESS ? handle : NULL;
    return check(gpu, r, "making an event", e);
}

void gpu_event_release(Gpu *gpu, GpuEvent *event)
{
    if (event->handle)
        gpu->driver.cuEventDestroy(event->handle);
    event->handle = NULL;
}

bool gpu_event_record(Gpu *gpu, GpuEvent event, ArchError *e)
{
    return check(gpu, gpu->driver.cuEventRecord(event.handle, NULL),
                 "recording an event", e);
}

bool gpu_event_elapsed(Gpu *gpu, GpuEvent begin, GpuEvent end, double *seconds,
                       ArchError *e)
{
    float ms = 0;
    if (!check(gpu, gpu->driver.cuEventSynchronize(end.handle), "waiting", e) ||
        !check(gpu, gpu->driver.cuEventElapsedTime(&ms, begin.handle, end.handle),
               "measuring time", e))
        return false;
    *seconds = 1e-3 * ms;
    return true;
}
