/* bench_row.h - one line of what archrun bench found: for people, as JSON, as CSV. */
#ifndef ARCHRT_BENCH_ROW_H
#define ARCHRT_BENCH_ROW_H

#include <stdio.h>

#include "archrt/bench.h"

typedef struct BenchRow {
    const ArchModel *m; /* not owned */
    BenchCase c;
    BenchResult r;
} BenchRow;

typedef struct BenchRows {
    int n, room;
    BenchRow *at;
} BenchRows;

void bench_rows_add(BenchRows *all, const BenchRow *row);
void bench_rows_release(BenchRows *all);

/* What goes into the last columns of a table for people. */
typedef struct BenchStyle {
    int name_width; /* of the column of models                            */
    bool several;   /* threads: speedups                                  */
    bool detail;    /* a second line: memory, and the parts of a step     */
} BenchStyle;

void bench_print_head(const BenchStyle *s, FILE *out);
void bench_print_row(const BenchStyle *s, const BenchRow *row, FILE *out);

/* An object with a key for every column of the CSV; null where nothing was measured. */
void bench_print_json(const BenchRow *row, FILE *out);

/* A line of names, then a line a row; empty where nothing was measured. */
bool bench_write_csv(const BenchRows *all, const char *path, ArchError *e);

const char *bench_kind_name(BenchKind kind);

/* "avx512"; of a device its architecture, "sm_90". */
const char *bench_isa_name(const BenchCase *c, char to[16]);
double bench_sites(const BenchRow *row);

#endif
