// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user, front end: messages, replies, and the back end's channel. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/clock.h"
#include "driver/vhost-user.h"

#define HDR_SIZE sizeof(struct drv_vu_hdr)

/* ---- raw ---- */

int
drv_vu_send(int fd, const struct drv_vu_hdr *hdr, const void *body, size_t len,
	    const int *fds, int n_fds)
{
	uint8_t buf[HDR_SIZE + DRV_VU_MAX_BODY];
	size_t first = len < DRV_VU_MAX_BODY ? len : DRV_VU_MAX_BODY;
	int rc;

	memcpy(buf, hdr, HDR_SIZE);
	if (first)
		memcpy(buf + HDR_SIZE, body, first);
	rc = drv_socket_send(fd, buf, HDR_SIZE + first, fds, n_fds);
	if (rc < 0 || len == first)
		return rc;
	return drv_socket_send(fd, (const uint8_t *)body + first, len - first,
			       NULL, 0);
}

int
drv_vu_recv(int fd, struct drv_vu_msg *msg, int timeout_ms)
{
	int64_t end = drv_now_ms() + timeout_ms;
	ssize_t n;

	msg->n_fds = 0;
	n = drv_socket_recv(fd, &msg->hdr, HDR_SIZE, msg->fds, DRV_VU_MAX_FDS,
			    &msg->n_fds, end);
	if (n > 0 && msg->hdr.size > DRV_VU_MAX_BODY)
		n = -EMSGSIZE;
	if (n > 0 && msg->hdr.size > 0) {
		n = drv_socket_recv(fd, msg->body, msg->hdr.size, msg->fds,
				    DRV_VU_MAX_FDS, &msg->n_fds, end);
		if (n == 0)
			n = -ECONNRESET;
	}
	if (n > 0)
		return 1;
	drv_vu_msg_drop(msg);
	return (int)n;
}

void
drv_vu_msg_drop(struct drv_vu_msg *msg)
{
	for (int i = 0; i < msg->n_fds; i++) {
		if (msg->fds[i] >= 0)
			(void)close(msg->fds[i]);
	}
	msg->n_fds = 0;
}

/* ---- a connection ---- */

void
drv_vu_init(struct drv_vu *vu, int fd)
{
	memset(vu, 0, sizeof(*vu));
	vu->fd = fd;
	vu->back_fd = -1;
	vu->timeout_ms = DRV_TIMEOUT_MS;
}

void
drv_vu_deinit(struct drv_vu *vu)
{
	drv_vu_msg_drop(&vu->reply);
	drv_vu_msg_drop(&vu->back);
	if (vu->fd >= 0)
		(void)close(vu->fd);
	if (vu->back_fd >= 0)
		(void)close(vu->back_fd);
	vu->fd = -1;
	vu->back_fd = -1;
}

int
drv_vu_post(struct drv_vu *vu, uint32_t request, uint32_t flags,
	    const void *body, size_t len, const int *fds, int n_fds)
{
	struct drv_vu_hdr hdr = { request, DRV_VU_VERSION | flags,
				  (uint32_t)len };

	return drv_vu_send(vu->fd, &hdr, body, len, fds, n_fds);
}

/* ---- the back end's channel ---- */

/* One request of the back end has come: keep it, count it, answer it. */
static int
back_take(struct drv_vu *vu)
{
	struct drv_vu_hdr hdr;
	int rc;

	drv_vu_msg_drop(&vu->back);
	rc = drv_vu_recv(vu->back_fd, &vu->back, vu->timeout_ms);
	if (rc <= 0)
		return rc < 0 ? rc : -ECONNRESET;
	hdr = vu->back.hdr;
	if ((hdr.flags & DRV_VU_VERSION_MASK) != DRV_VU_VERSION ||
	    (hdr.flags & DRV_VU_REPLY))
		return -EPROTO;
	vu->n_back_msgs++;
	if (hdr.request == DRV_VU_BACK_CONFIG_CHANGE)
		vu->n_config_changes++;
	if (!(hdr.flags & DRV_VU_NEED_REPLY))
		return 0;
	hdr.flags = DRV_VU_VERSION | DRV_VU_REPLY;
	hdr.size = sizeof(vu->back_answer);
	return drv_vu_send(vu->back_fd, &hdr, &vu->back_answer,
			   sizeof(vu->back_answer), NULL, 0);
}

int
drv_vu_serve_back(struct drv_vu *vu, int timeout_ms)
{
	struct pollfd pfd = { .fd = vu->back_fd, .events = POLLIN };
	int rc = 0;

	while (rc == 0 && poll(&pfd, 1, timeout_ms) > 0) {
		rc = back_take(vu);
		timeout_ms = 0;
	}
	return rc;
}

int
drv_vu_open_back(struct drv_vu *vu)
{
	int pair[2], rc;

	if (vu->back_fd >= 0)
		(void)close(vu->back_fd);
	vu->back_fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	vu->back_fd = pair[0];
	rc = drv_vu_set_none(vu, DRV_VU_SET_BACKEND_REQ_FD, pair[1]);
	(void)close(pair[1]);
	return rc;
}

/* ---- requests and replies ---- */

/* Until the main socket has something, serve the other one. */
static int
wait_for_main(struct drv_vu *vu, int64_t end)
{
	for (;;) {
		struct pollfd pfds[2] = {
			{ .fd = vu->fd, .events = POLLIN },
			{ .fd = vu->back_fd, .events = POLLIN },
		};
		int n = poll(pfds, vu->back_fd < 0 ? 1 : 2, drv_ms_left(end));
		int rc;

		if (n == 0 || (n < 0 && errno != EINTR))
			return -ETIMEDOUT;
		if (n < 0 || pfds[0].revents)
			return n < 0 ? -EINTR : 0;
		rc = back_take(vu);
		if (rc == -ECONNRESET) {
			(void)close(vu->back_fd);
			vu->back_fd = -1;
		} else if (rc < 0) {
			return rc;
		}
	}
}

int
drv_vu_wait_reply(struct drv_vu *vu, uint32_t request)
{
	int64_t end = drv_now_ms() + vu->timeout_ms;
	const struct drv_vu_hdr *hdr = &vu->reply.hdr;
	int rc;

	drv_vu_msg_drop(&vu->reply);
	do
		rc = wait_for_main(vu, end);
	while (rc == -EINTR);
	if (rc < 0)
		return rc;
	rc = drv_vu_recv(vu->fd, &vu->reply, drv_ms_left(end));
	if (rc <= 0)
		return rc < 0 ? rc : -ECONNRESET;
	if (hdr->request != request || !(hdr->flags & DRV_VU_REPLY) ||
	    (hdr->flags & DRV_VU_VERSION_MASK) != DRV_VU_VERSION)
		return -EPROTO;
	return 0;
}

int
drv_vu_get(struct drv_vu *vu, uint32_t request, const void *body, size_t len)
{
	int rc = drv_vu_post(vu, request, 0, body, len, NULL, 0);

	return rc < 0 ? rc : drv_vu_wait_reply(vu, request);
}

/* The reply is one number. */
static int
reply_u64(const struct drv_vu *vu, uint64_t *val)
{
	if (vu->reply.hdr.size != sizeof(*val))
		return -EPROTO;
	memcpy(val, vu->reply.body, sizeof(*val));
	return 0;
}

int
drv_vu_set(struct drv_vu *vu, uint32_t request, const void *body, size_t len,
	   const int *fds, int n_fds)
{
	bool ack = drv_vu_has(vu, DRV_VUP_REPLY_ACK);
	uint64_t answer = 0;
	int rc = drv_vu_post(vu, request, ack ? DRV_VU_NEED_REPLY : 0, body,
			     len, fds, n_fds);

	if (rc < 0 || !ack)
		return rc;
	rc = drv_vu_wait_reply(vu, request);
	if (rc == 0)
		rc = reply_u64(vu, &answer);
	return rc == 0 && answer ? -EREMOTEIO : rc;
}

int
drv_vu_get_u64(struct drv_vu *vu, uint32_t request, uint64_t *val)
{
	int rc = drv_vu_get(vu, request, NULL, 0);

	return rc < 0 ? rc : reply_u64(vu, val);
}

int
drv_vu_set_u64(struct drv_vu *vu, uint32_t request, uint64_t val)
{
	return drv_vu_set(vu, request, &val, sizeof(val), NULL, 0);
}

int
drv_vu_set_none(struct drv_vu *vu, uint32_t request, int fd)
{
	return drv_vu_set(vu, request, NULL, 0, &fd, fd >= 0);
}

int
drv_vu_set_state(struct drv_vu *vu, uint32_t request, uint32_t index,
		 uint32_t num)
{
	struct drv_vu_state state = { index, num };

	return drv_vu_set(vu, request, &state, sizeof(state), NULL, 0);
}

int
drv_vu_set_vring_fd(struct drv_vu *vu, uint32_t request, uint32_t index, int fd)
{
	uint64_t val = index | (fd < 0 ? DRV_VU_NO_FD : 0);

	return drv_vu_set(vu, request, &val, sizeof(val), &fd, fd >= 0);
}

int
drv_vu_take_fd(struct drv_vu *vu, int i)
{
	int fd = i < vu->reply.n_fds ? vu->reply.fds[i] : -1;

	if (fd < 0)
		return -ENOENT;
	vu->reply.fds[i] = -1;
	return fd;
}

bool
drv_vu_has(const struct drv_vu *vu, int protocol_bit)
{
	return vu->protocol >> protocol_bit & 1;
}

int
drv_vu_set_protocol(struct drv_vu *vu, uint64_t protocol)
{
	/* Not acknowledged yet: whether it may be asked for is decided here. */
	int rc = drv_vu_set_u64(vu, DRV_VU_SET_PROTOCOL_FEATURES, protocol);

	if (rc == 0)
		vu->protocol = protocol;
	return rc;
}

int
drv_vu_get_vring_base(struct drv_vu *vu, uint32_t index, uint32_t *base)
{
	struct drv_vu_state state = { index, 0 };
	int rc = drv_vu_get(vu, DRV_VU_GET_VRING_BASE, &state, sizeof(state));

	if (rc < 0)
		return rc;
	if (vu->reply.hdr.size != sizeof(state))
		return -EPROTO;
	memcpy(&state, vu->reply.body, sizeof(state));
	if (state.index != index)
		return -EPROTO;
	*base = state.num;
	return 0;
}

int
drv_vu_get_config(struct drv_vu *vu, uint32_t off, void *buf, uint32_t len)
{
	struct drv_vu_config c = { .offset = off, .size = len };
	int rc;

	if (len > sizeof(c.bytes))
		return -EINVAL;
	rc = drv_vu_get(vu, DRV_VU_GET_CONFIG, &c, DRV_VU_CONFIG_HDR + len);
	if (rc < 0)
		return rc;
	if (vu->reply.hdr.size == 0)
		return -EREMOTEIO;
	if (vu->reply.hdr.size != DRV_VU_CONFIG_HDR + len)
		return -EPROTO;
	memcpy(buf, vu->reply.body + DRV_VU_CONFIG_HDR, len);
	return 0;
}

int
drv_vu_set_config(struct drv_vu *vu, uint32_t off, uint32_t flags,
		  const void *buf, uint32_t len)
{
	struct drv_vu_config c = { .offset = off, .size = len, .flags = flags };

	if (len > sizeof(c.bytes))
		return -EINVAL;
	memcpy(c.bytes, buf, len);
	return drv_vu_set(vu, DRV_VU_SET_CONFIG, &c, DRV_VU_CONFIG_HDR + len,
			  NULL, 0);
}
