/* dataset_files.h - a folder of its own for the tests of data sets, and files in it. */
#ifndef TESTS_DATASET_FILES_H
#define TESTS_DATASET_FILES_H

#include "archrt/dataset.h"

/* The folder: made before the tests of a group, removed behind them. */
const char *folder_path(void);
int make_folder(void **state);
int remove_folder(void **state);

/* A path in the folder; valid until the next call but three. */
const char *at(const char *name);

char *slurp(const char *path, long *size);
void spill(const char *path, const char *bytes, long size);

/* Reading fails with this code and a line that holds `part`; nothing is left to release. */
void refused(const char *path, ArchExit code, const char *part);

#endif
