/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices that vbs-dm brings. */
#ifndef DM_DEVICES_H
#define DM_DEVICES_H

#include <vbs/pci.h>

struct dm_error;
struct dm_option;

/* What a front end wants to know of a device before it is there. */
struct dm_shape {
	unsigned int virtio_id;
	unsigned int n_queues;
	unsigned int queue_size;  /* largest */
	unsigned int config_size; /* bytes; 0 if it has none */
};

struct dm_device {
	const struct pci_vdev_ops *ops;
	const char *const *names;        /* short ones; ends with NULL */
	const char *summary;             /* one line, for `vbs-dm list` */
	const char *example;             /* options, for the help */
	const struct dm_option *options; /* NULL for none */
	struct dm_shape shape;           /* if options do not change it */
	/* Look at the host's resources again (SIGHUP). May be NULL. */
	void (*rescan)(struct pci_vdev *dev);
	/* Checks the options; changes what they change. NULL: nothing. */
	int (*reshape)(const char *opts, struct dm_shape *shape,
		       struct dm_error *err);
	/*
	 * QEMU's vhost-user conventions (docs/interop/vhost-user.rst, "Backend
	 * program conventions"): the type, and the options of the program that
	 * go with it, which end with NULL.
	 */
	const char *vhost_user_type;
	const char *const *vhost_user_features;
};

extern const struct dm_device dm_virtio_blk;
extern const struct dm_device dm_virtio_rnd;

/* Ends with NULL. */
extern const struct dm_device *const dm_devices[];

#endif
