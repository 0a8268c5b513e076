/* SPDX-License-Identifier: BSD-3-Clause */
/* One device with its VM, as its front end sees it, and its socket. */
#ifndef DM_FUNCTION_H
#define DM_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>

#include "args.h"
#include "log.h"
#include "socket.h"

struct dm_client;
struct event_base;
struct pci_vdev;

struct dm_function {
	const struct dm_args *args;
	const struct dm_slot *slot;
	struct event_base *base;
	void (*on_end)(void *arg); /* there will be no front end any more */
	void *on_end_arg;
	struct dm_log log;
	void *srv;
	struct pci_vdev *dev;
	char path[DM_SOCKET_PATH_SIZE]; /* empty if the socket has no name */
	int fd;                         /* -1 when it is the server's */
	bool listens;                   /* the path is ours to remove */
	struct dm_client *client;
};

/* Each returns 0, or a negative errno after it has said why. */
int dm_function_make(struct dm_function *f, uint16_t subvendor);

/* Its socket, listening if it is for us to make; fd if that is open already. */
int dm_function_listen(struct dm_function *f, int fd);

/* Serve, or begin to connect. */
int dm_function_serve(struct dm_function *f);

void dm_function_free(struct dm_function *f);

/* The path of the socket of a device. 0 or -ENAMETOOLONG. */
int dm_function_path(const struct dm_args *args, const struct dm_slot *slot,
		     char *out, struct dm_error *err);

#endif
