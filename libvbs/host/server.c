// SPDX-License-Identifier: BSD-3-Clause
/* A server on a UNIX stream socket: who is connected, and whole messages. */
#include "host/server.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include <vbs/log.h>

#define RELISTEN_S 1 /* after accept() ran out of descriptors or memory */

/* ---- messages -------------------------------------------------------- */

static int
msg_broken(struct server *srv, const struct server_hdr *hdr, const char *why)
{
	vbs_log(srv->vm, VBS_LOG_WARNING,
		"%s: %s sent a bad message, connection closed: %s: "
		"command %u, flags 0x%x, size %llu, descriptors %d",
		srv->name, srv->ops->peer, why, hdr->command, hdr->flags,
		(unsigned long long)hdr->bytes, srv->conn.rx_fds.n);
	return -EPROTO;
}

/* The header at pos is not there as a whole. 0, or a negative errno. */
static int
msg_start(struct server *srv, size_t pos)
{
	size_t left = srv->conn.rx_len - pos;
	const char *why = NULL;

	if (left == 0)
		return 0;
	if (srv->ops->check_start)
		why = srv->ops->check_start(srv->conn.rx + pos, left);
	if (!why)
		return conn_adopt(&srv->conn);
	vbs_log(srv->vm, VBS_LOG_WARNING,
		"%s: %s sent a bad message, connection closed: %s", srv->name,
		srv->ops->peer, why);
	return -EPROTO;
}

/*
 * Handle the message at pos. Its size, 0 if it is not there as a whole, or
 * -EAGAIN if the peer has to read first, or another negative errno.
 */
static long
msg_step(struct server *srv, size_t pos)
{
	struct conn *conn = &srv->conn;
	size_t left = conn->rx_len - pos;
	struct server_hdr hdr;
	const char *why;
	int rc = 0;

	if (left < srv->ops->hdr_bytes)
		return msg_start(srv, pos);
	srv->ops->parse(conn->rx + pos, &hdr);
	if (left <= hdr.bytes)
		rc = conn_adopt(conn); /* none begins after it */
	why = rc < 0 ? "too many descriptors"
		     : srv->ops->check(srv->arg, &hdr, conn->rx_fds.n);
	if (why)
		return msg_broken(srv, &hdr, why);
	if (left < hdr.bytes)
		return conn_want(conn, hdr.bytes);
	rc = srv->ops->handle(srv->arg, &hdr, conn->rx + pos);
	if (rc < 0)
		return rc;
	conn_fds_close(&conn->rx_fds);
	return (long)hdr.bytes;
}

/* Handle all that is there, and send the replies. As msg_step(). */
static int
msg_run(struct server *srv)
{
	size_t pos = 0;
	long n;
	int rc;

	do
		n = msg_step(srv, pos);
	while (n > 0 && (pos += (size_t)n) > 0);
	conn_consume(&srv->conn, pos);
	rc = conn_flush(&srv->conn);
	return n < 0 ? (int)n : rc;
}

/* ---- one peer -------------------------------------------------------- */

static void
server_drop(struct server *srv)
{
	if (!server_has_peer(srv))
		return;
	conn_close(&srv->conn);
	srv->said_busy = false;
	srv->ops->gone(srv->arg);
	if (srv->listen_fd < 0 && srv->on_end)
		srv->on_end(srv->on_end_arg);
}

/* Handle what is there; wait for what is missing. */
static void
server_run(struct server *srv)
{
	int rc = msg_run(srv);

	if (rc == -EAGAIN) {
		(void)event_del(srv->conn.rd);
		rc = event_add(srv->conn.wr, NULL);
	}
	if (rc < 0)
		server_drop(srv);
}

/* The end of the stream, or an error. */
static void
server_lost(struct server *srv, int rc)
{
	const char *peer = srv->ops->peer;

	if (rc == -ECONNRESET)
		rc = 0; /* it has left a reply unread */
	if (rc < 0 || srv->conn.rx_len > 0)
		vbs_log(srv->vm, VBS_LOG_WARNING, "%s: %s lost: %s", srv->name,
			peer,
			rc < 0 ? strerror(-rc) : "in the middle of a message");
	else
		vbs_log(srv->vm, VBS_LOG_INFO, "%s: %s disconnected", srv->name,
			peer);
	server_drop(srv);
}

static void
server_on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct server *srv = arg;
	struct conn *conn = &srv->conn;
	long n = conn_recv(conn);

	if (n == -EAGAIN)
		return;
	if (n > 0)
		server_run(srv);
	else if (n != -EINTR)
		server_lost(srv, (int)n);
	/*
	 * We are told of news once, and read once a turn. Is there no more, and
	 * no end behind it? We have been told if there is, but for an end in
	 * which the peer lost a reply: that one fails what is sent.
	 */
	if (conn->dry && conn->answered && !(what & EV_CLOSED))
		return;
	if (server_has_peer(srv) && event_pending(conn->rd, EV_READ, NULL))
		event_active(conn->rd, what, 0); /* it has not changed */
}

static void
server_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct server *srv = arg;
	int rc = conn_flush(&srv->conn);

	if (rc == -EAGAIN)
		rc = event_add(srv->conn.wr, NULL);
	else if (rc == 0 && (rc = event_add(srv->conn.rd, NULL)) == 0)
		server_run(srv);
	if (rc < 0)
		server_drop(srv);
}

/* Serve a peer; fd is ours, also on failure. */
static int
server_connect(struct server *srv, int fd)
{
	struct conn *conn = &srv->conn;
	int rc = -ENOMEM;

	if (conn_open(conn, fd) < 0) {
		(void)close(fd);
		return -ENOMEM;
	}
	conn->rd = event_new(srv->base, fd,
			     EV_READ | EV_CLOSED | EV_ET | EV_PERSIST,
			     server_on_readable, srv);
	conn->wr = event_new(srv->base, fd, EV_WRITE | EV_ET,
			     server_on_writable, srv);
	if (conn->rd && conn->wr && event_add(conn->rd, NULL) == 0)
		rc = srv->ops->came ? srv->ops->came(srv->arg) : 0;
	if (rc < 0) {
		server_drop(srv);
		return rc;
	}
	vbs_log(srv->vm, VBS_LOG_INFO, "%s: %s connected", srv->name,
		srv->ops->peer);
	return 0;
}

/* A peer that hung up, but that we have not heard out: do it now. */
static void
server_finish(struct server *srv)
{
	while (server_has_peer(srv) &&
	       event_pending(srv->conn.rd, EV_READ, NULL))
		server_on_readable(srv->conn.fd, EV_READ, srv);
	server_drop(srv);
}

/* ---- listening --------------------------------------------------------- */

static void
server_close_listener(struct server *srv)
{
	if (srv->listen_ev)
		event_free(srv->listen_ev);
	if (srv->relisten_ev)
		event_free(srv->relisten_ev);
	srv->listen_ev = srv->relisten_ev = NULL;
	if (srv->listen_fd >= 0)
		(void)close(srv->listen_fd);
	srv->listen_fd = -1;
}

/* Out of descriptors or memory: do not spin on the peer who waits. */
static void
server_pause_listening(struct server *srv, int err)
{
	struct timeval tv = { .tv_sec = RELISTEN_S };

	if (err == EAGAIN || err == EINTR || err == ECONNABORTED)
		return;
	vbs_log(srv->vm, VBS_LOG_ERROR, "%s: cannot accept a %s: %s", srv->name,
		srv->ops->peer, strerror(err));
	(void)event_del(srv->listen_ev);
	(void)event_add(srv->relisten_ev, &tv);
}

static void
server_on_relisten(evutil_socket_t fd, short what, void *arg)
{
	struct server *srv = arg;

	(void)event_add(srv->listen_ev, NULL);
}

static void
server_refuse(struct server *srv, int fd)
{
	if (!srv->said_busy)
		vbs_log(srv->vm, VBS_LOG_WARNING,
			"%s: second %s refused, one is connected", srv->name,
			srv->ops->peer);
	srv->said_busy = true;
	(void)close(fd);
}

static void
server_on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	struct server *srv = arg;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		server_pause_listening(srv, errno);
		return;
	}
	if (server_has_peer(srv) && conn_hung_up(&srv->conn))
		server_finish(srv);
	if (server_has_peer(srv))
		server_refuse(srv, fd);
	else if (server_connect(srv, fd) < 0)
		vbs_log(srv->vm, VBS_LOG_ERROR, "%s: no memory for a %s",
			srv->name, srv->ops->peer);
	else if (srv->once)
		server_close_listener(srv);
}

static int
server_listen(struct server *srv, int fd)
{
	srv->listen_fd = fd;
	srv->listen_ev = event_new(srv->base, fd, EV_READ | EV_PERSIST,
				   server_on_accept, srv);
	srv->relisten_ev = evtimer_new(srv->base, server_on_relisten, srv);
	if (!srv->listen_ev || !srv->relisten_ev ||
	    event_add(srv->listen_ev, NULL) < 0)
		return -ENOMEM;
	return 0;
}

/* 1: a listening UNIX stream socket, 0: a connected one, or -ENOTSOCK. */
static int
server_socket_kind(int fd)
{
	int listening = 0;
	socklen_t len = sizeof(int);

	if (!conn_is_unix_stream(fd) ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
		return -ENOTSOCK;
	return listening;
}

/* ---- the calls --------------------------------------------------------- */

void
server_init(struct server *srv, struct event_base *base,
	    const struct server_ops *ops, void *arg)
{
	*srv = (struct server){
		.ops = ops,
		.arg = arg,
		.base = base,
		.listen_fd = -1,
		.conn = { .fd = -1 },
	};
}

int
server_start(struct server *srv, const char *name, int fd)
{
	int listening = server_socket_kind(fd);

	if (listening < 0) {
		(void)close(fd);
		return listening;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	srv->name = name;
	return listening ? server_listen(srv, fd) : server_connect(srv, fd);
}

void
server_stop(struct server *srv)
{
	srv->on_end = NULL; /* it is the caller who ends it */
	server_drop(srv);
	server_close_listener(srv);
}
