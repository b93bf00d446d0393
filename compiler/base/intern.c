#include "base/intern.h"

#include <string.h>

/* Open addressing with linear probing; `slot` holds id + 1, at most half are in use. */
struct Names {
    Arena *arena;
    uint32_t *slot;
    uint32_t slots; /* a power of two */
    const char **text;
    uint32_t count;
};

enum { FIRST_SLOTS = 64 };

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv */
static uint32_t hash(const char *s, size_t n)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h;
}

Names *names_new(Arena *a)
{
    Names *names = NEW(a, Names);
    names->arena = a;
    names->slots = FIRST_SLOTS;
    names->slot = NEW_ARRAY(a, uint32_t, FIRST_SLOTS);
    names->text = NEW_ARRAY(a, const char *, FIRST_SLOTS / 2);
    return names;
}

/* The slot that holds the name, or the empty one where it belongs. */
static uint32_t *find(const Names *names, const char *s, size_t n)
{
    for (uint32_t i = hash(s, n);; i++) {
        uint32_t *slot = &names->slot[i & (names->slots - 1)];
        if (*slot == 0)
            return slot;
        const char *text = names->text[*slot - 1];
        if (strlen(text) == n && memcmp(text, s, n) == 0)
            return slot;
    }
}

static void grow(Names *names)
{
    const char **text = NEW_ARRAY(names->arena, const char *, names->slots);
    memcpy(text, names->text, names->count * sizeof *text);
    names->text = text;
    names->slots *= 2;
    names->slot = NEW_ARRAY(names->arena, uint32_t, names->slots);
    for (uint32_t id = 0; id < names->count; id++)
        *find(names, text[id], strlen(text[id])) = id + 1;
}

Name name_of(Names *names, const char *s, size_t n)
{
    if (2 * names->count >= names->slots)
        grow(names);
    uint32_t *slot = find(names, s, n);
    if (*slot == 0) {
        names->text[names->count] = arena_strndup(names->arena, s, n);
        *slot = ++names->count;
    }
    return (Name){.id = *slot - 1, .text = names->text[*slot - 1]};
}

uint32_t names_count(const Names *names)
{
    return names->count;
}
