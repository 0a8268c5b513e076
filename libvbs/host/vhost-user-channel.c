// SPDX-License-Identifier: BSD-3-Clause
/*
 * vhost-user: what we say without being asked. So far that is one thing: the
 * configuration has changed. Many changes are one message, none is repeated,
 * and a front end that does not read them misses them. While all rings are
 * stopped nothing may be said; it is when the first is started.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "host/vhost-user.h"

void
vhu_channel_clear(struct vhu_channel *ch)
{
	if (ch->fd >= 0)
		(void)close(ch->fd);
	ch->fd = -1;
	ch->pending = false;
}

/* Full: the front end has some to read. Anything else: it has gone. */
static void
channel_send(struct vhu_channel *ch)
{
	const struct vhu_hdr hdr = {
		.request = VHU_BACKEND_CONFIG_CHANGE,
		.flags = VHU_VERSION,
	};
	ssize_t n =
		send(ch->fd, &hdr, sizeof(hdr), MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n != (ssize_t)sizeof(hdr) && !(n < 0 && errno == EAGAIN))
		vhu_channel_clear(ch);
}

static void
channel_on_change(evutil_socket_t fd, short what, void *arg)
{
	struct vbs_vhost_user *srv = arg;
	eventfd_t n;

	(void)eventfd_read(fd, &n);
	srv->channel.pending = true;
	vhu_channel_update(srv);
}

void
vhu_channel_update(struct vbs_vhost_user *srv)
{
	struct vhu_channel *ch = &srv->channel;

	if (!ch->pending || !vhu_rings_started(srv))
		return;
	ch->pending = false;
	if (ch->fd >= 0 && vhu_has_protocol(srv, VHU_PF_CONFIG))
		channel_send(ch);
}

void
vhu_channel_changed(void *arg)
{
	struct vbs_vhost_user *srv = arg;

	(void)eventfd_write(srv->channel.event_fd, 1);
}

int
vhu_set_backend_req_fd(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	struct vhu_channel *ch = &srv->channel;

	/* Of anything else a send could block, or be a signal. */
	if (msg->fds->n == 0 || !conn_is_unix_stream(msg->fds->fd[0]))
		return -EINVAL;
	vhu_channel_clear(ch);
	ch->fd = vhu_take_fd(msg);
	return 0;
}

int
vhu_channel_start(struct vhu_channel *ch, struct vbs_vhost_user *srv,
		  struct event_base *base)
{
	if (ch->event_fd < 0)
		ch->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ch->event_fd < 0)
		return -errno;
	ch->ev = event_new(base, ch->event_fd, EV_READ | EV_PERSIST,
			   channel_on_change, srv);
	if (!ch->ev || event_add(ch->ev, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void
vhu_channel_stop(struct vhu_channel *ch)
{
	vhu_channel_clear(ch);
	if (ch->ev)
		event_free(ch->ev);
	ch->ev = NULL;
}

void
vhu_channel_deinit(struct vhu_channel *ch)
{
	if (ch->event_fd >= 0)
		(void)close(ch->event_fd);
	ch->event_fd = -1;
}
