/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The doorbell page. The client maps the notification registers as plain
 * memory, so a kick is a store that leaves no guest, and nobody tells us: from
 * the day that a client has the page the queues are looked at from time to
 * time, whether they are at rest or not.
 */
#ifndef HOST_VFIO_USER_PAGE_H
#define HOST_VFIO_USER_PAGE_H

#include <stdbool.h>
#include <stdint.h>

struct pci_vdev;

struct vuser_page {
	int fd; /* the page, at its offset in the BAR; -1: none */
	int baridx;
	uint64_t offset; /* of the page, or pages */
	uint64_t size;
	bool lent; /* a client has it */
};

#define VUSER_NO_PAGE ((struct vuser_page){ .fd = -1 })

/* Find the doorbells of a function and make the page; none if that fails. */
void vuser_page_make(struct vuser_page *page, struct pci_vdev *dev);
void vuser_page_free(struct vuser_page *page);

#endif
