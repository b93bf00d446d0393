#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR             24  /* cells of the bar                  */
#define TERMINAL_PERIOD 0.2 /* seconds between two lines         */
#define PLAIN_PERIOD    30.0

double progress_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_begin(Progress *p, const char *what, const char *unit, double from,
                    double total)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    double now = progress_clock();
    bool terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
    *p = (Progress){.what = what,
                    .unit = unit,
                    .from = from,
                    .total = total,
                    .start = now,
                    .last = now,
                    .terminal = terminal,
                    .color = terminal && !(no_color && *no_color)};
}

static void print_time(char *to, size_t size, double seconds)
{
    seconds = seconds < 3.6e8 ? seconds : 3.6e8; /* fits a long anywhere */
    if (seconds >= 3600)
        snprintf(to, size, "%ld h %02ld min", (long)seconds / 3600,
                 (long)seconds / 60 % 60);
    else if (seconds >= 60)
        snprintf(to, size, "%ld min %02ld s", (long)seconds / 60, (long)seconds % 60);
    else
        snprintf(to, size, "%.0f s", seconds);
}

/* 1234567 as "1.23 M", short enough for a line that is rewritten. */
static void print_rate(char *to, size_t size, double rate)
{
    if (rate >= 1e6)
        snprintf(to, size, "%.3g M", rate / 1e6);
    else if (rate >= 1e4)
        snprintf(to, size, "%.3g k", rate / 1e3);
    else
        snprintf(to, size, "%.3g", rate);
}

static void print_bar(const Progress *p, double share, char *to, size_t size)
{
    char cell[BAR + 1];
    int full = (int)(share * BAR);
    for (int i = 0; i < BAR; i++)
        cell[i] = i < full ? '#' : '.';
    cell[BAR] = '\0';
    snprintf(to, size, p->color ? "\033[36m%s\033[0m " : "%s ", cell);
}

static void print_line(Progress *p, double done, double now, const char *note)
{
    char bar[BAR + 16] = "", share[16] = "", rate[32], left[48] = "";
    double seconds = now - p->start,
           speed = seconds > 0 ? (done - p->from) / seconds : 0;
    print_rate(rate, sizeof rate, speed);
    if (p->total > 0) {
        double part = done < p->total ? done / p->total : 1;
        if (p->terminal)
            print_bar(p, part, bar, sizeof bar);
        snprintf(share, sizeof share, "%3.0f %%, ", 100 * part);
        char time[32];
        print_time(time, sizeof time, speed > 0 ? (p->total - done) / speed : 0);
        if (speed > 0)
            snprintf(left, sizeof left, ", %s left", time);
    }
    const char *gap = note && *note ? ", " : "";
    const char *tail = note ? note : "";
    if (p->terminal)
        fprintf(stderr, "\r\033[K%s %s%s%s %s/s%s%s%s", p->what, bar, share, rate,
                p->unit, left, gap, tail);
    else
        fprintf(stderr, "%s: %s%s %s/s%s%s%s\n", p->what, share, rate, p->unit, left,
                gap, tail);
    fflush(stderr);
}

void progress_at(Progress *p, double done, const char *note)
{
    double now = progress_clock();
    if (now - p->last < (p->terminal ? TERMINAL_PERIOD : PLAIN_PERIOD))
        return;
    p->last = now;
    print_line(p, done, now, note);
}

void progress_end(Progress *p)
{
    if (!p->terminal)
        return;
    fprintf(stderr, "\r\033[K");
    fflush(stderr);
}
