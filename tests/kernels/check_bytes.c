/* check_bytes -lattice T1xT2,.. FILE.arch LIBRARY MODEL - int8 configurations at the edges of
 * memory: the same bits as from double, and nothing outside is touched.
 *
 * Kernels read bytes 4 or 16 at a time, also where fewer are left.  So the batch ends right
 * before a page that may not be read, then begins right behind one; numbers of samples from
 * one to more than a block, for some of which lattices are cut into parts. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

enum { SAMPLES = 18 };

/* `bytes` between two pages that may not be touched, at the end or at the beginning of what
 * lies between. */
typedef struct Guarded {
    int8_t *all, *data;
    size_t size;
} Guarded;

static Guarded guarded_copy(const int8_t *from, size_t bytes, bool at_end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE),
           room = (bytes + page - 1) / page * page;
    Guarded g = {.size = room + 2 * page};
    g.all =
        mmap(NULL, g.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.all == MAP_FAILED || mprotect(g.all, page, PROT_NONE) ||
        mprotect(g.all + page + room, page, PROT_NONE)) {
        perror("check_bytes: no memory between guards");
        exit(1);
    }
    g.data = g.all + page + (at_end ? room - bytes : 0);
    memcpy(g.data, from, bytes);
    return g;
}

static void *forward(const Trial *t, int64_t batch, ArchIsa isa, const void *x,
                     ArchType type)
{
    ArchCall call = trial_call(t, batch, ARCH_FORWARD, isa);
    void *y = real_new(t->m, batch * t->c->out);
    call.x = x;
    call.x_type = type;
    t->m->forward(&call, y);
    call_free(&call);
    return y;
}

static void check_batch(Tally *all, const Trial *t, int64_t batch, ArchIsa isa)
{
    const Case *c = t->c;
    size_t bytes = (size_t)(batch * c->channels * c->sites);
    size_t size = real_size(t->m) * (size_t)(batch * c->out);
    void *wanted = forward(t, batch, isa, c->x, ARCH_F64);
    for (int at_end = 0; at_end < 2; at_end++) {
        Guarded x = guarded_copy(c->x_i8, bytes, at_end);
        void *y = forward(t, batch, isa, x.data, ARCH_I8);
        tally(all, !memcmp(y, wanted, size),
              "%s, %lld samples of %lldx%lld: bytes before %s", isa_name[isa],
              (long long)batch, (long long)c->extent[0], (long long)c->extent[1],
              at_end ? "a guard" : "the rest");
        free(y);
        munmap(x.all, x.size);
    }
    free(wanted);
}

static void check_lattice(Tally *all, const ArchModel *m, const Graph *g,
                          const int64_t *extent)
{
    Case c;
    if (!case_make(&c, g, extent, SAMPLES, VALUES_FLUX, 29)) {
        tally(all, false, "the network does not take %lldx%lld", (long long)extent[0],
              (long long)extent[1]);
        return;
    }
    Trial t = trial_make(&c, m);
    for (ArchIsa isa = isa_next(ARCH_ISA_BEST); isa; isa = isa_next(isa))
        for (int64_t batch = 1; batch <= SAMPLES; batch++)
            check_batch(all, &t, batch, isa);
    trial_free(&t);
    case_free(&c);
}

static int usage(void)
{
    fprintf(stderr, "usage: check_bytes -lattice T1xT2,.. FILE.arch LIBRARY MODEL\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc != 6 || strcmp(argv[1], "-lattice"))
        return usage();
    Arena *a = arena_new();
    const Graph *g = graph_read(argv[3], a);
    const ArchModel *m = model_load(argv[4], argv[5]);
    Tally all = {.name = m->name};
    for (char *text = argv[2]; *text; text += *text == ',') {
        int64_t extent[ARCH_AXES_MAX] = {strtoll(text, &text, 10)};
        for (int axis = 1; axis < g->rank && *text == 'x'; axis++)
            extent[axis] = strtoll(text + 1, &text, 10);
        if (*text && *text != ',')
            return usage();
        check_lattice(&all, m, g, extent);
    }
    isa_report_missing();
    arena_free(a);
    return tally_end(&all);
}
