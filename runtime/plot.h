/* plot.h - pictures by gnuplot: a script and its data beside the picture, so that they can
 * be restyled, and the picture itself where gnuplot is installed. */
#ifndef ARCHRT_PLOT_H
#define ARCHRT_PLOT_H

#include <stdbool.h>

#include <stdint.h>

#include "arch_model.h"
#include "archrt/error.h"

/* From the lines of `archrun eval --json`: accuracy and loss against the number of sites,
 * totals of each lattice, a line for the mean over the instances and a band from the best
 * to the worst.  Writes NAME.gp and NAME.dat beside `picture`.  *drawn says whether there
 * is a picture.  Errors: FILE for lines that are no such JSON, and for files. */
bool plot_accuracy(const char *lines, const char *picture, bool *drawn, ArchError *e);

/* A sample of fluxes on one or two axes: arrows along the links, as wide as |k|, from
 * where the flux comes to where it goes; violations of flux conservation; the ways of
 * worms, where the file has them.  Time goes up. */
typedef struct PlotConfig {
    const char *path; /* of the data set                      */
    int rank;         /* which lattice; 0: the only one       */
    int64_t extent[ARCH_AXES_MAX];
    int64_t sample; /* from 0, of that lattice              */
} PlotConfig;

/* Errors: as dataset_read(); USAGE: no such lattice or sample, no fluxes on 1 or 2 axes. */
bool plot_config(const PlotConfig *p, const char *picture, bool *drawn, ArchError *e);

/* n and |phi|^2 of the closed configurations against mu, with errors of the Gamma method:
 * a curve for each lattice, eta and lambda.  Errors: as dataset_read(); USAGE: a file
 * without /obs or /sets. */
bool plot_observables(const char *path, const char *picture, bool *drawn, ArchError *e);

#endif
