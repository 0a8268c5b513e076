/* SPDX-License-Identifier: BSD-3-Clause */
/* What this machine's PCI bus and its table of names say. */
#ifndef DM_HOSTPCI_H
#define DM_HOSTPCI_H

#include <stddef.h>
#include <stdint.h>

#include <vbs/pci.h>

#define HOSTPCI_VIRTIO 0x1af4 /* the vendor of virtio devices */

/*
 * The vendor of the platform: of the host bridge, or of the first function.
 * HOSTPCI_VIRTIO on a machine without PCI. Virtio 1.3, 4.1.2.1: the
 * subsystem vendor may reflect the environment.
 */
uint16_t hostpci_vendor(void);

/*
 * A name for a function, like "Red Hat, Inc. Virtio block device": from pci.ids
 * if that is installed, else its ids.
 */
void hostpci_name(struct pci_vdev *dev, char *out, size_t size);

#endif
