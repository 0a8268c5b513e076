/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection: bytes and descriptors in, bytes and descriptors out. It
 * never blocks, and it holds at most one message of the largest size in each
 * direction.
 */
#ifndef HOST_CONN_H
#define HOST_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel passes in one sendmsg(2), at most. */
#define CONN_MAX_FDS 253

/* Descriptors that are ours to close; -1 where somebody took one. */
struct conn_fds {
	int fd[CONN_MAX_FDS];
	int n;
};

struct conn {
	int fd; /* -1: nobody there */
	struct event *rd;
	struct event *wr;

	uint8_t *rx; /* received, not handled */
	size_t rx_len;
	size_t rx_cap;
	bool dry;                /* the latest bytes were all that there were */
	bool answered;           /* and then something has been sent */
	struct conn_fds rx_fds;  /* came with the first message in rx */
	struct conn_fds new_fds; /* came with the last message in rx */

	uint8_t *tx; /* replies: tx_off have been sent, tx_len written */
	size_t tx_off;
	size_t tx_len;
	size_t tx_cap;
	const int *tx_fds; /* to go with the next byte; borrowed */
	int n_tx_fds;
	int own_fd; /* -1, or one that is closed when it has been sent */
};

void conn_fds_close(struct conn_fds *fds);

/* Is it a UNIX stream socket? */
bool conn_is_unix_stream(int fd);

/* Take over a connected, non-blocking socket. 0 or -ENOMEM. */
int conn_open(struct conn *conn, int fd);
/* Close it and free all that it holds; fine when nobody is there. */
void conn_close(struct conn *conn);

/* Receive once. Bytes, 0 at the end of the stream, or a negative errno. */
long conn_recv(struct conn *conn);
/* Drop n bytes from the front of what was received. */
void conn_consume(struct conn *conn, size_t n);
/* Have room for n bytes in all. 0 or -ENOMEM. */
int conn_want(struct conn *conn, size_t n);
/* The latest descriptors belong to the first message. 0 or -E2BIG. */
int conn_adopt(struct conn *conn);

/* Have room for n bytes of replies beyond what is queued. 0 or -ENOMEM. */
int conn_room(struct conn *conn, size_t n);
/*
 * May one more reply be queued, perhaps with descriptors? 0, -EAGAIN: the
 * other side has to read first, or what sending has returned.
 */
int conn_make_way(struct conn *conn, bool with_fds);
/* Have a descriptor go with the next byte: the connection's from now on. */
void conn_give_fd(struct conn *conn, int fd);
/* Send what is queued. 0, -EAGAIN if some is left, or another errno. */
int conn_flush(struct conn *conn);

/* Has the other side gone (whatever it may have sent before)? */
bool conn_hung_up(const struct conn *conn);

#endif
