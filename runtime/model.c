#include "archrt/model.h"

#include <dlfcn.h>
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "file.h"
#include "model_build.h"

typedef const ArchModel *(*ModelEntry)(void);

void model_work_use(ModelWork *w, ArchCall *call, ArchWhat what)
{
    call->work = w->memory;
    call->kept = w->batch == call->batch && w->what == what &&
                 !memcmp(w->extent, call->extent, sizeof w->extent);
    w->batch = call->batch;
    w->what = what;
    memcpy(w->extent, call->extent, sizeof w->extent);
}

size_t model_real_size(const ArchModel *m)
{
    return m->real == ARCH_F64 ? sizeof(double) : sizeof(float);
}

const ArchModel *model_check(const ArchModel *m, const char *path, ArchError *e)
{
    if (!m || m->size < sizeof(ArchModel) || m->abi != ARCH_ABI) {
        error_set(e, ARCH_EXIT_FILE,
                  "%.300s was made by another version of archc: compile it again",
                  path);
        return NULL;
    }
    bool whole = m->name && m->version && m->source && m->symmetry && m->rank >= 0 &&
                 m->rank <= ARCH_AXES_MAX && m->channels > 0 && m->outputs > 0 &&
                 (m->real == ARCH_F32 || m->real == ARCH_F64) && m->work_bytes &&
                 m->output_sites && m->flops && m->bound && m->pack && m->forward &&
                 (m->params == 0 || m->param);
    if (whole)
        return m;
    error_set(e, ARCH_EXIT_FILE, "%.300s holds a damaged model: compile it again",
              path);
    return NULL;
}

/* A truncated shared object would end the program inside dlopen.  The table of sections is
 * the last thing in such a file, so a file that reaches its end is whole. */
static bool check_elf(const char *path, ArchError *e)
{
    char *data;
    size_t size;
    if (!file_read(path, &data, &size, e))
        return false;
    Elf64_Ehdr h = {0};
    memcpy(&h, data, size < sizeof h ? size : sizeof h);
    free(data);
    if (size < sizeof h || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 ||
        h.e_type != ET_DYN)
        return error_set(e, ARCH_EXIT_FILE,
                         "%.300s is neither a .arch nor a shared object with a model",
                         path);
    if (h.e_shoff > size || size - h.e_shoff < (size_t)h.e_shnum * h.e_shentsize)
        return error_set(e, ARCH_EXIT_FILE, "%.300s is truncated: build it again",
                         path);
    return true;
}

/* dlopen looks for a name without '/' in the system's folders, not here. */
static void *open_library(const char *path, ArchError *e)
{
    char full[FILE_PATH_MAX];
    bool ok = path_set(full, "%s%s", strchr(path, '/') ? "" : "./", path);
    void *handle = ok ? dlopen(full, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!ok)
        error_set(e, ARCH_EXIT_FILE, "cannot load %.200s: its name is too long", path);
    else if (!handle)
        error_set(e, ARCH_EXIT_FILE, "cannot load %.200s: %.250s", path, dlerror());
    return handle;
}

/* Calls NAME_model() of a library; NULL if it has none. */
static const ArchModel *library_model(void *handle, const char *name, int length)
{
    char symbol[300];
    ModelEntry entry;
    if (snprintf(symbol, sizeof symbol, "%.*s_model", length, name) >=
        (int)sizeof symbol)
        return NULL;
    void *address = dlsym(handle, symbol);
    memcpy(&entry, &address,
           sizeof entry); /* ISO C has no cast from data to function */
    return address ? entry() : NULL;
}

/* NAME is the file's: libNAME.so, NAME.so. */
static const ArchModel *prebuilt_model(void *handle, const char *path, const char *name)
{
    if (name)
        return library_model(handle, name, (int)strlen(name));
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    int length = (int)strcspn(base, ".");
    const ArchModel *m = library_model(handle, base, length);
    if (!m && strncmp(base, "lib", 3) == 0)
        m = library_model(handle, base + 3, length - 3);
    return m;
}

static bool open_prebuilt(Model *m, const char *path, const ModelChoice *choice,
                          ArchError *e)
{
    if (!check_elf(path, e) || !(m->handle = open_library(path, e)))
        return false;
    const ArchModel *found = prebuilt_model(m->handle, path, choice->name);
    if (!found)
        return error_set(e, choice->name ? ARCH_EXIT_USAGE : ARCH_EXIT_FILE,
                         choice->name ? "%.200s has no model '%.60s'"
                                      : "%.200s has no model of its own name%.0s: say "
                                        "--model NAME if it has another",
                         path, choice->name ? choice->name : "");
    m->m = model_check(found, path, e);
    if (m->m && choice->real && m->m->real != choice->real)
        return error_set(e, ARCH_EXIT_USAGE,
                         "%.200s computes in %s: no other --precision", path,
                         model_real_name(m->m));
    return m->m != NULL;
}

static bool open_built(Model *m, const char *path, const ModelChoice *choice,
                       ArchError *e)
{
    ModelBuild built;
    if (!model_build(&built, path, choice, e))
        return false;
    m->handle = open_library(built.library, e);
    model_build_release(&built); /* a loaded library outlives its name */
    if (!m->handle)
        return false;
    m->m = model_check(library_model(m->handle, "archrun", 7), path, e);
    return m->m != NULL;
}

bool model_open(Model *m, const char *path, const ModelChoice *choice, ArchError *e)
{
    *m = (Model){0};
    bool is_library = text_ends_with(path, ".so");
    bool ok =
        is_library ? open_prebuilt(m, path, choice, e) : open_built(m, path, choice, e);
    if (!ok)
        model_release(m);
    return ok;
}

void model_release(Model *m)
{
    if (m->handle)
        dlclose(m->handle);
    *m = (Model){0};
}

bool model_takes(const ArchModel *m, int rank, const int64_t *extent, ArchError *e)
{
    char have[96], want[96];
    cli_lattice_text(have, rank, extent);
    if (rank != m->rank)
        return error_set(e, ARCH_EXIT_USAGE,
                         "%s works on lattices with %d axes, not on %s with %d",
                         m->name, m->rank, rank ? have : "data", rank);
    for (int a = 0; a < rank; a++)
        if (m->fixed_extent[a] && m->fixed_extent[a] != extent[a])
            return error_set(
                e, ARCH_EXIT_USAGE, "%s works on %s only, not on %s: it has a Flatten",
                m->name, cli_lattice_text(want, rank, m->fixed_extent), have);
    if (!m->work_bytes(extent, 1, ARCH_FORWARD))
        return error_set(e, ARCH_EXIT_USAGE,
                         "%s cannot work on %s: a pool would leave no site", m->name,
                         have);
    return true;
}
