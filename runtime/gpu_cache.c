#include "gpu_cache.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache.h"

typedef struct Header {
    uint64_t key, log_bytes;
} Header;

uint64_t gpu_cache_key(const GpuSource *s, int arch, const Nvrtc *n, int driver)
{
    uint64_t h = hash_text(HASH_INIT, "archrun cubin 1");
    struct stat library = {0};
    stat(n->path, &library); /* so that an update of the same version is seen */
    int64_t number[] = {arch,   n->major,        n->minor,
                        driver, library.st_size, library.st_mtime};
    h = hash_bytes(h, number, sizeof number);
    h = hash_text(h, s->name);
    h = hash_text(h, s->text);
    for (int i = 0; i < s->options; i++)
        h = hash_text(h, s->option[i]);
    return h;
}

static bool entry_path(char path[FILE_PATH_MAX], uint64_t key)
{
    char folder[FILE_PATH_MAX];
    return cache_folder(folder) &&
           path_set(path, "%s/%016" PRIx64 ".cubin", folder, key);
}

static char *copy(const void *from, size_t bytes)
{
    char *to = memory_new(bytes + 1);
    memcpy(to, from, bytes);
    to[bytes] = '\0';
    return to;
}

bool gpu_cache_read(uint64_t key, GpuCode *code)
{
    char path[FILE_PATH_MAX], *data;
    size_t size;
    Header h;
    if (!entry_path(path, key) || !cache_read(path, &data, &size))
        return false;
    bool ok = size > sizeof h;
    if (ok) {
        memcpy(&h, data, sizeof h);
        ok = h.key == key && h.log_bytes < size - sizeof h;
    }
    if (ok) {
        code->log = copy(data + sizeof h, h.log_bytes);
        code->bytes = size - sizeof h - h.log_bytes;
        code->cubin = copy(data + sizeof h + h.log_bytes, code->bytes);
    }
    free(data);
    return ok;
}

void gpu_cache_write(uint64_t key, const GpuCode *code)
{
    char path[FILE_PATH_MAX];
    Header h = {key, strlen(code->log)};
    if (!entry_path(path, key))
        return;
    size_t size = sizeof h + h.log_bytes + code->bytes;
    char *data = memory_new(size);
    memcpy(data, &h, sizeof h);
    memcpy(data + sizeof h, code->log, h.log_bytes);
    memcpy(data + sizeof h + h.log_bytes, code->cubin, code->bytes);
    cache_write(path, data, size);
    free(data);
}
