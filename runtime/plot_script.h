/* plot_script.h - what the scripts of all plots have in common. */
#ifndef ARCHRT_PLOT_SCRIPT_H
#define ARCHRT_PLOT_SCRIPT_H

#include <stdio.h>

#include "archrt/error.h"
#include "file.h"

/* The picture, and beside it NAME.gp and NAME.dat. */
typedef struct PlotFiles {
    const char *picture;
    char script[FILE_PATH_MAX], data[FILE_PATH_MAX];
} PlotFiles;

void plot_files(PlotFiles *f, const char *picture);

/* A name in a gnuplot string of single quotes, where '' stands for a quote. */
void plot_quoted(FILE *out, const char *name);

/* Terminal, by the suffix of the picture, of so many pixels, and output. */
void plot_terminal(FILE *out, const char *picture, int width, int height);

/* Runs gnuplot, if there is one: *drawn.  Errors: FILE if gnuplot fails. */
bool plot_draw(const PlotFiles *f, bool *drawn, ArchError *e);

#endif
