/* SPDX-License-Identifier: BSD-3-Clause */
/* The hosts of libvbs, behind one table: what differs between them is here. */
#ifndef DM_HOST_H
#define DM_HOST_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct pci_vdev;
struct vmctx;

struct dm_host_options {
	uint32_t poll_us;
	bool once; /* one front end, then the end */
	bool doorbell_page;
};

/* A server is what new() makes; the rest is as <vbs/vhost_user.h> says it. */
struct dm_host {
	const char *name;
	bool has_pci;           /* a guest sees functions */
	bool connects;          /* some front ends listen for us */
	bool has_doorbells;     /* that a guest may write to */
	const char *queue_size; /* of a device that has that option */
	int (*new)(struct event_base *base, const struct dm_host_options *opts,
		   void **srv);
	struct vmctx *(*vm)(void *srv);
	int (*serve)(void *srv, struct pci_vdev *dev, int fd);
	void (*on_end)(void *srv, void (*fn)(void *arg), void *arg);
	void (*stop)(void *srv);
	void (*free)(void *srv);
};

extern const struct dm_host dm_host_vfio_user;
extern const struct dm_host dm_host_vhost_user;

/* NULL if there is none of that name. */
const struct dm_host *dm_host_find(const char *name);

#endif
