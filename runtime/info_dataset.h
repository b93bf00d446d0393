/* info_dataset.h - what a data set holds, a line per lattice and parameter set. */
#ifndef INFO_DATASET_H
#define INFO_DATASET_H

#include <stdio.h>

#include "archrt/error.h"

/* A table for people or, with `json`, an object per line with the keys lattice, eta,
 * lambda, mu, worms, samples, n, phi2; n and phi2 are {mean, error, tau} of the closed
 * configurations, tau in stored samples.  What the file does not say is null.  Then
 * every sample is checked, see flux_verify.h.  Errors: as dataset_read() and
 * flux_verify(). */
bool info_dataset(const char *path, bool json, FILE *out, ArchError *e);

#endif
