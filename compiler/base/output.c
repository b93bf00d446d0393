#include "base/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool failed(const char *verb, const char *path, Arena *a, const char **why)
{
    *why = arena_printf(a, "cannot %s %s: %s", verb, path, strerror(errno));
    return false;
}

/* As mkdir -p. */
static bool make_directory(const char *path, Arena *a, const char **why)
{
    char *part = arena_strdup(a, path);
    for (char *s = part + 1; *s; s++) {
        if (*s != '/')
            continue;
        *s = '\0';
        if (mkdir(part, 0777) && errno != EEXIST)
            return failed("make the directory", part, a, why);
        *s = '/';
    }
    if (mkdir(path, 0777) && errno != EEXIST)
        return failed("make the directory", path, a, why);
    struct stat s;
    if (stat(path, &s) != 0)
        return failed("make the directory", path, a, why);
    errno = ENOTDIR;
    return S_ISDIR(s.st_mode) || failed("write into", path, a, why);
}

static const char *temporary(const char *directory, const Output *file, Arena *a)
{
    return arena_printf(a, "%s/.%s.%ld", directory, file->name, (long)getpid());
}

static bool write_one(const char *path, const Output *file, Arena *a, const char **why)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        return failed("write", path, a, why);
    bool ok = fwrite(file->text, 1, file->size, f) == file->size;
    ok = (fclose(f) == 0) && ok;
    return ok || failed("write", path, a, why);
}

/* A rename would put a file in the place of a device, too. */
static bool check_place(const char *path, Arena *a, const char **why)
{
    struct stat s;
    if (stat(path, &s) != 0 || S_ISREG(s.st_mode))
        return true;
    *why = arena_printf(a, "cannot write %s: it is no regular file", path);
    return false;
}

static void remove_temporaries(const char *directory, const Output *file, int files,
                               Arena *a)
{
    for (int i = 0; i < files; i++)
        unlink(temporary(directory, &file[i], a));
}

bool output_write(const char *directory, const Output *file, int files, Arena *a,
                  const char **why)
{
    if (!make_directory(directory, a, why))
        return false;
    bool ok = true;
    for (int i = 0; ok && i < files; i++)
        ok = check_place(arena_printf(a, "%s/%s", directory, file[i].name), a, why);
    for (int i = 0; ok && i < files; i++)
        ok = write_one(temporary(directory, &file[i], a), &file[i], a, why);
    for (int i = 0; ok && i < files; i++) {
        const char *place = arena_printf(a, "%s/%s", directory, file[i].name);
        if (rename(temporary(directory, &file[i], a), place))
            ok = failed("write", place, a, why);
    }
    if (!ok)
        remove_temporaries(directory, file, files, a);
    return ok;
}
