// SPDX-License-Identifier: BSD-3-Clause
/*
 * vhost-user: device state for a migration.
 *
 * The pipe is always ours, and the front end gets an end of it: its own could
 * be anything, and it could make it block. A state that is saved fits into the
 * pipe as a whole; one that is loaded is read as it comes, up to its end, and
 * looked at when the front end asks how that went.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "host/vhost-user.h"
#include "virtio/state.h"

/* The file goes, and what it is about, but not how it went. */
static void
transfer_close(struct vhu_incoming *in)
{
	if (in->ev)
		event_free(in->ev);
	in->ev = NULL;
	if (in->fd >= 0)
		(void)close(in->fd);
	in->fd = -1;
	free(in->buf);
	in->buf = NULL;
	in->len = 0;
}

void
vhu_transfer_clear(struct vbs_vhost_user *srv)
{
	transfer_close(&srv->incoming);
	srv->transfer_result = -EINVAL; /* there was none */
}

/* ---- save -----------------------------------------------------------------
 */

/* Put all of it into a pipe; a descriptor to read it from, or -errno. */
static int
fill_pipe(const uint8_t *buf, size_t len)
{
	ssize_t n;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
	n = write(ends[1], buf, len); /* we have the other end as well */
	(void)close(ends[1]);
	if (n == (ssize_t)len)
		return ends[0];
	(void)close(ends[0]);
	return -ENOSPC;
}

static int
transfer_save(struct vbs_vhost_user *srv)
{
	uint8_t *buf = malloc(STATE_MAX);
	long n = buf ? state_save(srv->vb, buf, STATE_MAX) : -ENOMEM;
	int fd = n < 0 ? (int)n : fill_pipe(buf, (size_t)n);

	free(buf);
	srv->transfer_result = fd < 0 ? fd : 0;
	return fd;
}

/* ---- load -----------------------------------------------------------------
 */

/* The end of the file, or what went wrong with it. */
static void
load_end(struct vbs_vhost_user *srv, int rc)
{
	struct vhu_incoming *in = &srv->incoming;

	if (rc == 0)
		rc = vhu_rings_busy(srv)
			     ? -EBUSY
			     : state_load(srv->vb, in->buf, in->len);
	if (rc < 0 && vhu_first(srv, VHU_SAID_STATE))
		vbs_log(srv->vm, VBS_LOG_WARNING,
			"%s: device state refused: %s", srv->dev->name,
			strerror(-rc));
	srv->transfer_result = rc;
	transfer_close(in);
}

/* Read what is there; one byte more than there may be is an error. */
static void
load_read(struct vbs_vhost_user *srv)
{
	struct vhu_incoming *in = &srv->incoming;
	ssize_t n = 1;

	while (n > 0 && in->len <= STATE_MAX) {
		n = read(in->fd, in->buf + in->len, STATE_MAX + 1 - in->len);
		if (n > 0)
			in->len += (size_t)n;
	}
	if (n > 0)
		load_end(srv, -EFBIG);
	else if (n == 0)
		load_end(srv, 0);
	else if (errno != EAGAIN && errno != EINTR)
		load_end(srv, -errno);
}

static void
load_on_readable(evutil_socket_t fd, short what, void *arg)
{
	load_read(arg);
}

static int
load_begin(struct vbs_vhost_user *srv, int fd)
{
	struct vhu_incoming *in = &srv->incoming;

	in->fd = fd;
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	in->buf = malloc(STATE_MAX + 1);
	in->ev = event_new(srv->server.base, fd, EV_READ | EV_PERSIST,
			   load_on_readable, srv);
	if (!in->buf || !in->ev || event_add(in->ev, NULL) < 0) {
		transfer_close(in);
		return -ENOMEM;
	}
	srv->transfer_result = -EINPROGRESS;
	return 0;
}

/* The end of a pipe that the front end writes to, or -errno. */
static int
transfer_load(struct vbs_vhost_user *srv)
{
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	rc = load_begin(srv, ends[0]);
	if (rc == 0)
		return ends[1];
	(void)close(ends[1]);
	return rc;
}

/* ---- messages -------------------------------------------------------------
 */

static int
transfer_open(struct vbs_vhost_user *srv, const struct vhu_transfer *req)
{
	if (req->phase != 0 || vhu_rings_busy(srv))
		return -EBUSY;
	switch (req->direction) {
	case VHU_TRANSFER_SAVE:
		return transfer_save(srv);
	case VHU_TRANSFER_LOAD:
		return transfer_load(srv);
	default:
		return -EINVAL;
	}
}

int
vhu_set_device_state_fd(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	struct vhu_transfer req;
	int fd;

	memcpy(&req, msg->data, sizeof(req));
	vhu_transfer_clear(srv);
	fd = transfer_open(srv, &req);
	if (fd < 0)
		vhu_reply_u64(msg, VHU_FD_NONE | (uint8_t)-fd);
	else
		msg->reply_fd = fd;
	return 0;
}

int
vhu_check_device_state(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	if (srv->incoming.fd >= 0)
		load_read(srv); /* its end may not have been seen yet */
	vhu_reply_u64(msg, (uint64_t)-srv->transfer_result);
	vhu_transfer_clear(srv);
	return 0;
}
