/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UPPER_H
#define UPPER_H

#include <vbs/pci.h>

/* A virtio device that gives text back in upper case; type 62, one queue. */
extern const struct pci_vdev_ops upper_vdev_ops;

#endif
