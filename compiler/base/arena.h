/* arena.h - memory with one lifetime.
 *
 * An arena hands out zeroed memory and takes it all back at once.  A stage
 * allocates its result in the arena its caller gave it, and its scratch in
 * one of its own; nobody frees a node.  Running out of memory ends the
 * program, here and nowhere else.
 *
 * Built with -DARENA_MALLOC every allocation is a block of its own, so that
 * AddressSanitizer sees an overrun. */
#ifndef ARCHC_BASE_ARENA_H
#define ARCHC_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct Arena Arena;

Arena *arena_new(void);
void arena_free(Arena *a);

/* Zeroed memory, aligned for any type; never NULL. */
void *arena_alloc(Arena *a, size_t size);

/* A copy of the n bytes at s, with a terminating zero. */
char *arena_strndup(Arena *a, const char *s, size_t n);
char *arena_strdup(Arena *a, const char *s);
char *arena_printf(Arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define NEW(arena, T)          ((T *)arena_alloc((arena), sizeof(T)))
#define NEW_ARRAY(arena, T, n) ((T *)arena_alloc((arena), sizeof(T) * (size_t)(n)))

#define countof(array) (sizeof(array) / sizeof((array)[0]))

/* Marks what no input can reach; every switch over a kind ends in it. */
#define unreachable() arena_unreachable(__FILE__, __LINE__)
_Noreturn void arena_unreachable(const char *file, int line);

#endif
