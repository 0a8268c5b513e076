/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-process machine: one VM of libvbs on an event loop of ours, and a bus
 * for each of its PCI functions. The one place of the driver side that knows
 * libvbs, and it knows only <vbs/...>.
 *
 * The thread that calls drv_bus_*() is the VM's control thread.
 */
#ifndef DRV_INPROC_H
#define DRV_INPROC_H

#include <stdbool.h>

#include "driver/bus.h"

struct drv_inproc;
struct event_base;
struct pci_vdev;
struct pci_vdev_ops;
struct vmctx;

/*
 * Make a machine. With host_masks the machine claims to mask MSI-X itself, as
 * a vfio-user client does. 0 or -ENOMEM.
 */
int drv_inproc_new(bool host_masks, struct drv_inproc **out);

/* Free it; its buses have been closed. NULL does nothing. */
void drv_inproc_free(struct drv_inproc *m);

/* The VM and its event loop, for a test that needs them. The machine's. */
struct vmctx *drv_inproc_vm(struct drv_inproc *m);
struct event_base *drv_inproc_base(struct drv_inproc *m);

/*
 * Make a function of a kind of device, in the next free slot, and its bus.
 * drv_bus_close() frees both. opts is the device's, or NULL. 0 or what the
 * device returned.
 *
 * Each function reaches all memory of the machine: add a RAM through one bus.
 */
int drv_inproc_plug(struct drv_inproc *m, const struct pci_vdev_ops *ops,
		    const char *opts, struct drv_bus **out);

/* The function behind a bus. */
struct pci_vdev *drv_inproc_dev(struct drv_bus *bus);

#endif
