#define _GNU_SOURCE /* dlinfo, to say which file the loader took */
#include "gpu_nvrtc.h"

#include <dlfcn.h>
#include <glob.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

/* Versions that may be asked of the loader by name, newest first; before 12 a name
 * has the minor version, too, and before 11.2 NVRTC did not say which architectures
 * it knows. */
enum { MAJOR_NEWEST = 19, MAJOR_OLDEST = 12 };
#define NAME_OF_11 "libnvrtc.so.11.2"

typedef struct Search {
    Nvrtc *found;
    int driver;
    int newer; /* the major version of one that is too new for the driver, or 0 */
    char newer_path[FILE_PATH_MAX];
} Search;

static const GpuSymbol symbol_table[] = {
#define NVRTC(field, arguments) {#field, offsetof(Nvrtc, field)},
#include "gpu_abi.def"
};

static bool suits(Search *s, const Nvrtc *n)
{
    if (!s->driver || n->major <= s->driver / 1000)
        return true;
    s->newer = n->major;
    memcpy(s->newer_path, n->path, sizeof n->path);
    return false;
}

/* Whether this library, a path or a name for the loader, is the one.  It stays open
 * in any case: NVRTC keeps its memory when it is closed, and would take more when
 * opened again. */
static bool try_library(Search *s, const char *name)
{
    Nvrtc n = {0};
    struct link_map *map;
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
    bool whole = gpu_resolve(library, symbol_table,
                             sizeof symbol_table / sizeof *symbol_table, &n) == NULL &&
                 n.nvrtcVersion(&n.major, &n.minor) == NVRTC_SUCCESS &&
                 dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 &&
                 path_set(n.path, "%s", map->l_name);
    bool ok = whole && suits(s, &n);
    if (ok)
        *s->found = n;
    return ok;
}

static bool try_loader(Search *s)
{
    char name[40];
    if (try_library(s, "libnvrtc.so"))
        return true;
    for (int major = MAJOR_NEWEST; major >= MAJOR_OLDEST; major--) {
        snprintf(name, sizeof name, "libnvrtc.so.%d", major);
        if (try_library(s, name))
            return true;
    }
    return try_library(s, NAME_OF_11);
}

/* From the last in the alphabet to the first: cuda-13.0 before cuda-12.4. */
static bool try_pattern(Search *s, const char *toolkit, const char *rest)
{
    char pattern[FILE_PATH_MAX];
    glob_t file;
    if (!path_set(pattern, "%s/%s/libnvrtc.so*", toolkit, rest) ||
        glob(pattern, 0, NULL, &file) != 0)
        return false;
    bool ok = false;
    for (size_t i = file.gl_pathc; i-- && !ok;)
        ok = try_library(s, file.gl_pathv[i]);
    globfree(&file);
    return ok;
}

static bool try_toolkit(Search *s, const char *toolkit)
{
    return toolkit && *toolkit &&
           (try_pattern(s, toolkit, "lib64") || try_pattern(s, toolkit, "lib") ||
            try_pattern(s, toolkit, "targets/*/lib"));
}

bool nvrtc_open_in(Nvrtc *n, int driver, const char *const *toolkit, int toolkits,
                   ArchError *e)
{
    Search s = {.found = n, .driver = driver};
    bool ok = try_loader(&s);
    for (int i = 0; i < toolkits && !ok; i++)
        ok = try_toolkit(&s, toolkit[i]);
    if (ok)
        return true;
    if (s.newer)
        return error_set(
            e, ARCH_EXIT_DEVICE,
            "the driver knows CUDA %d.%d, too old for the code of NVRTC %d "
            "(%.200s): install a newer driver, or the NVRTC of a CUDA up to %d.x",
            driver / 1000, driver % 1000 / 10, s.newer, s.newer_path, driver / 1000);
    return error_set(e, ARCH_EXIT_DEVICE,
                     "no NVRTC, the compiler of CUDA (libnvrtc.so of 11.2 or later): "
                     "install the CUDA toolkit, or set CUDA_HOME to where it is");
}

bool nvrtc_open(Nvrtc *n, int driver, ArchError *e)
{
    const char *const toolkit[] = {getenv("CUDA_HOME"), getenv("CUDA_PATH"),
                                   "/usr/local/cuda",   "/usr/local/cuda-*",
                                   "/opt/cuda",         "/opt/nvidia/hpc_sdk/*/*/cuda"};
    return nvrtc_open_in(n, driver, toolkit, sizeof toolkit / sizeof *toolkit, e);
}
