#include "gpu_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

#define ENTRY "Compiling entry function '"

static int count_entries(const char *log)
{
    int n = 0;
    for (const char *s = log; (s = strstr(s, ENTRY)); s += sizeof ENTRY - 1)
        n++;
    return n;
}

/* The number that stands before `unit` in a line, or 0. */
static int64_t number_before(const char *line, const char *unit)
{
    const char *end = strstr(line, unit), *s = end;
    while (s && s > line && s[-1] >= '0' && s[-1] <= '9')
        s--;
    return s && s < end ? strtoll(s, NULL, 10) : 0;
}

static void read_line(GpuUsage *u, const char *line)
{
    int64_t stack = number_before(line, " bytes stack frame");
    if (strstr(line, "Used "))
        u->registers = (int)number_before(line, " registers");
    u->stack = stack > u->stack ? stack : u->stack;
    u->shared += number_before(line, " bytes smem");
    u->spill_stores += number_before(line, " bytes spill stores");
    u->spill_loads += number_before(line, " bytes spill loads");
}

void gpu_report(GpuCode *code)
{
    char line[1024];
    GpuUsage *u = NULL;
    int n = count_entries(code->log);
    code->kernels = 0;
    code->usage = memory_new((size_t)n * sizeof *code->usage);
    for (const char *s = code->log; *s;) {
        int length = (int)strcspn(s, "\n");
        snprintf(line, sizeof line, "%.*s", length, s);
        s += length + (s[length] == '\n');
        const char *entry = strstr(line, ENTRY);
        if (entry && code->kernels < n) {
            u = &code->usage[code->kernels++];
            *u = (GpuUsage){0};
            sscanf(entry + sizeof ENTRY - 1, "%127[^']", u->kernel);
        } else if (u) {
            read_line(u, line);
        }
    }
}

const GpuUsage *gpu_usage(const GpuCode *code, const char *kernel)
{
    for (int i = 0; i < code->kernels; i++)
        if (strcmp(code->usage[i].kernel, kernel) == 0)
            return &code->usage[i];
    return NULL;
}
