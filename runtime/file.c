#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t hash_bytes(uint64_t hash, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(1099511628211);
    return hash;
}

uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

static void out_of_memory(size_t n)
{
    fprintf(stderr, "archrun: error: out of memory (%zu bytes)\n", n);
    exit(ARCH_EXIT_FILE);
}

void *memory_new(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

void *memory_aligned(size_t n)
{
    size_t whole = (n / 64 + 1) * 64;
    void *p = aligned_alloc(64, whole);
    if (!p)
        out_of_memory(n);
    return memset(p, 0, whole);
}

bool text_ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

bool path_set(char to[FILE_PATH_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(to, FILE_PATH_MAX, format, args);
    va_end(args);
    return n >= 0 && n < FILE_PATH_MAX;
}

bool file_exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}

static bool read_error(const char *path, int why, ArchError *e)
{
    return error_set(e, ARCH_EXIT_FILE, "cannot read %.300s: %s", path, strerror(why));
}

bool file_read(const char *path, char **data, size_t *size, ArchError *e)
{
    FILE *in = fopen(path, "rb");
    struct stat s;
    if (!in)
        return read_error(path, errno, e);
    if (fstat(fileno(in), &s) != 0 || !S_ISREG(s.st_mode)) {
        fclose(in);
        return error_set(e, ARCH_EXIT_FILE, "%.300s is not a file", path);
    }
    *size = (size_t)s.st_size;
    *data = memory_new(*size + 1);
    bool ok = fread(*data, 1, *size, in) == *size;
    int why = ok ? 0 : errno;
    (*data)[*size] = '\0';
    fclose(in);
    if (ok)
        return true;
    free(*data);
    *data = NULL;
    return read_error(path, why ? why : EIO, e);
}

static bool write_error(const char *path, int why, ArchError *e)
{
    return error_set(e, ARCH_EXIT_FILE, "cannot write %.300s: %s", path, strerror(why));
}

bool file_check_place(const char *path, ArchError *e)
{
    struct stat s;
    if (stat(path, &s) != 0 || S_ISREG(s.st_mode))
        return true;
    return error_set(e, ARCH_EXIT_FILE, "cannot write %.300s: it is %s", path,
                     S_ISDIR(s.st_mode) ? "a folder" : "no regular file");
}

static bool same_file(const char *a, const char *b)
{
    struct stat s, t;
    return a && b && stat(a, &s) == 0 && stat(b, &t) == 0 && s.st_dev == t.st_dev &&
           s.st_ino == t.st_ino;
}

bool file_check_output(const char *path, const char *const *input, int n, ArchError *e)
{
    for (int i = 0; i < n; i++)
        if (same_file(path, input[i]))
            return error_set(e, ARCH_EXIT_USAGE,
                             "the output %.300s is an input, too: it would be lost",
                             path);
    return true;
}

bool file_check_distinct(const char *const *input, int n, ArchError *e)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++)
            if (same_file(input[i], input[k]))
                return error_set(e, ARCH_EXIT_USAGE, "%.300s is given twice", input[i]);
    return true;
}

bool file_begin(FileDraft *d, const char *path, ArchError *e)
{
    if (!*path)
        return error_set(e, ARCH_EXIT_FILE, "the name of the output file is empty");
    if (!file_check_place(path, e))
        return false;
    if (!path_set(d->path, "%s", path) || !path_set(d->draft, "%s.XXXXXX", path))
        return write_error(path, ENAMETOOLONG, e);
    int fd = mkstemp(d->draft);
    if (fd < 0)
        return write_error(path, errno, e);
    mode_t mask =
        umask(0); /* mkstemp makes 0600; a result is as readable as any file */
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    d->out = fdopen(fd, "wb");
    if (d->out)
        return true;
    const int why = errno;
    close(fd);
    unlink(d->draft);
    return write_error(path, why, e);
}

void file_abandon(FileDraft *d)
{
    fclose(d->out);
    unlink(d->draft);
}

/* A rename is on the disk when the folder is. */
static void sync_folder(const char *path)
{
    char folder[FILE_PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash)
        path_set(folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    const int fd = open(folder, O_RDONLY);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

bool file_commit(FileDraft *d, ArchError *e)
{
    bool ok = !ferror(d->out) && fflush(d->out) == 0 && fsync(fileno(d->out)) == 0;
    int why = errno;
    ok = fclose(d->out) == 0 && ok;
    if (ok && rename(d->draft, d->path) == 0) {
        sync_folder(d->path);
        return true;
    }
    why = ok ? errno : why;
    unlink(d->draft);
    return write_error(d->path, why, e);
}

bool file_check_writable(const char *path, ArchError *e)
{
    FileDraft d;
    if (!file_begin(&d, path, e))
        return false;
    file_abandon(&d);
    return true;
}

void file_sibling(char to[FILE_PATH_MAX], const char *path, const char *suffix,
                  const char *replacement)
{
    int n = (int)strlen(path);
    if (text_ends_with(path, suffix))
        n -= (int)strlen(suffix);
    path_set(to, "%.*s%s", n, path, replacement);
}
