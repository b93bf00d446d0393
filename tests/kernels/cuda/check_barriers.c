/* Without a barrier, without the end of a launch: some order of threads and blocks must show it. */
#include <stdlib.h>

#include "check_cuda.h"

/* True if some order of threads and blocks has other bits than `wanted`. */
static bool is_missed(Check *k, ArchWhat what, const Answer *wanted)
{
    bool missed = false;
    for (k->b.order = ORDER_FORWARD; k->b.order <= ORDER_SHUFFLED && !missed;
         k->b.order++) {
        Answer a = answer_of(&k->b, what, PARTS_ALL);
        missed = !answer_equal(&k->b, what, wanted, &a);
        answer_free(&a);
    }
    k->b.order = ORDER_FORWARD;
    return missed;
}

typedef struct Missed {
    int all, missed;
} Missed;

static void count(Missed *m, bool missed, ArchWhat what, const char *thing, int number)
{
    if (!missed)
        printf("%s: the %s %d is not missed\n", what_name[what], thing, number);
    m->missed += missed;
    m->all++;
}

static void leave_out_barriers(Check *k, ArchWhat what, Missed *m)
{
    int line[FIBERS_BARRIERS];
    machine_barriers(line);
    Answer wanted = answer_of(&k->b, what, PARTS_ALL);
    int lines = machine_barriers(line);
    for (int i = 0; i < lines; i++) {
        machine_without(line[i]);
        count(m, is_missed(k, what, &wanted), what, "barrier in line", line[i]);
        machine_without(0);
    }
    answer_free(&wanted);
}

static void leave_out_ends(Check *k, ArchWhat what, Missed *m)
{
    Answer wanted = answer_of(&k->b, what, PARTS_ALL);
    for (int pass = 0; pass + 1 < wanted.plan.passes; pass++) {
        k->b.joined = pass;
        count(m, is_missed(k, what, &wanted), what, "end of pass", pass);
        k->b.joined = -1;
    }
    answer_free(&wanted);
}

static void judge_missed(Check *k, const Missed *m, double least, const char *things)
{
    tally(&k->tally, m->all > 0 && m->missed >= m->all * least,
          "%d of %d %s are missed", m->missed, m->all, things);
    printf("%d of %d %s are missed\n", m->missed, m->all, things);
}

/* Not all are missed: a thread may read what it has made itself, a tile may leave nothing
 * that the next one needs, and two passes of one level do not read each other's. */
void check_barriers(Check *k)
{
    Missed barriers = {0, 0}, tiles = {0, 0}, ends = {0, 0};
    ArchCudaDevice device = k->b.device;
    for (int what = 0; what < 3; what++) {
        if (what == ARCH_GRADIENT && !k->loss)
            continue;
        k->b.device.multiprocessors = 1; /* one block for all samples */
        k->b.device.shared_total = 0;
        leave_out_barriers(k, (ArchWhat)what, &barriers);
        k->b.device = device;
        if (!spread(k, (ArchWhat)what))
            continue;
        k->spread++;
        leave_out_ends(k, (ArchWhat)what, &ends);
        k->b.device.multiprocessors = 1;
        k->b.device.shared_total = 0;
        leave_out_barriers(k, (ArchWhat)what, &tiles);
        k->b.device = device;
    }
    judge_missed(k, &barriers, 0.66, "barriers on a block");
    judge_missed(k, &tiles, 0.5, "barriers on the grid");
    judge_missed(k, &ends, 0.8, "ends of a pass");
}
