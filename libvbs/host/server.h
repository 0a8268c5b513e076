/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server on a UNIX stream socket: one peer at a time, messages that are a
 * header and a payload, descriptors that come with a message.
 *
 * The protocol says what a header means and handles the messages; who is
 * connected, and what has been received and sent, is kept here. All of it runs
 * in the control thread, and nothing blocks.
 */
#ifndef HOST_SERVER_H
#define HOST_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/conn.h"

struct event;
struct event_base;
struct vmctx;

/* What the server has to know of a header. */
struct server_hdr {
	uint32_t command;
	uint32_t flags;
	uint64_t bytes; /* of the message, header included */
};

struct server_ops {
	const char *peer; /* what the other side is called */
	size_t hdr_bytes; /* of a header */
	void (*parse)(const uint8_t *raw, struct server_hdr *hdr);
	/*
	 * NULL for nothing. What is wrong with a header of which these bytes,
	 * fewer than hdr_bytes, are there: NULL, or what. For a peer that waits
	 * for an answer before it sends as much as a header of this protocol.
	 */
	const char *(*check_start)(const uint8_t *raw, size_t bytes);
	/*
	 * Is it a message that may come now, with n_fds descriptors? NULL, or
	 * what is wrong with it. Called as soon as the header is there, and
	 * again with the payload, when no more descriptors can come.
	 */
	const char *(*check)(void *arg, const struct server_hdr *hdr,
			     int n_fds);
	/*
	 * Handle a message. Descriptors that are left in conn.rx_fds are closed
	 * afterwards. 0; -EAGAIN: the peer has to read first, nothing has been
	 * done; or another negative errno: the connection ends, why has been
	 * logged.
	 */
	int (*handle)(void *arg, const struct server_hdr *hdr,
		      const uint8_t *raw);
	/* Somebody has connected: 0, or a negative errno. NULL for nothing. */
	int (*came)(void *arg);
	/* The peer has gone, and the socket: let go of all that it lent. */
	void (*gone)(void *arg);
};

struct server {
	const struct server_ops *ops;
	void *arg;
	struct event_base *base;
	struct vmctx *vm; /* for the log */
	bool once;        /* stop listening when somebody has connected */
	const char *name; /* of what is served */

	int listen_fd;
	struct event *listen_ev;
	struct event *relisten_ev; /* after accept() ran out of something */

	void (*on_end)(void *arg); /* NULL, or who wants to know */
	void *on_end_arg;

	/* Of one connection. */
	struct conn conn;
	bool said_busy; /* that a second peer came */
};

/* Before anything else. */
void server_init(struct server *srv, struct event_base *base,
		 const struct server_ops *ops, void *arg);

/*
 * Serve on a listening or a connected socket, which is the server's from now
 * on, also on failure. 0, -ENOTSOCK or -ENOMEM; then server_stop() follows.
 */
int server_start(struct server *srv, const char *name, int fd);
/* Close the socket, let the peer go; nobody is told. */
void server_stop(struct server *srv);

static inline bool
server_has_peer(const struct server *srv)
{
	return srv->conn.fd >= 0;
}

#endif
