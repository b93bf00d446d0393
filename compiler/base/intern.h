/* intern.h - one number for every distinct name.
 *
 * Numbers count up from 0 in the order in which names are first seen, so that a
 * table by number replaces a search by name, and nothing depends on addresses. */
#ifndef ARCHC_BASE_INTERN_H
#define ARCHC_BASE_INTERN_H

#include <stdint.h>

#include "base/arena.h"

typedef struct Names Names;

typedef struct Name {
    uint32_t id;
    const char *text;
} Name;

Names *names_new(Arena *a);
Name name_of(Names *names, const char *s, size_t n);
uint32_t names_count(const Names *names);

#endif
