/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The doorbell page. The client maps the notification registers as plain
 * memory, so a kick is a store and nobody tells us: the queues are looked at
 * instead, at once and again for a while after the last chain, then less and
 * less often.
 */
#ifndef HOST_VFIO_USER_POLL_H
#define HOST_VFIO_USER_POLL_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct pci_vdev;

struct vuser_poll {
	struct event_base *base;
	uint32_t spin_us; /* 0: no doorbell page */
	struct pci_vdev *dev;
	int fd; /* the page, at its offset in the BAR; -1: none */
	int baridx;
	uint64_t offset; /* of the page, or pages */
	uint64_t size;
	struct event *ev; /* while a client has the page */
	uint64_t last_ns; /* when there was work */
	uint32_t wait_ms; /* 0: spinning */
};

void vuser_poll_init(struct vuser_poll *poll, struct event_base *base,
		     uint32_t spin_us);
/* Find the doorbells of a function and make the page, if that is wanted. */
void vuser_poll_attach(struct vuser_poll *poll, struct pci_vdev *dev);
void vuser_poll_detach(struct vuser_poll *poll);

/* A client has got the page. 0 or -ENOMEM. */
int vuser_poll_start(struct vuser_poll *poll);
/* The client has gone. */
void vuser_poll_stop(struct vuser_poll *poll);

#endif
