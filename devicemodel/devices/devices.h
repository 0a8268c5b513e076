/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices that vbs-dm brings. */
#ifndef DM_DEVICES_H
#define DM_DEVICES_H

#include <vbs/pci.h>

struct dm_error;
struct dm_option;

struct dm_device {
	const struct pci_vdev_ops *ops;
	const char *summary;             /* one line, for `vbs-dm list` */
	const char *example;             /* options, for the help */
	const struct dm_option *options; /* NULL for none */
	/* Look at the host's resources again (SIGHUP). May be NULL. */
	void (*rescan)(struct pci_vdev *dev);
	/* Queues that a device with these options has; NULL: one. */
	int (*n_queues)(const char *opts, struct dm_error *err);
};

extern const struct dm_device dm_virtio_blk;
extern const struct dm_device dm_virtio_rnd;

/* Ends with NULL. */
extern const struct dm_device *const dm_devices[];

#endif
