/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options that each device has, whatever it is: the features of its queues and
 * of the transport, which the library offers to the driver or does not. They
 * have QEMU's names.
 */
#ifndef DM_OFFER_H
#define DM_OFFER_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

#define DM_OFFER_MAX 7

struct pci_vdev;

/* What was asked for; all zeroes: nothing. */
struct dm_offer {
	unsigned int on[DM_OFFER_MAX]; /* 0 or 1, if it was given */
	bool given[DM_OFFER_MAX];
};

/*
 * Take the words that are ours out of a device's options, which end up with the
 * others, or as NULL. 0 or -EINVAL.
 */
int dm_offer_take(struct dm_offer *f, char **opts, struct dm_error *err);

/*
 * Is one of the words that are left meant to be ours, and misspelt? For devices
 * that have no option of their own that is on or off. 0 or -EINVAL.
 */
int dm_offer_check_rest(const char *opts, struct dm_error *err);

/* A feature that is on, and that no vhost-user device can offer; or NULL. */
const char *dm_offer_pci_only(const struct dm_offer *f);

/* Offer them. 0, or -EINVAL: it is no virtio device. */
int dm_offer_apply(const struct dm_offer *f, struct pci_vdev *dev,
		   struct dm_error *err);

/* Write `,name=on` or `,name=off` for what was given, as QEMU has it. */
void dm_offer_print(const struct dm_offer *f, FILE *out);

/* Write a line of help for each. */
void dm_offer_help(FILE *out);

#endif
