/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices from shared objects, as VBS_DEVICE() in <vbs/pci.h> makes them. */
#ifndef DM_LOADER_H
#define DM_LOADER_H

#include <vbs/pci.h>

#include "base/error.h"

/* 0 or a negative errno; *object is for dlclose() when the device has gone. */
int dm_load(const char *path, void **object, const struct pci_vdev_ops **ops,
	    struct dm_error *err);

#endif
