/* Mangled models through the front half of archc.
 *
 *     fuzz_arch ROUNDS FILE...
 *
 * Each round takes one of the files, changes it at a few random places (bytes and
 * words exchanged, pieces dropped, doubled, or brought in from another file) and
 * asks: there is a Graph exactly if no error was reported; a Graph is well formed
 * and can be printed and explained; nothing crashes (run it under the sanitizers) or
 * hangs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sema/sema.h"
#include "syntax/syntax.h"

enum { SEED = 7, CHANGES_MAX = 6, FILES_MAX = 400, TEXT_MAX = 1 << 14 };

static const char *const word[] = {
    "model ",
    "block ",
    "input ",
    " on ",
    "bias off ",
    "params 12 ",
    "loss BCE ",
    "assert equivariant ",
    "return ",
    "Conv(2x2, 4, 8) ",
    "Conv*(",
    "Linear(8, 1) ",
    "Sigmoid ",
    "Flatten ",
    "MaxPool(2x2, 2) ",
    "AvgPool(3x1) ",
    "GlobalSumPool ",
    "h = ",
    "h -> ",
    " -> ",
    " + ",
    " * ",
    " - ",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    "=",
    ".",
    "\n",
    "2x2x2",
    "1000000000",
    "99999999999999999999",
    "0",
    "0x0",
    "1e999",
    "-1",
    "x.channels",
    "pad=zero",
    "pad=none",
    "stride=65536",
    "slope=-1",
    "\303\227",
    "#",
    "T=1",
    "T=16777216",
};

typedef struct Text {
    char bytes[TEXT_MAX];
    size_t size;
} Text;

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static size_t below(uint64_t *seed, size_t n)
{
    return n ? (size_t)next(seed) % n : 0;
}

/* Puts `n` bytes in the place of `cut` ones; what would not fit stays out. */
static void splice(Text *t, size_t at, size_t cut, const char *s, size_t n)
{
    if (t->size - cut + n > TEXT_MAX)
        return;
    memmove(t->bytes + at + n, t->bytes + at + cut, t->size - at - cut);
    memcpy(t->bytes + at, s, n);
    t->size += n - cut;
}

static void change(Text *t, const Text *other, uint64_t *seed)
{
    size_t at = below(seed, t->size + 1), left = t->size - at;
    size_t few = below(seed, left < 30 ? left + 1 : 30);
    const char *w = word[below(seed, countof(word))];
    size_t from = below(seed, other->size + 1);
    char piece[64];
    size_t n = below(seed, other->size - from < 60 ? other->size - from + 1 : 60);
    memcpy(piece, other->bytes + from, n);
    switch (below(seed, 5)) {
    case 0: splice(t, at, few, "", 0); break;
    case 1: splice(t, at, 0, w, strlen(w)); break;
    case 2: splice(t, at, few, w, strlen(w)); break;
    case 3: splice(t, at, 0, piece, n); break;
    case 4:
        if (left)
            t->bytes[at] = (char)below(seed, 128);
        break;
    }
}

/* The same questions as the command line asks. */
static bool check(const Text *t, uint64_t *seed, FILE *sink, long *accepted)
{
    Arena *a = arena_new();
    const char *why;
    const Source *source = source_from("fuzz.arch", t->bytes, t->size, a, &why);
    bool ok = true;
    if (source) {
        Diag *diag = diag_new(source, a);
        Unit *unit = syntax_parse(source, a, diag);
        if (diag_errors(diag) == 0)
            unit_print(unit, sink);
        Graphs *graphs = sema_lower(unit, a, diag);
        ok = (graphs == NULL) == (diag_errors(diag) > 0);
        *accepted += graphs != NULL;
        for (int i = 0; graphs && i < graphs->count; i++) {
            const Graph *g = graphs->graph[i];
            int64_t lattice[AXES_MAX];
            for (int d = 0; d < AXES_MAX; d++)
                lattice[d] = 1 + (int64_t)below(seed, 20);
            ok = ok && graph_verify(g, stderr);
            graph_print(g, sink);
            sema_explain(g, below(seed, 2) ? lattice : NULL, sink);
            sema_check_lattice(g, lattice, diag);
        }
        diag_print(diag, sink, false);
    }
    arena_free(a);
    return ok;
}

static bool read_text(const char *path, Text *t)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    t->size = fread(t->bytes, 1, TEXT_MAX, f);
    fclose(f);
    return true;
}

int main(int argc, char **argv)
{
    static Text file[FILES_MAX];
    int files = 0;
    for (int i = 2; i < argc && files < FILES_MAX; i++)
        files += read_text(argv[i], &file[files]);
    FILE *sink = fopen("/dev/null", "w");
    if (argc < 3 || files == 0 || !sink) {
        fprintf(stderr, "usage: fuzz_arch ROUNDS FILE...\n");
        return 2;
    }
    uint64_t seed = SEED;
    printf("seed %d\n", SEED);
    long accepted = 0;
    int failed = 0;
    for (long round = 0; round < atol(argv[1]); round++) {
        static Text t;
        t = file[below(&seed, (size_t)files)];
        for (size_t n = 1 + below(&seed, CHANGES_MAX); n > 0; n--)
            change(&t, &file[below(&seed, (size_t)files)], &seed);
        if (!check(&t, &seed, sink, &accepted)) {
            printf("round %ld:\n%.*s\n", round, (int)t.size, t.bytes);
            failed = 1;
        }
    }
    fclose(sink);
    printf("%ld texts were models\n", accepted);
    return failed || accepted == 0;
}
