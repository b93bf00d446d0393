/* info_device.h - what of CUDA is on this machine. */
#ifndef INFO_DEVICE_H
#define INFO_DEVICE_H

#include <stdio.h>

#include "archrt/error.h"

/* Driver, NVRTC and devices: lines for people or, with `json`, one object with the
 * keys driver, nvrtc, nvrtc_path, devices, error.  What is there is printed also if
 * something else is missing, which is an error (DEVICE). */
bool info_device(bool json, FILE *out, ArchError *e);

#endif
