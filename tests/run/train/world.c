#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "archrt/dataset.h"
#include "train_data.h"

int world_run(World *w, const char *words)
{
    char line[4000], *to = line + sprintf(line, "%s ", w->archrun);
    for (; *words; words++)
        to += *words == '@' ? sprintf(to, "%s", w->tiny) : sprintf(to, "%c", *words);
    return program_run(line, w->out, w->err);
}

void world_expect(World *w, int code, const char *text, const char *words)
{
    int found = world_run(w, words);
    if (found != code || (!strstr(w->err, text) && !strstr(w->out, text)))
        fail_msg("%s: exit %d, not %d; said:\n%s%s\nnot '%s'", words, found, code,
                 w->out, w->err, text);
    if (code && strstr(w->err, "archrun: error: ") == NULL)
        fail_msg("%s: no 'archrun: error:' in\n%s", words, w->err);
}

void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

size_t read_bytes(const char *path, char *to)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(to, 1, SAID_MAX, f) : 0;
    if (f)
        fclose(f);
    return n;
}

bool exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}

void write_data(const char *path, int64_t samples, int t, int x)
{
    Dataset d = {.groups = 1, .group = malloc(sizeof(DatasetGroup))};
    ArchError e = {0};
    d.group[0] = make_group(samples, t, x, (uint32_t)samples);
    if (!dataset_write(&d, path, &e))
        fail_msg("%s", e.text);
    dataset_release(&d);
}

bool world_begin(World *w, int argc, char **argv)
{
    char folder[] = "run_train.XXXXXX", cache[4096];
    if (argc != 4 || !mkdtemp(folder) || chdir(folder) != 0 ||
        !getcwd(cache, sizeof cache - 10))
        return false;
    w->archrun = argv[1];
    w->archc = argv[2];
    w->tiny = argv[3];
    strcat(cache, "/cache");
    setenv("XDG_CACHE_HOME", cache, 1);
    setenv("ARCHC", w->archc, 1);
    unsetenv("CC");
    write_data("a.h5", 150, 4, 4);
    write_data("b.h5", 150, 3, 5);
    write_data("c.h5", 8000, 8, 8);
    return true;
}

bool world_end(World *w)
{
    char here[4096], line[4200];
    if (!getcwd(here, sizeof here) || chdir("..") != 0)
        return false;
    snprintf(line, sizeof line, "/bin/rm -rf %s", here);
    return program_run(line, w->out, w->err) == 0;
}
