/* dataset_file.h - what reading and writing a data set share. */
#ifndef DATASET_FILE_H
#define DATASET_FILE_H

#include <hdf5.h>

#include "archrt/dataset.h"

enum { DATASET_VERSION = 2 };

hid_t dataset_memory_type(ArchType type);

/* The compound of a DatasetSet, as it lies in memory or with the file's byte order; the
 * caller closes it. */
hid_t dataset_set_type(bool in_file);

/* The same of a DatasetSampling. */
hid_t dataset_sampling_type(bool in_file);

/* The ways of worms, where there are any. */
bool dataset_put_paths(hid_t where, const DatasetGroup *g);

#endif
