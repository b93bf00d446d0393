/* plot.h - pictures by gnuplot: a script and its data beside the picture, so that they can
 * be restyled, and the picture itself where gnuplot is installed. */
#ifndef ARCHRT_PLOT_H
#define ARCHRT_PLOT_H

#include <stdbool.h>

#include "archrt/error.h"

/* From the lines of `archrun eval --json`: accuracy and loss against the number of sites,
 * totals of each lattice, a line for the mean over the instances and a band from the best
 * to the worst.  Writes NAME.gp and NAME.dat beside `picture`.  *drawn says whether there
 * is a picture.  Errors: FILE for lines that are no such JSON, and for files. */
bool plot_accuracy(const char *lines, const char *picture, bool *drawn, ArchError *e);

#endif
