/* SPDX-License-Identifier: BSD-3-Clause */
/* What a service manager hands over, and what it is told (sd_listen_fds(3),
 * sd_notify(3)). */
#ifndef DM_SERVICE_H
#define DM_SERVICE_H

#include "base/error.h"

#define DM_LISTEN_FD_FIRST 3

/* Sockets of LISTEN_FDS. */
struct dm_activation {
	unsigned int n;
	char *names; /* LISTEN_FDNAMES, or NULL */
};

/*
 * Take the sockets that the environment has for this process, which no other
 * will find there: how many. -EINVAL if it makes no sense.
 */
int dm_activation_take(struct dm_activation *act, struct dm_error *err);
void dm_activation_free(struct dm_activation *act);

/*
 * The descriptor for the i-th device, whose socket has this name: the one that
 * is called so, or, if none of the n names in want is there, the i-th. -EINVAL
 * if there are names, but this one is missing.
 */
int dm_activation_fd(const struct dm_activation *act, const char *const *want,
		     unsigned int n, unsigned int i);

/* Tell the service manager, if there is one: 0 or a negative errno. */
int dm_notify(const char *state);

/* Say READY=1 on a descriptor, and close it. 0 or a negative errno. */
int dm_ready(int fd);

#endif
