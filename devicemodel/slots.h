/* SPDX-License-Identifier: BSD-3-Clause */
/* What -s says: which function of which slot is what device. */
#ifndef DM_SLOTS_H
#define DM_SLOTS_H

#include <stdbool.h>

#include <vbs/pci.h>

#include "base/error.h"
#include "offer.h"

struct dm_device;

#define DM_SLOTS_MAX 256 /* 32 slots of 8 functions */

struct dm_slot {
	unsigned int slot, func;
	bool anywhere;         /* nobody has asked for this slot */
	char *text;            /* what the others point into */
	const char *name;      /* of the device, or of a shared object */
	char *opts;            /* of the device itself, or NULL */
	struct dm_offer offer; /* of any device */
	const struct pci_vdev_ops *ops;
	const struct dm_device *device; /* NULL if it was loaded */
	void *object;                   /* shared object, or NULL */
};

struct dm_slots {
	unsigned int n;
	struct dm_slot slot[DM_SLOTS_MAX];
};

/* Add `slot[:func],device[,options]` or `bus:slot:func,...`. 0 or -errno. */
int dm_slots_add(struct dm_slots *slots, const char *text,
		 struct dm_error *err);

/* The one device of a command line without -s. 0 or -errno. */
int dm_slots_add_only(struct dm_slots *slots, const char *name,
		      const char *opts, struct dm_error *err);

/* Is there another function in this slot? */
bool dm_slots_share(const struct dm_slots *slots, const struct dm_slot *s);

void dm_slots_free(struct dm_slots *slots);

/* The device that vbs-dm brings under a name, or NULL. */
const struct dm_device *dm_device_find(const char *name);

/* The name that is nearest, or NULL if none is near. */
const char *dm_device_nearest(const char *name);

#endif
