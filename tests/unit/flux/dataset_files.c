#include "dataset_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* HDF5 itself loses memory over some damaged files. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

static char folder[] = "/tmp/dataset_test.XXXXXX";

const char *folder_path(void)
{
    return folder;
}

const char *at(const char *name)
{
    static char path[4][128];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

char *slurp(const char *path, long *size)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *size = ftell(f);
    rewind(f);
    char *bytes = malloc((size_t)*size);
    assert_int_equal(fread(bytes, 1, (size_t)*size, f), *size);
    fclose(f);
    return bytes;
}

void spill(const char *path, const char *bytes, long size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, (size_t)size, f), size);
    fclose(f);
}

void refused(const char *path, ArchExit code, const char *part)
{
    Dataset d;
    ArchError e = {0};
    assert_false(dataset_read(&d, path, &e));
    assert_int_equal(e.code, code);
    if (strstr(e.text, part) == NULL)
        fail_msg("'%s' is not in: %s", part, e.text);
    assert_null(strchr(e.text, '\n'));
    assert_null(d.group);
    assert_null(d.set);
}

int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

int remove_folder(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}
