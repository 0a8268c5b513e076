// SPDX-License-Identifier: BSD-3-Clause
/* Bytes and descriptors in and out of the socket. */
#include "host/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

/* Kept while a client is there; larger messages have room while they last. */
#define RX_SIZE 8192u
#define TX_SIZE 8192u

#define TX_HIGH 65536u /* replies that wait, before no more are made */

void
conn_fds_close(struct conn_fds *fds)
{
	for (int i = 0; i < fds->n; i++) {
		if (fds->fd[i] >= 0)
			(void)close(fds->fd[i]);
	}
	fds->n = 0;
}

bool
conn_is_unix_stream(int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       domain == AF_UNIX && type == SOCK_STREAM;
}

int
conn_open(struct conn *conn, int fd)
{
	conn->rx = malloc(RX_SIZE);
	conn->tx = malloc(TX_SIZE);
	if (!conn->rx || !conn->tx) {
		free(conn->rx);
		free(conn->tx);
		conn->rx = conn->tx = NULL;
		return -ENOMEM;
	}
	conn->rx_cap = RX_SIZE;
	conn->tx_cap = TX_SIZE;
	conn->rx_len = conn->tx_len = conn->tx_off = 0;
	conn->rx_fds.n = conn->new_fds.n = conn->n_tx_fds = 0;
	conn->own_fd = -1;
	conn->fd = fd;
	return 0;
}

void
conn_give_fd(struct conn *conn, int fd)
{
	conn->own_fd = fd;
	conn->tx_fds = &conn->own_fd;
	conn->n_tx_fds = 1;
}

/* Descriptors have gone with the bytes, or never will. */
static void
conn_sent_fds(struct conn *conn)
{
	conn->n_tx_fds = 0;
	if (conn->own_fd >= 0)
		(void)close(conn->own_fd);
	conn->own_fd = -1;
}

void
conn_close(struct conn *conn)
{
	if (conn->fd < 0)
		return;
	if (conn->rd)
		event_free(conn->rd);
	if (conn->wr)
		event_free(conn->wr);
	conn->rd = conn->wr = NULL;
	(void)close(conn->fd);
	conn->fd = -1;
	conn_fds_close(&conn->rx_fds);
	conn_fds_close(&conn->new_fds);
	conn_sent_fds(conn);
	free(conn->rx);
	free(conn->tx);
	conn->rx = conn->tx = NULL;
	conn->rx_cap = conn->rx_len = 0;
	conn->tx_cap = conn->tx_len = conn->tx_off = 0;
}

/* Collect the descriptors of one message header; false if some were lost. */
static bool
conn_take_fds(struct conn *conn, struct msghdr *mh)
{
	bool whole = !(mh->msg_flags & MSG_CTRUNC);
	struct cmsghdr *cm;

	for (cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		const uint8_t *src = CMSG_DATA(cm);

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++, src += sizeof(int)) {
			int fd;

			memcpy(&fd, src, sizeof(fd));
			if (conn->new_fds.n < CONN_MAX_FDS) {
				conn->new_fds.fd[conn->new_fds.n++] = fd;
			} else {
				(void)close(fd);
				whole = false;
			}
		}
	}
	return whole;
}

long
conn_recv(struct conn *conn)
{
	union {
		struct cmsghdr align;
		uint8_t buf[CMSG_SPACE(CONN_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = {
		.iov_base = conn->rx + conn->rx_len,
		.iov_len = conn->rx_cap - conn->rx_len,
	};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n;

	n = recvmsg(conn->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	/*
	 * A stream that gives less than it could has no more, unless it stops
	 * where descriptors or credentials change.
	 */
	conn->answered = false;
	conn->dry = n > 0 && (size_t)n < iov.iov_len && mh.msg_controllen == 0;
	/* None may be left of those that the kernel could not give us. */
	if (!conn_take_fds(conn, &mh))
		return -E2BIG;
	conn->rx_len += (size_t)n;
	return n;
}

void
conn_consume(struct conn *conn, size_t n)
{
	uint8_t *small;

	conn->rx_len -= n;
	if (conn->rx_len > 0) {
		if (n > 0)
			memmove(conn->rx, conn->rx + n, conn->rx_len);
		return;
	}
	if (conn->rx_cap > RX_SIZE) {
		small = realloc(conn->rx, RX_SIZE);
		if (small) {
			conn->rx = small;
			conn->rx_cap = RX_SIZE;
		}
	}
}

int
conn_want(struct conn *conn, size_t n)
{
	uint8_t *rx;

	if (n <= conn->rx_cap)
		return 0;
	rx = realloc(conn->rx, n);
	if (!rx)
		return -ENOMEM;
	conn->rx = rx;
	conn->rx_cap = n;
	return 0;
}

int
conn_adopt(struct conn *conn)
{
	struct conn_fds *to = &conn->rx_fds, *from = &conn->new_fds;

	if (from->n > CONN_MAX_FDS - to->n)
		return -E2BIG;
	memcpy(to->fd + to->n, from->fd, (size_t)from->n * sizeof(int));
	to->n += from->n;
	from->n = 0;
	return 0;
}

int
conn_room(struct conn *conn, size_t n)
{
	size_t want = conn->tx_len + n;
	uint8_t *tx;

	if (want <= conn->tx_cap)
		return 0;
	tx = realloc(conn->tx, want);
	if (!tx)
		return -ENOMEM;
	conn->tx = tx;
	conn->tx_cap = want;
	return 0;
}

/* Send once, and descriptors with the first byte. */
static ssize_t
conn_send_fds(struct conn *conn)
{
	union {
		struct cmsghdr align;
		uint8_t buf[CMSG_SPACE(CONN_MAX_FDS * sizeof(int))];
	} control;
	size_t n_bytes = (size_t)conn->n_tx_fds * sizeof(int);
	struct iovec iov = {
		.iov_base = conn->tx + conn->tx_off,
		.iov_len = conn->tx_len - conn->tx_off,
	};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = CMSG_SPACE(n_bytes),
	};
	struct cmsghdr *cm = &control.align;

	memset(&control, 0, sizeof(control));
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(n_bytes);
	memcpy(CMSG_DATA(cm), conn->tx_fds, n_bytes);
	return sendmsg(conn->fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Send once. What most replies are costs the least of calls. */
static ssize_t
conn_send(struct conn *conn)
{
	if (conn->n_tx_fds > 0)
		return conn_send_fds(conn);
	return send(conn->fd, conn->tx + conn->tx_off,
		    conn->tx_len - conn->tx_off, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* All has been sent. */
static void
conn_tx_done(struct conn *conn)
{
	uint8_t *small;

	conn->tx_off = conn->tx_len = 0;
	if (conn->tx_cap <= TX_SIZE)
		return;
	small = realloc(conn->tx, TX_SIZE);
	if (small) {
		conn->tx = small;
		conn->tx_cap = TX_SIZE;
	}
}

int
conn_flush(struct conn *conn)
{
	while (conn->tx_off < conn->tx_len) {
		ssize_t n = conn_send(conn);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		conn->answered = true;
		conn->tx_off += (size_t)n;
		conn_sent_fds(conn);
	}
	conn_tx_done(conn);
	return 0;
}

int
conn_make_way(struct conn *conn, bool with_fds)
{
	/* Descriptors go with the first byte of what is sent. */
	if (conn->tx_len > TX_HIGH || (conn->tx_len > 0 && with_fds) ||
	    conn->n_tx_fds > 0)
		return conn_flush(conn);
	return 0;
}

bool
conn_hung_up(const struct conn *conn)
{
	struct pollfd pfd = { .fd = conn->fd, .events = POLLRDHUP };

	return poll(&pfd, 1, 0) > 0 &&
	       (pfd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}
