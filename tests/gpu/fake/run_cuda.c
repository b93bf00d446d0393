/* A CUDA driver whose device is this processor: kernels are libraries that run_nvrtc.c has
 * made, and run with a fiber for every thread.
 *
 * Device memory can be touched by kernels alone: while none runs it is protected, so that a
 * host that follows an address of the device ends there.  Every piece ends before a page that
 * is nobody's, and no address comes twice.  An address of the host in a kernel's argument, or
 * where one of the device belongs, is an illegal address.
 *
 *     FAKE_CUDA_ORDER   of the threads: 0 forward, 1 reversed, 2 shuffled [0] */
#include <dlfcn.h>
#include <elf.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch_model.h"
#include "fake_device.h"
#include "fibers.h"

/* A driver has threads of its own, to which signals may come as well. */
static void *sleep_on(void *none)
{
    while (pause())
        continue;
    return none;
}

__attribute__((constructor)) static void begin_thread(void)
{
    pthread_t own;
    if (pthread_create(&own, NULL, sleep_on, NULL) == 0)
        pthread_detach(own);
}

#define ARENA_BYTES ((size_t)16 << 30) /* of addresses */
#define PIECES_MAX  4096
#define ALIGNMENT   256

#define FUNCTIONS_MAX 64

struct CUfunc_st {
    void *address;
    int shared;
};
struct CUmod_st {
    void *library;
    struct CUfunc_st function[FUNCTIONS_MAX];
    int functions;
};

/* ---- memory ---- */

typedef struct Piece {
    char *begin, *pages;
    size_t bytes, mapped;
} Piece;

static char *arena, *arena_end, *arena_next;
static Piece piece[PIECES_MAX];
static int pieces;

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static bool open_arena(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *all = arena ? arena : mmap(NULL, ARENA_BYTES, PROT_NONE, flags, -1, 0);
    if (all == MAP_FAILED)
        return false;
    if (!arena) {
        arena = arena_next = all;
        arena_end = arena + ARENA_BYTES;
    }
    return true;
}

/* Kernels, and the functions below, see the memory; the host does not. */
static void show(bool visible)
{
    for (int i = 0; i < pieces; i++)
        mprotect(piece[i].pages, piece[i].mapped,
                 visible ? PROT_READ | PROT_WRITE : PROT_NONE);
}

static bool in_arena(const void *p)
{
    return arena && (const char *)p >= arena && (const char *)p < arena_end;
}

/* Whether the host has memory at this address. */
static bool is_mapped(uint64_t address)
{
    uint64_t page = address / page_bytes() * page_bytes();
    return address >= page_bytes() && address < (uint64_t)1 << 47 &&
           !in_arena((void *)(uintptr_t)address) &&
           msync((void *)(uintptr_t)page, page_bytes(), MS_ASYNC) == 0;
}

/* Whether these bytes are all of one piece. */
static bool is_device(CUdeviceptr address, size_t bytes)
{
    const char *p = (const char *)(uintptr_t)address;
    for (int i = 0; i < pieces; i++)
        if (p >= piece[i].begin && p <= piece[i].begin + piece[i].bytes)
            return bytes <= (size_t)(piece[i].begin + piece[i].bytes - p);
    return false;
}

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes)
{
    size_t page = page_bytes(), mapped = (bytes + page - 1) / page * page;
    CUresult r = fate("cuMemAlloc_v2");
    if (r != CUDA_SUCCESS)
        return r;
    if (!bytes || !open_arena() || pieces == PIECES_MAX ||
        mapped + page > (size_t)(arena_end - arena_next))
        return CUDA_ERROR_OUT_OF_MEMORY;
    Piece *p = &piece[pieces++];
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    *p = (Piece){.pages = arena_next, .bytes = bytes, .mapped = mapped};
    p->begin = p->pages + mapped - rounded;
    arena_next += mapped + page;
    mprotect(p->pages, mapped, PROT_READ | PROT_WRITE);
    memset(p->pages, 0xff, mapped);
    mprotect(p->pages, mapped, PROT_NONE);
    *address = (CUdeviceptr)(uintptr_t)p->begin;
    fake_cuda_held++;
    return CUDA_SUCCESS;
}

CUresult cuMemFree_v2(CUdeviceptr address)
{
    for (int i = 0; i < pieces; i++) {
        if ((CUdeviceptr)(uintptr_t)piece[i].begin != address)
            continue;
        munmap(piece[i].pages, piece[i].mapped);
        mmap(piece[i].pages, piece[i].mapped, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        piece[i] = piece[--pieces];
        return holds("cuMemFree_v2", -1);
    }
    return 1;
}

/* Copies if the function is to succeed and both sides are what they should be. */
static CUresult copy(const char *name, void *to, const void *from, size_t bytes,
                     bool good)
{
    CUresult r = fate(name);
    if (r != CUDA_SUCCESS)
        return r;
    if (!good)
        return 1;
    show(true);
    memcpy(to, from, bytes);
    show(false);
    return CUDA_SUCCESS;
}

CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes)
{
    return copy("cuMemcpyHtoD_v2", (void *)(uintptr_t)to, from, bytes,
                is_device(to, bytes) && !in_arena(from));
}

CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes)
{
    return copy("cuMemcpyDtoH_v2", to, (void *)(uintptr_t)from, bytes,
                is_device(from, bytes) && !in_arena(to));
}

CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    return copy("cuMemcpyDtoD_v2", (void *)(uintptr_t)to, (void *)(uintptr_t)from,
                bytes, is_device(to, bytes) && is_device(from, bytes));
}

CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t bytes)
{
    CUresult r = is_device(to, bytes) ? fate("cuMemsetD8_v2") : 1;
    if (r != CUDA_SUCCESS)
        return r;
    show(true);
    memset((void *)(uintptr_t)to, value, bytes);
    show(false);
    return CUDA_SUCCESS;
}

/* ---- modules ---- */

/* The length of a shared object, whose table of sections is its end; 0: it is none. */
static size_t object_bytes(const void *image)
{
    Elf64_Ehdr h;
    memcpy(&h, image, sizeof h);
    if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
        return 0;
    return h.e_shoff + (size_t)h.e_shnum * h.e_shentsize;
}

/* Kernels look for the shim's variables in this library, which the program that opened it
 * has kept for itself. */
static bool offer_variables(void)
{
    Dl_info own;
    return dladdr(&fake_cuda_held, &own) &&
           dlopen(own.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

static void *load(const void *image)
{
    char path[] = "/tmp/run_cuda.XXXXXX";
    size_t bytes = object_bytes(image);
    int file = bytes ? mkstemp(path) : -1;
    if (file < 0)
        return NULL;
    bool written = write(file, image, bytes) == (ssize_t)bytes;
    close(file);
    void *library = written ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library)
        fprintf(stderr, "%s\n", written ? dlerror() : "cannot write to /tmp");
    unlink(path);
    return library;
}

CUresult cuModuleLoadData(CUmodule *m, const void *image)
{
    CUresult r = fate("cuModuleLoadData");
    *m = NULL;
    if (r != CUDA_SUCCESS)
        return r;
    void *library = offer_variables() ? load(image) : NULL;
    if (!library)
        return CUDA_ERROR_INVALID_IMAGE;
    *m = calloc(1, sizeof **m);
    (*m)->library = library;
    fake_cuda_held++;
    return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule m)
{
    dlclose(m->library);
    free(m);
    return holds("cuModuleUnload", -1);
}

CUresult cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name)
{
    void *address = dlsym(m->library, name);
    int i = 0;
    while (i < m->functions && m->function[i].address != address)
        i++;
    if (!address || i == FUNCTIONS_MAX)
        return CUDA_ERROR_NOT_FOUND;
    *f = &m->function[i];
    if (i == m->functions) {
        m->functions++;
        **f = (struct CUfunc_st){.address = address, .shared = 48 << 10};
    }
    return fate("cuModuleGetFunction");
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute which, CUfunction f)
{
    (void)f;
    *value = which == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? FIBERS_THREADS
             : which == CU_FUNC_ATTRIBUTE_NUM_REGS            ? 40
                                                              : 0;
    return fate("cuFuncGetAttribute");
}

CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute which, int value)
{
    if (which != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES ||
        value > FIBERS_SHARED)
        return 1;
    f->shared = value;
    return fate("cuFuncSetAttribute");
}

/* ---- launches ---- */

/* The word of an argument that is an address of the host; -1: none is. */
static int host_word(const uint64_t *argument)
{
    const int words = sizeof((ArchCudaLaunch){0}.argument) / sizeof *argument;
    for (int i = 0; i < words; i++)
        if (is_mapped(argument[i]))
            return i;
    return -1;
}

CUresult cuLaunchKernel(CUfunction f, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z,
                        unsigned dynamic, CUstream stream, void **arguments,
                        void **extra)
{
    CUresult r = fate("cuLaunchKernel");
    if (r != CUDA_SUCCESS)
        return r;
    if (stream || extra || grid_z != 1 || block_y * block_z != 1 || !grid_x ||
        !grid_y || grid_y > (unsigned)setting("FAKE_CUDA_GRID_Y", 65535) || !block_x ||
        block_x > FIBERS_THREADS || (int)dynamic > f->shared)
        return 1;
    if (host_word(arguments[0]) >= 0)
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    show(true);
    bool good = fibers_launch((FibersLaunch){
        .kernel = f->address,
        .argument = arguments[0],
        .grid = {grid_x, grid_y},
        .threads = block_x,
        .shared_bytes = dynamic,
        .order = (Order)setting("FAKE_CUDA_ORDER", 0)
    });
    show(false);
    return good ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_FAILED;
}
