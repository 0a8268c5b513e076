/* SPDX-License-Identifier: BSD-3-Clause */
/* The UNIX sockets that front ends connect to. */
#ifndef DM_SOCKET_H
#define DM_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/error.h"

/* With the NUL that ends it: what fits in an address. */
#define DM_SOCKET_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

/* Who may connect: what the file of a socket says. */
struct dm_socket_access {
	bool has_mode, has_group; /* else what the process gives it */
	mode_t mode;
	gid_t group;
};

/* DIR/SLOT-NAME.sock, or DIR/SLOT.FUNC-NAME.sock. 0 or -ENAMETOOLONG. */
int dm_socket_name(char *out, const char *dir, unsigned int slot,
		   unsigned int func, const char *name, struct dm_error *err);

/* Is a path short enough? 0 or -ENAMETOOLONG. */
int dm_socket_check(const char *path, struct dm_error *err);

/*
 * Listen. A socket that nobody serves is replaced; one that somebody serves is
 * left alone. It is as access says before anybody can connect. The descriptor
 * or a negative errno.
 */
int dm_socket_listen(const char *path, const struct dm_socket_access *access,
		     struct dm_error *err);

/* Connect to who listens, without waiting. The descriptor or a negative errno.
 */
int dm_socket_connect(const char *path);

/*
 * Is this descriptor, which an option or LISTEN_FDS has named, a stream socket?
 * 0 or a negative errno.
 */
int dm_socket_check_fd(const char *whose, int fd, struct dm_error *err);

#endif
