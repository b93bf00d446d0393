/* fake_device.h - the device of all stand-ins for libcuda: its name, properties, context and
 * events.  What it is and where it fails is in the environment, read at each call:
 *
 *     FAKE_CUDA_DRIVER    its version [13000]
 *     FAKE_CUDA_DEVICES   how many [1]
 *     FAKE_CUDA_SMS       multiprocessors [132]
 *     FAKE_CUDA_GRID_Y    blocks of a launch along y, at most [65535]
 *     FAKE_CUDA_FAIL      symbol=code: this function fails so; symbol=code@n: from its n-th
 *                         call on */
#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

#include "gpu_abi.h"

#define DRIVER(field, symbol, arguments) CUresult symbol arguments;
#include "gpu_abi.def"

/* Blocks of memory, events, modules and contexts that were not given back. */
extern int fake_cuda_held;

int setting(const char *name, int otherwise);

/* What the function `name` is to return. */
CUresult fate(const char *name);

/* The same, and what is held grows by `more` if it is success. */
CUresult holds(const char *name, int more);

#endif
