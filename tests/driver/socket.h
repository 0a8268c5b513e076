/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UNIX stream sockets that carry bytes and file descriptors: what vfio-user
 * and vhost-user have in common.
 *
 * Nothing here blocks for ever: -ETIMEDOUT, after DRV_TIMEOUT_MS where the
 * caller does not say. A peer that has gone is -ECONNRESET.
 */
#ifndef DRV_SOCKET_H
#define DRV_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DRV_SOCKET_MAX_FDS 253 /* in one sendmsg(2) */

/* Connect to a listening socket, or make one: a descriptor, or an errno. */
int drv_socket_connect(const char *path);
int drv_socket_listen(const char *path);

/* Connect while there is no such socket, or nobody listens. */
int drv_socket_connect_wait(const char *path, int timeout_ms);

/* Wait for a connection: a descriptor, or an errno. */
int drv_socket_accept(int fd, int timeout_ms);

/* Send all bytes, and the descriptors with the first; they stay the caller's */
int drv_socket_send(int fd, const void *buf, size_t len, const int *fds,
		    int n_fds);

/*
 * Receive exactly len bytes before the clock says end: len, 0 at a clean end,
 * or an errno. At most max_fds descriptors are added to fds, from *n_fds on,
 * and become the caller's; surplus ones are closed.
 */
ssize_t drv_socket_recv(int fd, void *buf, size_t len, int *fds, int max_fds,
			int *n_fds, int64_t end);

/* Has the peer closed the connection within timeout_ms? Reads what is left. */
bool drv_socket_is_closed(int fd, int timeout_ms);

#endif
