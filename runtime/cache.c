#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SEAL_SIZE 16

static const char seal_mark[8] = "ARCHSEAL";

/* Makes a folder and those above it. */
static bool make_folder(char *path)
{
    for (char *s = path + 1; *s; s++)
        if (*s == '/') {
            *s = '\0';
            mkdir(path, 0700);
            *s = '/';
        }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

bool cache_folder(char path[FILE_PATH_MAX])
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (xdg && *xdg == '/')
        return path_set(path, "%s/archc", xdg) && make_folder(path);
    if (home && *home == '/')
        return path_set(path, "%s/.cache/archc", home) && make_folder(path);
    return false;
}

static bool put_seal(FILE *out, const void *data, size_t size)
{
    uint64_t hash = hash_bytes(HASH_INIT, data, size);
    return fwrite(seal_mark, 8, 1, out) == 1 && fwrite(&hash, 8, 1, out) == 1;
}

bool cache_seal(const char *path, ArchError *e)
{
    char *data;
    size_t size;
    if (!file_read(path, &data, &size, e))
        return false;
    FILE *out = fopen(path, "ab");
    bool ok = out && put_seal(out, data, size);
    free(data);
    if (out)
        ok = fclose(out) == 0 && ok;
    return ok ? true : error_set(e, ARCH_EXIT_FILE, "cannot write %.300s", path);
}

bool cache_read(const char *path, char **data, size_t *size)
{
    ArchError ignored;
    if (!file_exists(path) || !file_read(path, data, size, &ignored))
        return false;
    bool ok = *size > SEAL_SIZE;
    if (ok) {
        const char *seal = *data + (*size -= SEAL_SIZE);
        uint64_t hash = hash_bytes(HASH_INIT, *data, *size);
        ok = memcmp(seal, seal_mark, 8) == 0 && memcmp(seal + 8, &hash, 8) == 0;
    }
    if (!ok)
        free(*data);
    return ok;
}

bool cache_write(const char *path, const void *data, size_t size)
{
    FileDraft draft;
    ArchError ignored;
    if (!file_begin(&draft, path, &ignored))
        return false;
    if (fwrite(data, 1, size, draft.out) == size && put_seal(draft.out, data, size))
        return file_commit(&draft, &ignored);
    file_abandon(&draft);
    return false;
}
