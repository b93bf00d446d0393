/* world.h - a folder with data, a cache and archrun, for tests of its commands. */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "program.h"

typedef struct World {
    const char *archrun, *archc,
        *tiny; /* of the command line: two programs, and the folder
                                           of the hand-written networks                   */
    char out[SAID_MAX],
        err[SAID_MAX]; /* what the last command said                     */
} World;

/* Makes a folder and goes there: a.h5 (4x4), b.h5 (3x5), c.h5 (many of 8x8), an empty cache.
 * False if that fails, or argv is not archrun, archc, folder. */
bool world_begin(World *w, int argc, char **argv);
/* Removes it. */
bool world_end(World *w);

/* Runs archrun with these words; @ stands for the folder of the networks. */
int world_run(World *w, const char *words);

/* Runs and expects this exit code and this piece of what is said (on either stream). */
void world_expect(World *w, int code, const char *text, const char *words);

void write_text(const char *path, const char *text);
void write_data(const char *path, int64_t samples, int t, int x);
/* At most SAID_MAX bytes; 0 if there is no such file. */
size_t read_bytes(const char *path, char *to);
bool exists(const char *path);

#endif
