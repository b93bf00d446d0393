/* gpu.h - a CUDA device and the compiler of its kernels, found when a program runs.
 *
 * Nothing is linked to CUDA: its driver (libcuda) and its compiler (NVRTC) are
 * opened by dlopen.  One program runs on machines with and without them; only
 * gpu_open() and gpu_compiler_open() can miss them.
 *
 *     ok = gpu_open(&gpu, 0, &e) &&
 *          gpu_compiler_open(&compiler, gpu_info(gpu)->driver, &e) &&
 *          gpu_compile(compiler, &source, gpu_info(gpu)->arch, &code, &e) &&
 *          gpu_load(gpu, &code, &module, &e) &&
 *          gpu_kernel(gpu, module, "twice", &twice, &e) &&
 *          gpu_alloc(gpu, n * sizeof *x, &dx, &e) &&
 *          gpu_upload(gpu, dx, x, n * sizeof *x, &e) &&
 *          gpu_launch(gpu, &twice, (GpuShape){.grid = {n / 256}, .block = {256}},
 *                     (void *[]){&dx.address, &n}, &e) &&
 *          gpu_download(gpu, x, dx, n * sizeof *x, &e);
 *
 * Functions return false and fill *e.  Its code is DEVICE where the device, its
 * memory, the driver or the compiler is missing or fails, FILE where the text of a
 * kernel is at fault.  What is started on a device goes in order; launches return at
 * once, copies to the host and gpu_synchronize() wait.  So a kernel that fails is
 * reported by the next function that waits, and then the device is of no more use to
 * this process.
 *
 * A Gpu belongs to the thread that opened it.  It works in the device's primary
 * context, as does code that uses the CUDA runtime: their memory and kernels may be
 * mixed. */
#ifndef ARCHRT_GPU_H
#define ARCHRT_GPU_H

#include <stddef.h>
#include <stdint.h>

#include "archrt/error.h"

/* --- the device ------------------------------------------------------------------- */

typedef struct Gpu Gpu;

typedef struct GpuInfo {
    char name[128];
    int driver;            /* 12040: the driver knows CUDA up to 12.4      */
    int arch;              /* 90: compute capability 9.0, code for sm_90   */
    int sms;               /* streaming multiprocessors                    */
    int clock_khz;         /* the highest                                  */
    int threads_per_block; /* at most                                      */
    int grid_y;            /* blocks of a launch along y, at most          */
    int threads_per_sm;
    int registers_per_sm;
    int shared_per_block; /* bytes, after gpu_allow_shared()              */
    int shared_per_sm;    /* bytes                                        */
    int l2_bytes;
    size_t memory_bytes;
    double memory_rate; /* bytes per second that its pins can carry     */
} GpuInfo;

/* index: as the driver counts, which CUDA_VISIBLE_DEVICES restricts. */
bool gpu_open(Gpu **gpu, int index, ArchError *e);
void gpu_close(Gpu *gpu); /* NULL is fine */
const GpuInfo *gpu_info(const Gpu *gpu);

/* --- the compiler, which needs no device ------------------------------------------ */

typedef struct GpuCompiler GpuCompiler;

typedef struct GpuSource {
    const char *name; /* count_eq1.cu: where the log's lines point */
    const char *text;
    const char *const *option; /* of NVRTC, besides the architecture */
    int options;
} GpuSource;

/* What a kernel uses, as ptxas says.  Spills: bytes of instructions that save registers
 * to memory and fetch them back, in the kernel and in functions it calls. */
typedef struct GpuUsage {
    char kernel[128];
    int registers;        /* per thread           */
    int64_t shared;       /* bytes, static        */
    int64_t stack;        /* bytes per thread     */
    int64_t spill_stores; /* bytes                */
    int64_t spill_loads;
} GpuUsage;

/* log: all that the compiler said, source lines and warnings, also after an error; NULL
 * if it did not come so far.  cached: nothing was compiled, all is from the cache. */
typedef struct GpuCode {
    int arch;
    char *cubin;
    size_t bytes;
    char *log;
    GpuUsage *usage; /* of each kernel */
    int kernels;
    bool cached;
} GpuCode;

/* Finds NVRTC: by the loader (LD_LIBRARY_PATH), under CUDA_HOME and CUDA_PATH, where
 * CUDA is usually installed.  driver: GpuInfo.driver, which the cubins must suit, so
 * that the major version of NVRTC is not above its own; 0: any.  It stays loaded
 * after _close. */
bool gpu_compiler_open(GpuCompiler **compiler, int driver, ArchError *e);
void gpu_compiler_close(GpuCompiler *compiler); /* NULL is fine */

/* To a cubin for `arch`, or for the nearest older one of its family if NVRTC does
 * not know it (code for sm_86 runs on sm_89).  What was compiled before comes from
 * the cache, the folder of compiled models: the key is all that goes in, and the
 * versions of NVRTC and driver.  *code is to be released after an error, too: its
 * log has the whole story. */
bool gpu_compile(GpuCompiler *compiler, const GpuSource *source, int arch,
                 GpuCode *code, ArchError *e);
void gpu_code_release(GpuCode *code);
/* NULL if there is no such kernel. */
const GpuUsage *gpu_usage(const GpuCode *code, const char *kernel);

/* --- kernels ---------------------------------------------------------------------- */

typedef struct GpuModule {
    void *handle;
} GpuModule;

typedef struct GpuKernel {
    void *handle;
    char name[128];
    int threads; /* in a block, at most: by its registers      */
    int registers;
    int shared; /* bytes, static                              */
} GpuKernel;

/* Numbers of blocks and threads along x, y, z; 0 means 1. */
typedef struct GpuShape {
    unsigned grid[3], block[3];
    unsigned shared; /* dynamic shared memory of a block, bytes */
} GpuShape;

bool gpu_load(Gpu *gpu, const GpuCode *code, GpuModule *module, ArchError *e);
void gpu_unload(Gpu *gpu, GpuModule *module);
/* The kernel must be extern "C". */
bool gpu_kernel(Gpu *gpu, GpuModule module, const char *name, GpuKernel *kernel,
                ArchError *e);
/* Needed before a launch with more than 48 kB of shared memory. */
bool gpu_allow_shared(Gpu *gpu, const GpuKernel *kernel, unsigned bytes, ArchError *e);
/* argument[i] points to the i-th argument, of exactly the type the kernel declares. */
bool gpu_launch(Gpu *gpu, const GpuKernel *kernel, GpuShape shape, void **argument,
                ArchError *e);
bool gpu_synchronize(Gpu *gpu, ArchError *e);

/* --- memory ----------------------------------------------------------------------- */

typedef struct GpuMemory {
    uint64_t address; /* a pointer on the device */
    size_t bytes;
} GpuMemory;

/* `offset` bytes into it, as kernels get it: of no use on the host. */
static inline void *gpu_pointer(GpuMemory memory, size_t offset)
{
    return (void *)(uintptr_t)(memory.address + offset);
}

bool gpu_alloc(Gpu *gpu, size_t bytes, GpuMemory *memory, ArchError *e);
void gpu_free(Gpu *gpu, GpuMemory *memory);
/* All bytes, to `value`: 0, or 0xff, which makes floats NaN. */
bool gpu_fill(Gpu *gpu, GpuMemory memory, unsigned char value, ArchError *e);
bool gpu_upload(Gpu *gpu, GpuMemory to, const void *from, size_t bytes, ArchError *e);
/* gpu_alloc() and gpu_upload(), which may be of nothing.  What was reserved is to be freed
 * after an error, too. */
bool gpu_upload_new(Gpu *gpu, GpuMemory *memory, const void *from, size_t bytes,
                    ArchError *e);
bool gpu_download(Gpu *gpu, void *to, GpuMemory from, size_t bytes, ArchError *e);
bool gpu_copy(Gpu *gpu, GpuMemory to, GpuMemory from, size_t bytes, ArchError *e);
/* The part that begins `offset` bytes in.  Only the whole is freed. */
GpuMemory gpu_part(GpuMemory whole, size_t offset, size_t bytes);

/* --- time ------------------------------------------------------------------------- */

typedef struct GpuEvent {
    void *handle;
} GpuEvent;

bool gpu_event_init(Gpu *gpu, GpuEvent *event, ArchError *e);
void gpu_event_release(Gpu *gpu, GpuEvent *event);
/* The event happens when the device has done all it was given so far. */
bool gpu_event_record(Gpu *gpu, GpuEvent event, ArchError *e);
/* Waits for `end`; from `begin` to there, to about half a microsecond. */
bool gpu_event_elapsed(Gpu *gpu, GpuEvent begin, GpuEvent end, double *seconds,
                       ArchError *e);

#endif
