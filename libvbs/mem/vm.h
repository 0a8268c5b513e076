/* SPDX-License-Identifier: BSD-3-Clause */
/* struct vmctx: the map, the host's operations, and who wants to know. */
#ifndef MEM_VM_H
#define MEM_VM_H

#include <pthread.h>

#include <vbs/vm.h>

#include "base/log.h"
#include "mem/map.h"

/* Somebody who uses guest memory and is told before some of it goes. */
struct vm_client_ops {
	/* Let go of guest memory; blocks until that is so, or 3 s have gone. */
	void (*pause)(void *arg);
	/* Between the two: the guest has gone, what comes is another one's. */
	void (*desert)(void *arg);
	/* The map has changed, by addition or after a pause. */
	void (*resume)(void *arg);
};

struct vm_client {
	const struct vm_client_ops *ops;
	void *arg;
	struct vm_client *next;
};

struct vmctx {
	const struct vbs_vm_ops *ops;
	void *arg;
	struct event_base *base;
	struct logger log;
	char id[37];
	pthread_mutex_t lock; /* guards the pointer to the map; a leaf */
	struct mem_map *map;
	struct mem_map *none;      /* without a region; clearing cannot fail */
	struct vm_client *clients; /* control thread only */
};

/* The present map, with a reference for the caller. Any thread. */
struct mem_map *vm_map(struct vmctx *ctx);
void vm_add_client(struct vmctx *ctx, struct vm_client *client);
void vm_del_client(struct vmctx *ctx, struct vm_client *client);

#endif
