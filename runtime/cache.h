/* cache.h - files that can be made again: compiled models, compiled kernels.
 *
 * An entry is one file: what was made, and behind it 16 bytes, a mark and the hash
 * of the rest.  It appears by a rename, so that several makers never meet; one that
 * is not whole is made again. */
#ifndef ARCHRT_CACHE_H
#define ARCHRT_CACHE_H

#include "file.h"

/* The folder, made if need be: $XDG_CACHE_HOME/archc or ~/.cache/archc.  False if
 * there can be none. */
bool cache_folder(char path[FILE_PATH_MAX]);

/* Puts mark and hash behind a file. */
bool cache_seal(const char *path, ArchError *e);

/* An entry without its seal; *data is freed by the caller.  False if it is not
 * there, not readable or not whole. */
bool cache_read(const char *path, char **data, size_t *size);

/* Makes an entry from memory.  False if the folder cannot be written. */
bool cache_write(const char *path, const void *data, size_t size);

#endif
