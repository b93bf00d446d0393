#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Block {
    struct Block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
} Block;

struct Arena {
    Block *block;
};

/* Blocks double: small arenas stay small. */
enum { BLOCK_FIRST = 4 * 1024, BLOCK_MOST = 1024 * 1024 };

static void *checked_calloc(size_t size)
{
    void *p = calloc(1, size);
    if (!p) {
        fprintf(stderr, "archc: out of memory (%zu bytes)\n", size);
        exit(70);
    }
    return p;
}

Arena *arena_new(void)
{
    return checked_calloc(sizeof(Arena));
}

void arena_free(Arena *a)
{
    if (!a)
        return;
    for (Block *b = a->block, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

static Block *block_push(Arena *a, size_t size)
{
    Block *b = checked_calloc(sizeof(Block) + size);
    b->size = size;
    b->next = a->block;
    a->block = b;
    return b;
}

void *arena_alloc(Arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    size = (size + align - 1) / align * align;
#ifdef ARENA_MALLOC
    return block_push(a, size)->data;
#else
    Block *b = a->block;
    if (!b || b->size - b->used < size) {
        size_t next = !b                         ? BLOCK_FIRST
                      : b->size < BLOCK_MOST / 2 ? 2 * b->size
                                                 : BLOCK_MOST;
        b = block_push(a, size > next ? size : next);
    }
    void *p = b->data + b->used;
    b->used += size;
    return p;
#endif
}

char *arena_strndup(Arena *a, const char *s, size_t n)
{
    char *copy = arena_alloc(a, n + 1);
    memcpy(copy, s, n);
    return copy;
}

char *arena_strdup(Arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(Arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

_Noreturn void arena_unreachable(const char *file, int line)
{
    fprintf(stderr, "%s:%d: internal error: this place cannot be reached\n", file,
            line);
    abort();
}
